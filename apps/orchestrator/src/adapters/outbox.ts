/**
 * The outbox of this process's lanes: lifecycle CloudEvents on their way to JetStream (E9).
 *
 * - An event leaves once its frame is durable and stays here until JetStream has it; until then its frame
 *   stays in the log, from which a later owner makes the event again.
 * - Its id is lane/sequence/index: consumers dedupe on it.
 * - What waits is bounded by the lanes: without JetStream no frame becomes durable and no event is made.
 * - Events are published in batches (CloudEvents JSON batch format, NATS binding), a few a second.
 */
import { ensureStream, EVENTS_STREAM, EVENTS_SUBJECTS, type Bus } from '@millrace/bus';
import { headers } from '@nats-io/transport-node';
import type { Logger } from '@millrace/telemetry';
import type { LifecycleEvent } from '../lane/ports.ts';

/** How long an event waits for others, in milliseconds. */
const GATHER_MS = 50;
/** Events of one message. */
const BATCH_MAX = 1_000;
const RETRY_MS = { first: 100, most: 2_000 } as const;
const PUBLISH_TIMEOUT_MS = 5_000;
/** Disk and age that the stream of events may take. */
const EVENTS_BYTES_MAX = 512 * 1024 * 1024;

/** DSL reference, "Workflow Lifecycle Events". */
const TYPES = {
  started: 'io.serverlessworkflow.workflow.started.v1',
  completed: 'io.serverlessworkflow.workflow.completed.v1',
  faulted: 'io.serverlessworkflow.workflow.faulted.v1',
  cancelled: 'io.serverlessworkflow.workflow.cancelled.v1',
} as const;

interface Waiting {
  readonly lane: number;
  readonly sequence: number;
  readonly organisation: string;
  readonly text: string;
}

export interface Outbox {
  put(event: LifecycleEvent): void;
  /** The first frame of the lane whose events wait here. */
  lowWater(lane: number): number;
  readonly waiting: number;
  /** The lane is no longer here: its next owner makes the events again. */
  dropLane(lane: number): void;
  close(): Promise<void>;
}

export function createOutbox(bus: Bus, logger: Logger): Outbox {
  let waiting: Waiting[] = [];
  let inFlight: readonly Waiting[] = [];
  let timer: NodeJS.Timeout | undefined;
  let retryMs = 0;
  let prepared = false;
  let closing = false;

  function arm(ms: number): void {
    timer ??= setTimeout(() => {
      timer = undefined;
      void flush();
    }, ms);
  }

  async function flush(): Promise<void> {
    if (inFlight.length > 0 || waiting.length === 0) return;
    const organisation = waiting[0]?.organisation ?? '';
    const batch: Waiting[] = [];
    const rest: Waiting[] = [];
    for (const event of waiting) (event.organisation === organisation && batch.length < BATCH_MAX ? batch : rest).push(event);
    inFlight = batch;
    waiting = rest;
    try {
      if (!prepared) {
        await ensureStream(bus, { name: EVENTS_STREAM, subjects: [EVENTS_SUBJECTS], maxBytes: EVENTS_BYTES_MAX, maxAgeMs: 24 * 3_600_000 });
        prepared = true;
      }
      const head = headers();
      head.set('content-type', 'application/cloudevents-batch+json');
      const answer = await bus.connection.request(`events.${organisation}.lifecycle`, `[${batch.map(({ text }) => text).join()}]`, { headers: head, timeout: PUBLISH_TIMEOUT_MS });
      const { error } = answer.json<{ readonly error?: { readonly description: string } }>();
      if (error !== undefined) throw new Error(error.description);
      retryMs = 0;
    } catch (error) {
      if (retryMs === 0) logger.warn('Lifecycle events wait for JetStream', { waiting: waiting.length + batch.length, error });
      waiting = [...batch, ...waiting];
      retryMs = Math.min(Math.max(retryMs * 2, RETRY_MS.first), RETRY_MS.most);
    } finally {
      inFlight = [];
    }
    if (waiting.length > 0 && !closing) arm(retryMs > 0 ? retryMs : 0);
  }

  return {
    put(event) {
      const { execution } = event;
      waiting.push({ lane: event.lane, sequence: event.sequence, organisation: execution.organisation, text: cloudEvent(event) });
      arm(GATHER_MS);
    },
    lowWater(lane) {
      let low = Infinity;
      for (const event of waiting) if (event.lane === lane) low = Math.min(low, event.sequence);
      for (const event of inFlight) if (event.lane === lane) low = Math.min(low, event.sequence);
      return low;
    },
    get waiting() {
      return waiting.length + inFlight.length;
    },
    dropLane(lane) {
      waiting = waiting.filter((event) => event.lane !== lane);
    },
    async close() {
      closing = true;
      clearTimeout(timer);
      timer = undefined;
      for (let tries = 0; waiting.length > 0 && tries < 100 && retryMs === 0; tries++) await flush();
    },
  };
}

function cloudEvent({ kind, lane, sequence, index, atMs, execution }: LifecycleEvent): string {
  const time = new Date(atMs).toISOString();
  const { program } = execution;
  return JSON.stringify({
    specversion: '1.0',
    id: `${lane}/${sequence}/${execution.id}/${index}`,
    source: `/organisations/${execution.organisation}/executions/${execution.id}`,
    type: TYPES[kind],
    subject: execution.id,
    time,
    datacontenttype: 'application/json',
    data: {
      name: execution.id,
      definition: { namespace: program.namespace, name: program.name, version: program.version },
      [`${kind}At`]: time,
      ...(kind === 'completed' ? { output: execution.end?.output?.value ?? null } : {}),
      ...(kind === 'faulted' ? { error: execution.end?.error ?? null } : {}),
    },
  });
}
