/**
 * The outbox of this process's lanes: lifecycle CloudEvents on their way to JetStream (E9).
 *
 * - An event leaves once its frame is durable and stays here until JetStream has it; until then its frame
 *   stays in the log, from which a later owner makes the event again.
 * - Its id is lane/sequence/execution/index: consumers dedupe on it.
 * - What waits is bounded by the lanes: without JetStream no frame becomes durable and no event is made.
 * - Events are published in batches (CloudEvents JSON batch format, NATS binding), a few a second and organisation.
 * - An organisation's events leave in their order; no organisation waits for the batches of another.
 */
import type { Cancel, Clock } from '@millrace/clock';
import { textOf } from '@millrace/engine';
import type { Logger } from '@millrace/telemetry';
import type { LifecycleEvent, TaskLifecycleEvent } from './lane/ports.ts';

/** How long an event waits for others of its organisation, in milliseconds: the least, for each batch of the last time, the most. */
const GATHER_MS = 50;
const GATHER_MS_EACH = 1;
const GATHER_MS_MAX = 500;
/** Batches on their way to JetStream at a time, a count; each is of another organisation. */
const ON_THEIR_WAY_MAX = 16;
/** Events of one message, and their text in characters; a single longer event goes alone. */
const BATCH_MAX = 1_000;
const BATCH_CHARACTERS_MAX = 256 * 1024;
/** A longer output, in characters, is left out of its event; the execution itself shows it. */
export const EVENT_OUTPUT_CHARACTERS_MAX = 64 * 1024;
const RETRY_MS = { first: 100, most: 2_000 } as const;
/** How long a stopping process goes on publishing, in milliseconds; what is left is the next owner's. */
const CLOSE_MS_MAX = 1_000;
/** How often it looks whether all is out, in milliseconds. */
const CLOSE_LOOK_MS = 5;

/** DSL reference, "Workflow Lifecycle Events". */
const TYPES = {
  started: 'io.serverlessworkflow.workflow.started.v1',
  suspended: 'io.serverlessworkflow.workflow.suspended.v1',
  resumed: 'io.serverlessworkflow.workflow.resumed.v1',
  completed: 'io.serverlessworkflow.workflow.completed.v1',
  faulted: 'io.serverlessworkflow.workflow.faulted.v1',
  cancelled: 'io.serverlessworkflow.workflow.cancelled.v1',
} as const;

interface Waiting {
  readonly lane: number;
  readonly sequence: number;
  readonly text: string;
}

export interface Outbox {
  put(event: LifecycleEvent): void;
  putTask(event: TaskLifecycleEvent): void;
  /** The first frame of the lane whose events wait here; Infinity when none does. */
  lowWater(lane: number): number;
  readonly waiting: number;
  /** The lane is no longer here: its next owner makes the events again. */
  dropLane(lane: number): void;
  close(): Promise<void>;
}

/** Publishes a batch of an organisation's events, JSON text; resolves once they are durable, rejects when that is not known. */
export type PublishEvents = (organisation: string, batch: string) => Promise<void>;

