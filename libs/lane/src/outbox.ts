/**
 * The outbox of this process's lanes: lifecycle CloudEvents on their way to JetStream (E9).
 *
 * - An event leaves once its frame is durable and stays here until JetStream has it; until then its frame
 *   stays in the log, from which a later owner makes the event again.
 * - Its id is lane/sequence/execution/index: consumers dedupe on it.
 * - What waits is bounded by the lanes: without JetStream no frame becomes durable and no event is made.
 * - Events are published in batches (CloudEvents JSON batch format, NATS binding), a few a second.
 */
import type { Cancel, Clock } from '@millrace/clock';
import { textOf } from '@millrace/engine';
import type { Logger } from '@millrace/telemetry';
import type { LifecycleEvent, TaskLifecycleEvent } from './lane/ports.ts';

/** How long an event waits for others, in milliseconds. */
const GATHER_MS = 50;
/** Events of one message, and their text in characters; a single longer event goes alone. */
const BATCH_MAX = 1_000;
const BATCH_CHARACTERS_MAX = 256 * 1024;
/** A longer output, in characters, is left out of its event; the execution itself shows it. */
export const EVENT_OUTPUT_CHARACTERS_MAX = 64 * 1024;
const RETRY_MS = { first: 100, most: 2_000 } as const;
/** How long a stopping process goes on publishing, in milliseconds; what is left is the next owner's. */
const CLOSE_MS_MAX = 1_000;

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
  readonly organisation: string;
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
  let waiting: Waiting[] = [];
  let inFlight: readonly Waiting[] = [];
  let cancel: Cancel | undefined;
  let retryMs = 0;
  let closing = false;

  function arm(ms: number): void {
    if (closing) return;
    cancel ??= clock.after(ms, () => {
      cancel = undefined;
      void flush();
    });
  }

  /** Publishes one batch: events of one organisation, as many as fit. */
  async function flush(): Promise<void> {
    const [first] = waiting;
    if (inFlight.length > 0 || first === undefined) return;
    const batch: Waiting[] = [];
    const rest: Waiting[] = [];
    let characters = 0;
    for (const event of waiting) {
      const fits = batch.length === 0 || (batch.length < BATCH_MAX && characters + event.text.length <= BATCH_CHARACTERS_MAX);
      if (event.organisation === first.organisation && fits) {
        batch.push(event);
        characters += event.text.length;
      } else rest.push(event);
    }
    inFlight = batch;
    waiting = rest;
    try {
      await publish(first.organisation, `[${batch.map(({ text }) => text).join()}]`);
      retryMs = 0;
    } catch (error) {
      if (retryMs === 0) logger.warn('Lifecycle events wait for JetStream', { waiting: waiting.length + batch.length, error });
      waiting = [...batch, ...waiting];
      retryMs = Math.min(Math.max(retryMs * 2, RETRY_MS.first), RETRY_MS.most);
    } finally {
      inFlight = [];
    }
    if (waiting.length > 0) arm(retryMs);
  }

  return {
    put(event) {
      waiting.push({ lane: event.lane, sequence: event.sequence, organisation: event.organisation, text: cloudEvent(event) });
      arm(GATHER_MS);
    },
    putTask(event) {
      waiting.push({ lane: event.lane, sequence: event.sequence, organisation: event.organisation, text: taskEvent(event) });
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
      cancel?.();
      cancel = undefined;
      const until = clock.monotonicMs() + CLOSE_MS_MAX;
      while ((waiting.length > 0 || inFlight.length > 0) && retryMs === 0 && clock.monotonicMs() < until) {
        if (inFlight.length > 0) await clock.sleep(5);
        else await Promise.race([flush(), clock.sleep(CLOSE_MS_MAX)]);
      }
    },
  };
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
