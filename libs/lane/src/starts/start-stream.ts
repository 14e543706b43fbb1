/**
 * The Start stream: batches of starts in, acceptances and ends out.
 *
 * - Answers are collected and leave as one message at the end of the event loop's turn.
 * - The stream is not read while a lane it starts executions in has enough to do, or its answers are not taken.
 */
import type { Clock } from '@millrace/clock';
import { laneOfSlot, parseId } from '@millrace/identity';
import { isTooDeep, payloadOf, NESTING_MAX, type JsonValue, type Program } from '@millrace/engine';
import type { Start, StartBatch, Started, StartedBatch } from '@millrace/contracts/orchestrator/v1/executions';
import { MillraceError } from '@millrace/errors';
import type { End, Watcher } from '../lane/actor.ts';
import type { Lane } from '../lane/lane.ts';
import { MAILBOX_MAX } from '../lane/input-reader.ts';
import type { Lanes } from '../lane/lanes.ts';
import type { DuplexCall } from '../duplex-call.ts';
import { createAnswerBatch } from './answer-batch.ts';

/** Largest input of an execution, in characters of JSON. */
export const INPUT_CHARACTERS_MAX = 1024 * 1024;
/** Longest idempotency key, in characters. */
export const KEY_CHARACTERS_MAX = 1_024;
/** Longest traceparent that is kept, in characters; W3C's version 00 has 55. */
const TRACEPARENT_CHARACTERS_MAX = 256;
/** Between looks whether a lane has room again, in milliseconds. */
const PAUSE_MS = 5;

export type StartCall = DuplexCall<StartBatch, StartedBatch>;

/** Workflows by name, NAME@VERSION or sha256:HASH. */
export interface Programs {
  /** The program when it is at hand, without waiting. */
  atHand(organisation: string, workflow: string): Program | undefined;
  resolve(organisation: string, workflow: string): Promise<Program | undefined>;
}

export interface StartPorts {
  readonly lanes: Lanes;
  readonly definitions: Programs;
  readonly clock: Clock;
  /** The end of an execution that is in no lane's memory. */
  endOf(execution: string): Promise<End | undefined>;
  /** The digests of the inputs of those that history has: asked for starts that memory may have forgotten. */
  ended(executions: readonly string[]): Promise<ReadonlyMap<string, string>>;
  /** The same for starts that must not go on before it is known; rejects when that cannot be said. */
  endedForSure(executions: readonly string[]): Promise<ReadonlyMap<string, string>>;
}