export function createOutbox(publish: PublishEvents, clock: Clock, logger: Logger): Outbox {
  /** By organisation, in the order in which each began to wait. */
  const queues = new Map<string, Waiting[]>();
  /** Batches on their way, by organisation: one of each, so that its events keep their order. */
  const onTheirWay = new Map<string, readonly Waiting[]>();
  let cancel: Cancel | undefined;
  let retryMs = 0;
  let gatherMs = GATHER_MS;
  let batches = 0;
  /** Whether organisations wait for one of the batches on their way to arrive. */
  let isFull = false;
  let closing = false;

  function arm(ms: number): void {
    if (closing) return;
    cancel ??= clock.after(ms, flush);
  }

  function put(organisation: string, event: Waiting): void {
    const queue = queues.get(organisation);
    if (queue === undefined) queues.set(organisation, [event]);
    else queue.push(event);
    arm(Math.max(gatherMs, retryMs));
  }

  /** Sends a batch of every organisation that waits, as many at a time as may be on their way. */
  function flush(): void {
    cancel?.();
    cancel = undefined;
    isFull = false;
    for (const [organisation, queue] of queues) {
      isFull = onTheirWay.size >= ON_THEIR_WAY_MAX;
      if (isFull) return;
      if (!onTheirWay.has(organisation)) void send(organisation, queue);
    }
    pause();
  }

  /** Every organisation's batch is on its way: the next ones gather for longer the more of them there were. */
  function pause(): void {
    gatherMs = Math.min(Math.max(GATHER_MS, batches * GATHER_MS_EACH), GATHER_MS_MAX);
    batches = 0;
    if (queues.size > 0) arm(Math.max(gatherMs, retryMs));
  }

  async function send(organisation: string, queue: Waiting[]): Promise<void> {
    const batch = takeBatch(queue);
    const isCut = queue.length > 0;
    if (!isCut) queues.delete(organisation);
    onTheirWay.set(organisation, batch);
    batches++;
    try {
      await publish(organisation, `[${batch.map(({ text }) => text).join()}]`);
      retryMs = 0;
    } catch (error) {
      if (retryMs === 0) logger.warn('Lifecycle events wait for JetStream', { waiting: count(), error });
      queues.set(organisation, [...batch, ...(queues.get(organisation) ?? [])]);
      retryMs = Math.min(Math.max(retryMs * 2, RETRY_MS.first), RETRY_MS.most);
    } finally {
      onTheirWay.delete(organisation);
    }
    if (retryMs > 0) arm(retryMs);
    else if (isFull) flush();
    else if (isCut) sendMore(organisation);
  }

  function sendMore(organisation: string): void {
    const queue = queues.get(organisation);
    if (queue !== undefined) void send(organisation, queue);
  }

  function count(): number {
    let events = 0;
    for (const queue of queues.values()) events += queue.length;
    for (const batch of onTheirWay.values()) events += batch.length;
    return events;
  }

  return {
    put: (event) => put(event.organisation, { lane: event.lane, sequence: event.sequence, text: cloudEvent(event) }),
    putTask: (event) => put(event.organisation, { lane: event.lane, sequence: event.sequence, text: taskEvent(event) }),
    lowWater(lane) {
      let low = Infinity;
      for (const events of [...queues.values(), ...onTheirWay.values()]) for (const event of events) if (event.lane === lane) low = Math.min(low, event.sequence);
      return low;
    },
    get waiting() {
      return count();
    },
    dropLane(lane) {
      for (const [organisation, queue] of queues) {
        const kept = queue.filter((event) => event.lane !== lane);
        if (kept.length > 0) queues.set(organisation, kept);
        else queues.delete(organisation);
      }
    },
    async close() {
      closing = true;
      cancel?.();
      cancel = undefined;
      const until = clock.monotonicMs() + CLOSE_MS_MAX;
      while ((queues.size > 0 || onTheirWay.size > 0) && retryMs === 0 && clock.monotonicMs() < until) {
        flush();
        await clock.sleep(CLOSE_LOOK_MS);
      }
    },
  };
}

/** As many events as one message takes, out of the queue. */
function takeBatch(queue: Waiting[]): readonly Waiting[] {
  let characters = 0;
  let fitting = 0;
  for (const { text } of queue) {
    characters += text.length;
    if (fitting === BATCH_MAX || (fitting > 0 && characters > BATCH_CHARACTERS_MAX)) break;
    fitting++;
  }
  return queue.splice(0, fitting);
}

/** CloudEvents JSON, put together from texts: an execution makes two of them, and most of their parts are texts already. */
function cloudEvent({ kind, lane, sequence, index, atMs, organisation, execution, program, output, error }: LifecycleEvent): string {
  const time = new Date(atMs).toISOString();
  const outputText = output === undefined ? '' : textOf(output);
  const shown = output === undefined || outputText.length > EVENT_OUTPUT_CHARACTERS_MAX ? '' : `,"output":${outputText}`;
  const cause = error === undefined ? '' : `,"error":${JSON.stringify(error)}`;
  return `{"specversion":"1.0","id":"${lane}/${sequence}/${execution}/${index}","source":${JSON.stringify(`/organisations/${organisation}/executions/${execution}`)},"type":"${TYPES[kind]}","subject":"${execution}","time":"${time}","datacontenttype":"application/json","data":{"name":"${execution}","definition":${definitionOf(program)},"${kind}At":"${time}"${shown}${cause}}}`;
}

/** DSL reference, "Task Lifecycle Events". */
function taskEvent({ lane, sequence, atMs, organisation, execution, fact }: TaskLifecycleEvent): string {
  const time = new Date(atMs).toISOString();
  const { change, error, index, output, reference } = fact;
  const more = `${output === undefined ? '' : `,"output":${textOf(output)}`}${error === undefined ? '' : `,"error":${JSON.stringify(error)}`}`;
  return `{"specversion":"1.0","id":"${lane}/${sequence}/${execution}/${index}","source":${JSON.stringify(`/organisations/${organisation}/executions/${execution}`)},"type":"io.serverlessworkflow.task.${change}.v1","subject":"${execution}","time":"${time}","datacontenttype":"application/json","data":{"workflow":"${execution}","task":${JSON.stringify(reference)},"${change}At":"${time}"${more}}}`;
}

const definitionTexts = new WeakMap<LifecycleEvent['program'], string>();

function definitionOf(program: LifecycleEvent['program']): string {
  let text = definitionTexts.get(program);
  if (text === undefined) {
    text = JSON.stringify({ namespace: program.namespace, name: program.name, version: program.version });
    definitionTexts.set(program, text);
  }
  return text;
}
