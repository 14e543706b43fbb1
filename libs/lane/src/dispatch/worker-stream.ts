/**
 * One worker as this orchestrator sees it: what it runs, what it has in hand, and what it is owed.
 *
 * Steps and acknowledgements are collected and leave as one message each at the end of the event loop's turn.
 */
import type { OwnerMessage, Step, WorkerMessage } from '@millrace/contracts/orchestrator/v1/dispatch';
import type { DuplexCall } from '../duplex-call.ts';

/** Arguments in one message, in characters; a single longer step goes alone. gRPC's limit is 4 MiB of UTF-8. */
const MESSAGE_CHARACTERS_MAX = 1024 * 1024;

export type DispatchCall = DuplexCall<WorkerMessage, OwnerMessage>;

export interface WorkerStream {
  readonly worker: string;
  readonly service: string;
  readonly operations: ReadonlySet<string>;
  readonly stepsInHand: number;
  readonly draining: boolean;
  /** Whether it takes one more step of so many bytes. */
  hasCredit(bytes: number): boolean;
  send(step: Step): void;
  cancel(step: { readonly execution: string; readonly run: number; readonly activation: number; readonly attempt: number }): void;
  /** The result of that number need not be kept. */
  acknowledge(number: number): void;
  /** The lane of these results is not here. */
  moved(lane: number, number: number): void;
  /** One step less in hand. */
  settle(bytes: number): void;
  setCredits(steps: number, bytes: number): void;
  drain(): void;
  close(): void;
}

export interface WorkerOptions {
  readonly call: DispatchCall;
  readonly worker: string;
  readonly service: string;
  readonly operations: readonly string[];
  readonly steps: number;
  readonly bytes: number;
  /** It reads what is durable in a batch of steps too. */
  readonly readsDurableWithSteps: boolean;
}

export function createWorkerStream({ call, worker, service, operations, steps, bytes, readsDurableWithSteps }: WorkerOptions): WorkerStream {
  let stepsMax = steps;
  let bytesMax = bytes;
  let inHand = 0;
  let bytesInHand = 0;
  let draining = false;
  let outgoing: Step[] = [];
  let durable: number[] = [];
  let flushing = false;

  function flush(): void {
    flushing = false;
    if (call.destroyed || call.writableEnded) return;
    let settled = durable;
    durable = [];
    const all = outgoing;
    outgoing = [];
    if (settled.length > 0 && (all.length === 0 || !readsDurableWithSteps)) {
      call.write({ message: { $case: 'durable', value: { numbers: settled } } });
      settled = [];
    }
    for (let from = 0; from < all.length; ) {
      // A message stays below what the worker accepts, whatever its credits.
      let characters = 0;
      let to = from;
      for (let next = all[to]; next !== undefined && (to === from || characters + next.argumentsJson.length <= MESSAGE_CHARACTERS_MAX); next = all[++to]) characters += next.argumentsJson.length;
      call.write({ message: { $case: 'steps', value: { steps: from === 0 && to === all.length ? all : all.slice(from, to), durable: settled } } });
      settled = [];
      from = to;
    }
  }

  function soon(): void {
    if (flushing) return;
    flushing = true;
    // Behind the turn of the scheduler, which what is written here may have made room for: one message holds both.
    queueMicrotask(() => queueMicrotask(flush));
  }

  return {
    worker,
    service,
    operations: new Set(operations),
    get stepsInHand() {
      return inHand;
    },
    get draining() {
      return draining;
    },
    hasCredit: (more) => !draining && inHand < stepsMax && (bytesInHand + more <= bytesMax || inHand === 0),
    send(step) {
      inHand++;
      bytesInHand += step.argumentsJson.length;
      outgoing.push(step);
      soon();
    },
    cancel({ execution, run, activation, attempt }) {
      if (!call.destroyed) call.write({ message: { $case: 'cancel', value: { execution, run, activation, attempt } } });
    },
    acknowledge(number) {
      durable.push(number);
      soon();
    },
    moved(lane, number) {
      if (!call.destroyed) call.write({ message: { $case: 'moved', value: { lane, numbers: [number] } } });
    },
    settle(less) {
      inHand = Math.max(0, inHand - 1);
      bytesInHand = Math.max(0, bytesInHand - less);
    },
    setCredits(moreSteps, moreBytes) {
      stepsMax = moreSteps;
      bytesMax = moreBytes;
    },
    drain() {
      draining = true;
    },
    close() {
      if (!call.destroyed) call.end();
    },
  };
}
