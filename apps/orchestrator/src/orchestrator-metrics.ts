/** What an orchestrator shows at `/metrics`; read from its parts when asked, so that counting costs nothing. */
import type { HistoryStore, Lanes, Outbox, Scheduler, StartGate } from '@millrace/lane';
import type { Metrics } from '@millrace/telemetry';

interface Parts {
  readonly lanes: Lanes;
  readonly scheduler: Scheduler;
  readonly gate: StartGate;
  readonly history: HistoryStore;
  readonly outbox: Outbox;
}

export function observeOrchestrator(metrics: Metrics, { lanes, scheduler, gate, history, outbox }: Parts): void {
  const perLane = (name: string, help: string, read: (lane: ReturnType<Lanes['all']>[number]) => number): void => {
    metrics.gauge(name, help, ['lane'], (gauge) => {
      gauge.reset();
      for (const lane of lanes.all()) gauge.set({ lane: String(lane.number) }, read(lane));
    });
  };
  const single = (name: string, help: string, read: () => number): void => {
    metrics.gauge(name, help, [], (gauge) => gauge.set(read()));
  };
  perLane('millrace_lane_frames_count', 'Frames appended since this process took the lane', (lane) => lane.counts.frames);
  perLane('millrace_lane_messages_count', 'Messages taken from the mailbox since this process took the lane', (lane) => lane.counts.messages);
  perLane('millrace_lane_steps_count', 'Step results applied since this process took the lane', (lane) => lane.counts.steps);
  perLane('millrace_lane_started_count', 'Executions accepted since this process took the lane', (lane) => lane.counts.started);
  perLane('millrace_lane_ended_count', 'Executions ended since this process took the lane', (lane) => lane.counts.ended);
  perLane('millrace_lane_framed_bytes', 'Bytes of frames before compression', (lane) => lane.counts.framedBytes);
  perLane('millrace_lane_executions_count', 'Executions in memory', (lane) => lane.actors.size);
  perLane('millrace_lane_sleeping_count', 'Executions that sleep: out of memory, until a timer or somebody wakes them', (lane) => lane.sleeping);
  perLane('millrace_lane_backlog_count', 'Ended executions of which the log alone has the journal, until history can take it', (lane) => lane.backlog);
  single('millrace_steps_dispatched_count', 'Steps sent to workers', () => scheduler.counts.dispatched);
  single('millrace_steps_redispatched_count', 'Steps sent again because their worker had gone', () => scheduler.counts.redispatched);
  single('millrace_steps_outstanding_count', 'Steps in the hands of workers', () => scheduler.outstanding);
  single('millrace_steps_waiting_count', 'Steps that wait for a permit or a worker', () => scheduler.waiting);
  single('millrace_starts_throttled_count', 'Starts that had to wait for their organisation\'s rate', () => gate.throttled);
  single('millrace_history_waiting_characters', 'Journal text that waits for the database', () => history.waitingCharacters);
  single('millrace_outbox_waiting_count', 'Lifecycle events that wait for JetStream', () => outbox.waiting);
}
