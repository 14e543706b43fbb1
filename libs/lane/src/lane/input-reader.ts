/**
 * Reads `in.<lane>` from the position that the log holds and posts each input to the lane, in order.
 *
 * - Acknowledges nothing: the position lives in the log alone. An input read twice is one start, by its id.
 * - A message's inputs and its position are posted in one go, so what is read again after a failure of the reader
 *   had not been posted.
 * - Reading pauses while the lane has enough to do, or takes no new starts: the inputs wait on disk.
 */
import type { Clock } from '@millrace/clock';
import { decodeLaneInputs, isTooDeep, payloadOf, NESTING_MAX, type ChildInput, type EventInput, type LaneInput, type Program, type StartInput, type StepResult } from '@millrace/engine';
import { laneOfSlot, slotOf, type SlotTable } from '@millrace/identity';
import type { Logger } from '@millrace/telemetry';
import type { Lane } from './lane.ts';
import type { InputOrigin, Message } from './message.ts';

/** Messages that wait in the lane's mailbox before reading pauses. */
export const MAILBOX_MAX = 10_000;
const PAUSE_MS = 5;
/** Between looks whether starts are taken again, in milliseconds. */
const REFUSED_PAUSE_MS = 250;
const RETRY_MS = 500;
/** Between looks whether a slot has come, in milliseconds. */
const ADOPTION_POLL_MS = 10;

export interface InputPorts {
  /** Makes sure that `in.<lane>` is there. */
  prepare(lane: number): Promise<void>;
  /** Yields the messages of `in.<lane>` in order until the signal is aborted. */
  read(lane: number, from: number, signal: AbortSignal): AsyncIterable<{ readonly sequence: number; readonly data: Uint8Array }>;
  table(): SlotTable;
  /** The program of NAME, NAME@VERSION or sha256:HASH; undefined when there is none. Waits while that cannot be known. */
  program(organisation: string, workflow: string): Promise<Program | undefined>;
  /** Stands in for a workflow that is not there: its executions fault at once. */
  missing(workflow: string): Program;
  /** The digests of the inputs of those that history has; what it cannot say counts as new. */
  ended(executions: readonly string[]): Promise<ReadonlyMap<string, string>>;
}

export async function readInputs(lane: Lane, ports: InputPorts, clock: Clock, signal: AbortSignal, logger: Logger): Promise<void> {
  await ports.prepare(lane.number);
  let next = lane.inputSequence + 1;
  while (!signal.aborted) {
    try {
      for await (const message of ports.read(lane.number, next, signal)) {
        if (message.sequence !== next) {
          // A later owner has read them and forgotten them; this one stood still meanwhile.
          if (await lane.isTaken()) return;
          logger.error('Inputs are missing from the stream', { lane: lane.number, expected: next, found: message.sequence });
        }
        const inputs = decodeLaneInputs(Buffer.from(message.data).toString('utf8'));
        const over = inputs.flatMap((input) => (isSentOn(input) ? [lane.expect(input.execution)] : []));
        try {
          const prepared = await prepare(lane, message.sequence, inputs, { ports, clock, signal, logger });
          if (signal.aborted) return;
          for (const input of prepared) lane.post(input);
        } finally {
          for (const each of over) each();
        }
        lane.post({ kind: 'position', inputSequence: message.sequence });
        next = message.sequence + 1;
        while (lane.waiting > MAILBOX_MAX && !signal.aborted) await clock.sleep(PAUSE_MS);
        while (lane.refusesStarts() !== undefined && !signal.aborted) await clock.sleep(REFUSED_PAUSE_MS);
      }
    } catch (error) {
      if (signal.aborted) return;
      logger.warn('Reading of inputs interrupted', { lane: lane.number, next, error });
      await clock.sleep(RETRY_MS, signal).catch(() => undefined);
    }
  }
}

