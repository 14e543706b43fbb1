/**
 * Following executions live: events made from the records of durable transitions.
 */
import type { Execution, JournalRecord } from '@millrace/engine';
import type { TailEvent, TailRequest } from '@millrace/contracts/orchestrator/v1/executions';
import type { Lanes } from '@millrace/lane';

/** Events that wait for a slow reader; further ones are left out until it has read. */
const BUFFER_MAX = 10_000;
/** How often lanes that came here since are looked for, in milliseconds. */
const REFRESH_MS = 250;

export async function* tail(lanes: Lanes, request: TailRequest, signal: AbortSignal): AsyncGenerator<TailEvent> {
  const events: TailEvent[] = [];
  let wake: () => void = () => undefined;
  const observed = new Map<number, () => void>();
  /** Where the live tasks of executions that are followed stand: a result names its activation alone. */
  const places = new Map<string, Map<number, number>>();
  const observe = (): void => {
    for (const lane of lanes.all()) {
      if (observed.has(lane.number)) continue;
      const stop = lane.observe((execution, atMs, records) => {
        if (!wanted(execution, request)) return;
        for (const record of records) {
          const event = eventOf(execution, atMs, record, placeOf(places, execution, record));
          if (event !== undefined && events.length < BUFFER_MAX) events.push(event);
        }
        wake();
      });
      observed.set(lane.number, stop);
      void lane.ended.then(() => observed.delete(lane.number));
    }
  };
  observe();
  const timer = setInterval(observe, REFRESH_MS);
  const onAbort = (): void => wake();
  signal.addEventListener('abort', onAbort, { once: true });
  try {
    while (!signal.aborted) {
      while (events.length > 0) yield events.shift() as TailEvent;
      if (signal.aborted) break;
      await new Promise<void>((settle) => {
        wake = settle;
      });
    }
  } finally {
    clearInterval(timer);
    signal.removeEventListener('abort', onAbort);
    for (const stop of observed.values()) stop();
  }
}

function wanted(execution: Execution, request: TailRequest): boolean {
  return (request.organisation === '' || execution.organisation === request.organisation) && (request.execution === '' || execution.id === request.execution) && (request.workflow === '' || execution.workflow === request.workflow);
}

/** The node of the record's task, remembered from its entry; undefined for one entered before the tail began. */
function placeOf(places: Map<string, Map<number, number>>, execution: Execution, record: JournalRecord): number | undefined {
  if (record.kind === 'ended') {
    places.delete(execution.id);
    return undefined;
  }
  if (record.kind === 'entered') {
    const known = places.get(execution.id) ?? new Map<number, number>();
    known.set(record.activation, record.node);
    places.set(execution.id, known);
    return record.node;
  }
  if (!('activation' in record)) return undefined;
  const node = places.get(execution.id)?.get(record.activation);
  if (record.kind === 'resolved' || record.kind === 'exited') places.get(execution.id)?.delete(record.activation);
  return node;
}

/** What an operation is called in a tail. */
const OPERATED = { pause: 'paused', resume: 'resumed', cancel: 'cancelling', approve: 'approved', reject: 'rejected', delegate: 'delegated' } as const;

function eventOf(execution: Execution, atMs: number, record: JournalRecord, place: number | undefined): TailEvent | undefined {
  const make = (kind: string, node?: number, detail = ''): TailEvent => ({ organisation: execution.organisation, execution: execution.id, workflow: execution.workflow, atMs, kind, reference: node === undefined ? '' : (execution.program.nodes[node]?.reference ?? ''), detail });
  switch (record.kind) {
    case 'started':
      return make('started');
    case 'entered':
      if (record.node === 0) return undefined;
      return make(record.dueMs === undefined ? 'task-started' : 'waiting', record.node, record.attempt > 1 ? `attempt ${record.attempt}` : '');
    case 'passed':
      return make('task-completed', record.node);
    case 'resolved':
      return make('task-completed', place, place === undefined ? `activation ${record.activation}` : '');
    case 'failed':
      return record.error === undefined ? undefined : make('task-faulted', record.node, record.error.detail ?? record.error.type);
    case 'retrying':
      return make('task-retrying', place, `retry ${record.retry} at ${new Date(record.dueMs).toISOString()}`);
    case 'operated':
      return make(OPERATED[record.act], place, `by ${record.by}${record.reason === undefined ? '' : `: ${record.reason}`}`);
    case 'ended':
      return make(record.status, undefined, record.error?.detail ?? '');
    default:
      return undefined;
  }
}
