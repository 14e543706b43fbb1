/**
 * The Dispatch gRPC service: workers dial in, steps go out, results come back to their lanes.
 */
import { laneOfSlot, slotOf } from '@millrace/identity';
import { payloadOf, PROBLEM_TYPES, type JsonValue, type StepResult } from '@millrace/engine';
import type { Result, WorkerMessage } from '@millrace/contracts/orchestrator/v1/dispatch';
import type { Logger } from '@millrace/telemetry';
import type { Lanes } from '../lane/lanes.ts';
import { createWorkerStream, type DispatchCall, type WorkerStream } from './worker-stream.ts';
import type { Scheduler } from './scheduler.ts';

/** Largest result, in characters of JSON; a larger one faults the step. */
export const RESULT_CHARACTERS_MAX = 1024 * 1024;
/** Credits of a worker that names none. */
const DEFAULT_CREDITS = { steps: 256, bytes: 16 * 1024 * 1024 } as const;

/** The service's methods. */
export interface DispatchServer {
  /** Serves one worker's stream. */
  readonly work: (call: DispatchCall) => void;
}

export function dispatchService(lanes: Lanes, scheduler: Scheduler, logger: Logger): DispatchServer {
  return {
    work(call: DispatchCall): void {
      let stream: WorkerStream | undefined;
      const leave = (): void => {
        if (stream === undefined) return;
        logger.info('Worker left', { worker: stream.worker });
        scheduler.leave(stream);
        stream = undefined;
      };
      call.on('data', (message: WorkerMessage) => {
        const part = message.message;
        switch (part?.$case) {
          case 'hello': {
            leave();
            const { worker, service, operations, credits, readsDurableWithSteps } = part.value;
            stream = createWorkerStream({ call, worker, service, operations, steps: credits?.steps ?? DEFAULT_CREDITS.steps, bytes: credits?.bytes ?? DEFAULT_CREDITS.bytes, readsDurableWithSteps });
            logger.info('Worker joined', { worker, operations: operations.length });
            scheduler.join(stream);
            return;
          }
          case 'results':
            if (stream !== undefined) for (const result of part.value.results) receive(result, stream);
            return;
          case 'credits':
            stream?.setCredits(part.value.steps, part.value.bytes);
            scheduler.pump();
            return;
          case 'drain':
            stream?.drain();
            return;
          default:
            return;
        }
      });
      call.on('end', () => {
        leave();
        call.end();
      });
      call.on('error', leave);
      call.on('close', leave);
      call.on('cancelled', leave);
    },
  };

  function receive(result: Result, from: WorkerStream): void {
    const cost = scheduler.settle(result, from);
    const number = laneOfSlot(lanes.table(), slotOf(result.execution));
    const lane = lanes.get(number);
    const moved = (): void => {
      scheduler.applied(result, cost);
      from.moved(number, result.number);
    };
    if (lane === undefined) {
      moved();
      return;
    }
    const durable = (): void => {
      scheduler.applied(result, cost);
      from.acknowledge(result.number);
    };
    lane.post({ kind: 'result', execution: result.execution, result: stepResultOf(result, from.worker), durable, moved });
  }
}

function stepResultOf(result: Result, worker: string): StepResult {
  return {
    activation: result.activation,
    attempt: result.attempt,
    run: result.run,
    outcome: outcomeOf(result),
    dispatchedAtMs: result.dispatchedAtMs,
    startedAtMs: result.startedAtMs,
    endedAtMs: result.endedAtMs,
    worker,
  };
}

function outcomeOf(result: Result): StepResult['outcome'] {
  const { outcome } = result;
  if (outcome?.$case === 'failure') {
    const { type, status, title, detail } = outcome.value;
    return { kind: 'failure', problem: { type, status, ...(title === '' ? {} : { title }), ...(detail === '' ? {} : { detail }) } };
  }
  const text = outcome?.value ?? 'null';
  if (text.length > RESULT_CHARACTERS_MAX) {
    return { kind: 'failure', problem: { ...PROBLEM_TYPES.runtime, detail: `the result has ${text.length} characters; the most is ${RESULT_CHARACTERS_MAX}` } };
  }
  try {
    return { kind: 'output', payload: payloadOf(JSON.parse(text) as JsonValue, text) };
  } catch {
    return { kind: 'failure', problem: { ...PROBLEM_TYPES.runtime, detail: 'the worker sent a result that is not JSON' } };
  }
}
