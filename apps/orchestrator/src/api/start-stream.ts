/**
 * The Start stream: batches of starts in, acceptances and ends out.
 *
 * Answers are collected and leave as one message at the end of the event loop's turn.
 */
import { laneOfSlot, parseId } from '@millrace/identity';
import { payloadOf, type JsonValue, type Program } from '@millrace/engine';
import type { ServerDuplexStream } from '@grpc/grpc-js';
import type { Start, StartBatch, Started, StartedBatch } from '@millrace/contracts/orchestrator/v1/executions';
import { MillraceError } from '@millrace/errors';
import type { Definitions } from '../definitions/definitions.ts';
import type { End, Watcher } from '../lane/actor.ts';
import type { Lane } from '../lane/lane.ts';
import type { Lanes } from '../lane/lanes.ts';

/** Largest input of an execution, in characters of JSON. */
export const INPUT_CHARACTERS_MAX = 1024 * 1024;

export type StartCall = ServerDuplexStream<StartBatch, StartedBatch>;

export interface StartPorts {
  readonly lanes: Lanes;
  readonly definitions: Definitions;
  nowMs(): number;
  /** The end of an execution that is in no lane's memory. */
  endOf(execution: string): Promise<End | undefined>;
  /** Whether history has the execution: asked for keyed starts that memory may have forgotten. */
  hasEnded(execution: string): Promise<boolean>;
}

export function serveStarts(call: StartCall, ports: StartPorts): void {
  let answers: Started[] = [];
  let flushing = false;

  function flush(): void {
    flushing = false;
    if (call.destroyed || call.writableEnded) return;
    call.write({ answers });
    answers = [];
  }

  function answer(started: Started): void {
    answers.push(started);
    if (flushing) return;
    flushing = true;
    queueMicrotask(flush);
  }

  function refuse(number: number, reason: string, message: string): void {
    answer({ number, answer: { $case: 'refused', value: { reason, message } } });
  }

  function watcherOf(start: Start): Watcher {
    const { number } = start;
    return {
      waits: start.wait || start.attach,
      accepted: (execution, existing) => answer({ number, answer: { $case: 'accepted', value: { execution, existing } } }),
      ended: (execution, end) => answer({ number, answer: { $case: 'ended', value: endedOf(execution, end) } }),
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
      else answer({ number: start.number, answer: { $case: 'ended', value: endedOf(start.execution, end) } });
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
    const program = ports.definitions.atHand(start.organisation, start.workflow);
    if (program !== undefined && !(lane.memory.partial && start.idempotencyKey !== '')) begin(lane, start, program);
    else void beginLater(number, start);
  }

  async function beginLater(number: number, start: Start): Promise<void> {
    try {
      const program = await ports.definitions.resolve(start.organisation, start.workflow);
      if (program === undefined) {
        refuse(start.number, 'workflow-unknown', `Organisation ${start.organisation} has no workflow ${start.workflow}; apply it first`);
        return;
      }
      const lane = ports.lanes.get(number);
      if (lane === undefined) refuse(start.number, 'lane-displaced', `Lane ${number} has left this orchestrator`);
      else if (lane.memory.partial && start.idempotencyKey !== '' && (await ports.hasEnded(start.execution))) {
        answer({ number: start.number, answer: { $case: 'accepted', value: { execution: start.execution, existing: true } } });
        if (start.wait) void fromHistory(start);
      } else begin(lane, start, program);
    } catch (error) {
      const failure = MillraceError.from(error);
      refuse(start.number, failure.reason, failure.message);
    }
  }

  function begin(lane: Lane, start: Start, program: Program): void {
    const text = start.inputJson === '' ? 'null' : start.inputJson;
    if (text.length > INPUT_CHARACTERS_MAX) {
      refuse(start.number, 'payload-too-large', `The input has ${text.length} characters; the most is ${INPUT_CHARACTERS_MAX}`);
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
      traceparent: start.traceparent === '' ? undefined : start.traceparent,
      acceptedAtMs: start.acceptedAtMs === 0 ? ports.nowMs() : start.acceptedAtMs,
      acceptedBy: 'gateway',
      replyTo: undefined,
      watcher: watcherOf(start),
    });
  }

  call.on('data', (batch: StartBatch) => {
    for (const start of batch.starts) take(start);
  });
  call.on('end', () => call.end());
  call.on('error', () => undefined);
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