/** One that was sent on may have been sent on before, and have run. */
function isSentOn(input: LaneInput | EventInput): input is StartInput & { readonly from: number } {
  return input.kind === 'start' && input.from !== undefined;
}

interface Preparing {
  readonly ports: InputPorts;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  readonly logger: Logger;
}

async function prepare(lane: Lane, sequence: number, inputs: readonly (LaneInput | EventInput)[], { ports, clock, signal, logger }: Preparing): Promise<readonly Message[]> {
  const isAsked = (input: StartInput): boolean => (isSentOn(input) || (lane.memory.partial && input.key !== undefined)) && !lane.knows(input.execution);
  const keyed = inputs.flatMap((input) => (input.kind === 'start' && isAsked(input) ? [input.execution] : []));
  const ended = keyed.length === 0 ? new Map<string, string>() : await ports.ended(keyed);
  for (const [id, digest] of ended) lane.memory.recall(id, digest, clock.wallMs());
  const messages: Message[] = [];
  for (const input of inputs) {
    if (input.kind === 'event') {
      messages.push({ kind: 'event', organisation: input.organisation, event: input.event });
      continue;
    }
    const slot = slotOf(input.execution);
    if (slot < 0) {
      logger.error('An input names an execution without a slot and is left out', { lane: lane.number, execution: input.execution, kind: input.kind });
      continue;
    }
    // Sent on by the lane that gives the slot away: it is on its way here too.
    while (input.from !== undefined && isOnItsWay(lane, slot, input.from, ports) && !signal.aborted) await clock.sleep(ADOPTION_POLL_MS);
    // Its position must not become durable before it: it waits here, not in the lane.
    if (input.kind === 'cancel') await lane.awake(input.execution);
    const origin: InputOrigin = { sequence, input };
    if (input.kind === 'child') messages.push({ kind: 'child', execution: input.execution, result: resultOf(input), origin });
    else messages.push(input.kind === 'cancel' ? { kind: 'cancel', organisation: input.organisation, execution: input.execution, answer: undefined, origin } : await startOf(input, origin, ports));
  }
  return messages;
}

function isOnItsWay(lane: Lane, slot: number, from: number, ports: InputPorts): boolean {
  return !lane.slots.owns(slot) && lane.slots.releasedTo(slot) === undefined && laneOfSlot(ports.table(), slot) === from;
}

function resultOf({ run, activation, attempt, endedAtMs, output, error }: ChildInput): StepResult {
  const outcome: StepResult['outcome'] = error === undefined ? { kind: 'output', payload: payloadOf(output ?? null) } : { kind: 'failure', problem: error };
  return { run, activation, attempt, outcome, dispatchedAtMs: endedAtMs, startedAtMs: endedAtMs, endedAtMs, worker: 'workflow' };
}

async function startOf(input: StartInput, origin: InputOrigin, ports: InputPorts): Promise<Message> {
  const program = await ports.program(input.organisation, input.workflow);
  const text = textOf(input);
  const problem = text === undefined ? `the input is nested deeper than ${NESTING_MAX} levels` : program === undefined ? `organisation ${input.organisation} has no workflow ${input.workflow}` : undefined;
  return {
    kind: 'start',
    organisation: input.organisation,
    execution: input.execution,
    program: program ?? ports.missing(input.workflow),
    input: text === undefined ? payloadOf(null, 'null') : payloadOf(input.input, text),
    key: input.key,
    traceparent: input.traceparent,
    acceptedAtMs: input.acceptedAtMs,
    acceptedBy: input.acceptedBy,
    replyTo: input.replyTo,
    watcher: undefined,
    origin,
    ...(problem === undefined ? {} : { fault: problem }),
  };
}

/** The input's text; undefined when it is nested too deep to be worked with. */
function textOf({ input }: StartInput): string | undefined {
  try {
    const text = JSON.stringify(input);
    return isTooDeep(text) ? undefined : text;
  } catch {
    return undefined;
  }
}