export function serveStarts(call: StartCall, ports: StartPorts): void {
  const batch = createAnswerBatch<Started>((answers) => {
    if (call.destroyed || call.writableEnded) return;
    if (!call.write({ answers })) void untilTaken();
  });

  function answer(started: Started, characters = 64): void {
    batch.add(started, characters);
  }

  function refuse(number: number, reason: string, message: string): void {
    answer({ number, answer: { $case: 'refused', value: { reason, message } } });
  }

  function answerEnd(number: number, execution: string, end: End): void {
    answer({ number, answer: { $case: 'ended', value: endedOf(execution, end) } }, 256 + (end.outputText?.length ?? 0) + (end.error?.detail?.length ?? 0));
  }

  function watcherOf(start: Start): Watcher {
    const { number } = start;
    return {
      waits: start.wait || start.attach,
      accepted: (execution, existing) => answer({ number, answer: { $case: 'accepted', value: { execution, existing } } }),
      ended: (execution, end) => answerEnd(number, execution, end),
      refused(reason, message) {
        if (reason === 'execution-unknown') void fromHistory(start);
        else refuse(number, reason, message);
      },
    };
  }

  async function fromHistory(start: Start): Promise<void> {
    try {
      const end = await ports.endOf(start.execution);
      if (end === undefined) refuse(start.number, 'execution-unknown', `There is no execution ${start.execution}`);
      else answerEnd(start.number, start.execution, end);
    } catch (error) {
      const failure = MillraceError.from(error, 'store-failed');
      refuse(start.number, failure.reason, failure.message);
    }
  }

  function take(start: Start): void {
    const id = parseId(start.execution);
    if (id === undefined) {
      refuse(start.number, 'argument-invalid', `${JSON.stringify(start.execution)} is not an execution id`);
      return;
    }
    const number = laneOfSlot(ports.lanes.table(), id.slot);
    const lane = ports.lanes.get(number);
    if (lane === undefined) {
      refuse(start.number, 'lane-displaced', `Lane ${number} is not at this orchestrator`);
      return;
    }
    if (start.attach) {
      lane.post({ kind: 'attach', execution: start.execution, watcher: watcherOf(start) });
      return;
    }
    if (start.idempotencyKey.length > KEY_CHARACTERS_MAX) {
      refuse(start.number, 'argument-invalid', `The idempotency key has ${start.idempotencyKey.length} characters; the most is ${KEY_CHARACTERS_MAX}`);
      return;
    }
    const program = ports.definitions.atHand(start.organisation, start.workflow);
    // The lane itself forgets a start without a key once history has its end.
    const mayHaveEnded = id.timeMs === undefined ? lane.memory.partial : start.resent;
    const isForgotten = mayHaveEnded && !lane.knows(start.execution);
    if (program !== undefined && !isForgotten) begin(lane, start, program);
    else void beginLater(number, start, isForgotten, lane.expect(start.execution));
  }

  /** `over` ends the looking up. */
  async function beginLater(number: number, start: Start, isForgotten: boolean, over: () => void): Promise<void> {
    try {
      const program = await ports.definitions.resolve(start.organisation, start.workflow);
      if (program === undefined) {
        refuse(start.number, 'workflow-unknown', `Organisation ${start.organisation} has no workflow ${start.workflow}; apply it first`);
        return;
      }
      const digest = isForgotten ? await (parseId(start.execution)?.timeMs === undefined ? lookUp : lookUpForSure)(start.execution) : undefined;
      const lane = ports.lanes.get(number);
      if (lane === undefined) {
        refuse(start.number, 'lane-displaced', `Lane ${number} has left this orchestrator`);
        return;
      }
      // From here on the lane knows it, and answers as for any other.
      if (digest !== undefined) lane.memory.recall(start.execution, digest, ports.clock.wallMs());
      begin(lane, start, program);
    } catch (error) {
      const failure = MillraceError.from(error);
      refuse(start.number, failure.reason, failure.message);
    } finally {
      over();
    }
  }

  /** A key that the lane has forgotten is a day old or one of many: such starts go on while the database is away. */
  const lookUp = together(ports.clock, (ids) => ports.ended(ids));
  /** A start sent again may have run a moment ago. */
  const lookUpForSure = together(ports.clock, (ids) => ports.endedForSure(ids));

  function begin(lane: Lane, start: Start, program: Program): void {
    const text = start.inputJson === '' ? 'null' : start.inputJson;
    if (text.length > INPUT_CHARACTERS_MAX) {
      refuse(start.number, 'payload-too-large', `The input has ${text.length} characters; the most is ${INPUT_CHARACTERS_MAX}`);
      return;
    }
    if (isTooDeep(text)) {
      refuse(start.number, 'argument-invalid', `The input is nested deeper than ${NESTING_MAX} levels`);
      return;
    }
    let input: JsonValue;
    try {
      input = JSON.parse(text) as JsonValue;
    } catch (error) {
      refuse(start.number, 'argument-invalid', `The input is not JSON: ${error instanceof Error ? error.message : String(error)}`);
      return;
    }
    lane.post({
      kind: 'start',
      organisation: start.organisation,
      execution: start.execution,
      program,
      input: payloadOf(input, text),
      key: start.idempotencyKey === '' ? undefined : start.idempotencyKey,
      traceparent: start.traceparent === '' || start.traceparent.length > TRACEPARENT_CHARACTERS_MAX ? undefined : start.traceparent,
      acceptedAtMs: start.acceptedAtMs === 0 ? ports.clock.wallMs() : start.acceptedAtMs,
      acceptedBy: 'gateway',
      replyTo: undefined,
      watcher: watcherOf(start),
    });
  }

  const isBusy = (): boolean => ports.lanes.all().some((lane) => lane.waiting > MAILBOX_MAX);

  async function untilRoom(): Promise<void> {
    call.pause();
    while (isBusy() && !call.destroyed) await ports.clock.sleep(PAUSE_MS);
    if (!isFull) call.resume();
  }

  let isFull = false;
  async function untilTaken(): Promise<void> {
    if (isFull) return;
    isFull = true;
    call.pause();
    await new Promise((settle) => {
      call.once('drain', settle);
      call.once('close', settle);
    });
    isFull = false;
    if (!isBusy()) call.resume();
    else void untilRoom();
  }

  call.on('data', (message: StartBatch) => {
    for (const start of message.starts) take(start);
    if (isBusy()) void untilRoom();
  });
  call.on('end', () => call.end());
  call.on('error', () => undefined);
}

/** One question for all that are asked in one turn of the event loop. */
function together(clock: Clock, ask: (executions: readonly string[]) => Promise<ReadonlyMap<string, string>>): (execution: string) => Promise<string | undefined> {
  let asked: Promise<ReadonlyMap<string, string>> | undefined;
  let asking: string[] = [];
  return async (execution) => {
    asking.push(execution);
    asked ??= clock.sleep(0).then(() => {
      const ids = asking;
      asking = [];
      asked = undefined;
      return ask(ids);
    });
    const found = await asked;
    return found.get(execution);
  };
}

function endedOf(execution: string, end: End) {
  const { status, outputText, error } = end;
  return {
    execution,
    status,
    outputJson: outputText ?? '',
    error: error === undefined ? undefined : { type: error.type, status: error.status, title: error.title ?? '', detail: error.detail ?? '', instance: error.instance ?? '' },
  };
}
