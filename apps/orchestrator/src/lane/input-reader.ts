/**
 * Reads `in.<lane>` from the position that the log holds and posts each input to the lane, in order.
 *
 * Acknowledges nothing: the position lives in the log alone. An input read twice is one start, by its id.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { ensureStream, inputStream, laneInputStreamConfig, type Bus } from '@millrace/bus';
import { decodeLaneInputs, payloadOf, type JsonValue, type LaneInput, type Program, type Reply } from '@millrace/engine';
import type { Logger } from '@millrace/telemetry';
import type { End, Watcher } from './actor.ts';
import type { Lane } from './lane.ts';

/** Messages that wait in the lane's mailbox before reading pauses. */
const MAILBOX_MAX = 10_000;
const PAUSE_MS = 5;
const RETRY_MS = 500;
/** A consumer that heard nothing for so long is made anew, in milliseconds. */
const IDLE_HEARTBEAT_MS = 1_000;

export interface InputPorts {
  /** The program of NAME, NAME@VERSION or sha256:HASH; undefined when there is none. Waits while that cannot be known. */
  program(organisation: string, workflow: string): Promise<Program | undefined>;
  /** Stands in for a workflow that is not there: its executions fault at once. */
  missing(workflow: string): Program;
  /** Sends the end of an execution to who waits for it. */
  reply(subject: string, reply: Reply): void;
  /** The end of an execution that is in no lane's memory. */
  endOf(execution: string): Promise<End | undefined>;
}

export async function readInputs(bus: Bus, lane: Lane, ports: InputPorts, signal: AbortSignal, logger: Logger): Promise<void> {
  await ensureStream(bus, laneInputStreamConfig(lane.number));
  let next = lane.inputSequence + 1;
  while (!signal.aborted) {
    try {
      const consumer = await bus.jetstream.consumers.get(inputStream(lane.number), { opt_start_seq: next });
      const messages = await consumer.consume({ max_messages: 1_000, idle_heartbeat: IDLE_HEARTBEAT_MS });
      const stop = (): void => messages.stop();
      signal.addEventListener('abort', stop, { once: true });
      try {
        for await (const message of messages) {
          if (message.seq < next) continue;
          for (const input of decodeLaneInputs(message.string())) await post(lane, input, ports);
          lane.post({ kind: 'position', inputSequence: message.seq });
          next = message.seq + 1;
          while (lane.waiting > MAILBOX_MAX && !signal.aborted) await delay(PAUSE_MS);
          if (signal.aborted) return;
        }
      } finally {
        signal.removeEventListener('abort', stop);
        messages.stop();
      }
    } catch (error) {
      if (signal.aborted) return;
      logger.warn('Reading of inputs interrupted', { lane: lane.number, next, error });
    }
    if (!signal.aborted) await delay(RETRY_MS, undefined, { signal }).catch(() => undefined);
  }
}

async function post(lane: Lane, input: LaneInput, ports: InputPorts): Promise<void> {
  if (input.kind === 'cancel') {
    lane.post({ kind: 'cancel', organisation: input.organisation, execution: input.execution, answer: undefined });
    return;
  }
  const program = await ports.program(input.organisation, input.workflow);
  lane.post({
    kind: 'start',
    organisation: input.organisation,
    execution: input.execution,
    program: program ?? ports.missing(input.workflow),
    input: payloadOf(input.input),
    key: input.key,
    traceparent: input.traceparent,
    acceptedAtMs: input.acceptedAtMs,
    acceptedBy: input.acceptedBy,
    replyTo: input.replyTo,
    watcher: input.replyTo === undefined ? undefined : watcherOfRepeat(input.execution, input.replyTo, ports),
    ...(program === undefined ? { fault: `organisation ${input.organisation} has no workflow ${input.workflow}` } : {}),
  });
}

/**
 * Answers who sent a start that had come before: it attaches to that execution, running or ended. Where the
 * first one waits stands in the journal, so that its answer survives this process.
 */
function watcherOfRepeat(execution: string, replyTo: string, ports: InputPorts): Watcher {
  let repeated = false;
  const tell = (end: End): void => {
    const { status, outputText, error } = end;
    ports.reply(replyTo, { execution, status, ...(outputText === undefined ? {} : { output: JSON.parse(outputText) as JsonValue }), ...(error === undefined ? {} : { error }) });
  };
  return {
    waits: true,
    accepted(_execution, existing) {
      repeated = existing;
    },
    ended(_execution, end) {
      if (repeated) tell(end);
    },
    refused(reason, message) {
      if (reason !== 'execution-unknown') return ports.reply(replyTo, { execution, status: 'refused', reason, error: { type: `https://millrace.dev/errors/${reason}`, status: 0, detail: message } });
      // Its end has left memory. When history is away too, who waits is told the execution's id at its deadline.
      void ports.endOf(execution).then(
        (end) => end !== undefined && tell(end),
        () => undefined,
      );
    },
  };
}
