/**
 * From ready steps to workers: the fair queue of this process, its permits, and what is in whose hands.
 *
 * Owns which step goes next and to whom. Does not own whether it may exist (the core) nor what a permit
 * is worth (the throttle).
 *
 * - T1 A step leaves only with its organisation's permit, which comes back with its result, or once nothing here waits
 *   for that any more; then the step may still run, and under a strict limit its permit stays taken (lingering-steps.ts).
 * - T2 Organisations are served by weighted deficit round robin; no more leaves the queue than keeps everybody busy
 *   (flow-window.ts), since behind it nobody is served in turn.
 * - Of a paused execution nothing leaves the queue; what is in a worker's hands stays there, and is never sent twice.
 * - A step whose worker is gone is sent again, same key and attempt: first to the same worker if it returns
 *   within WORKER_GRACE_MS, which then knows it, else to any.
 */
import type { Clock } from '@millrace/clock';
import { costOf, STRICT_HOLD_MS, type FairQueue, type Permits } from '@millrace/fairness';
import { textOf, traceparentOf, WORKFLOW_OPERATION, type Activation, type Execution, type StepPlace } from '@millrace/engine';
import type { Result } from '@millrace/contracts/orchestrator/v1/dispatch';
import type { Logger } from '@millrace/telemetry';
import type { ReadyStep } from '../lane/ports.ts';
import { createFlowWindow } from './flow-window.ts';
import { createLingeringSteps } from './lingering-steps.ts';
import type { WorkerStream } from './worker-stream.ts';

/** How long a worker that vanished may take to come back before its steps go to others, in milliseconds. */
const WORKER_GRACE_MS = 1_000;

interface Outstanding {
  readonly step: ReadyStep;
  readonly bytes: number;
  /** When it was handed out, in wall clock milliseconds. */
  readonly sinceMs: number;
  /** Core microseconds that it counts in the window. */
  readonly cost: number;
  /** The worker that has it; a name alone once its stream is gone. */
  worker: string;
  stream: WorkerStream | undefined;
}

export interface SchedulerCounts {
  dispatched: number;
  redispatched: number;
}

export interface Scheduler {
  readonly counts: SchedulerCounts;
  schedule(step: ReadyStep): void;
  /** Forgets the steps of a lane that is no longer here: those of this epoch and before. */
  dropLane(lane: number, epoch: number): void;
  /** The executions have left with their slots: their steps are another owner's to send. */
  letGo(executions: readonly Execution[]): void;
  /** The execution has ended, or a part of it: yields what cancels those of its steps that nothing waits for any more. */
  abandon(execution: string): () => void;
  /** A worker has said hello. */
  join(stream: WorkerStream): void;
  leave(stream: WorkerStream): void;
  /** A result has come; the step is no longer in anyone's hands. It is under way until `applied`. Yields what it costs. */
  settle(result: Result, from: WorkerStream): number;
  /** A result that had come is durable, or its lane is not here any more. `cost` is what `settle` said. */
  applied(result: Result, cost: number): void;
  /** What one decision for an organisation took of a core, in microseconds; its next steps cost as much. */
  spent(organisation: string, microseconds: number): void;
  /** Something changed that may let steps go: a permit, a credit, a worker. */
  pump(): void;
  /** Where an outstanding step is, for people. */
  placeOf(execution: Execution, activation: Activation): StepPlace;
  readonly workers: ReadonlySet<WorkerStream>;
  readonly outstanding: number;
  readonly waiting: number;
  /** Steps of strict limits that nothing here waits for and that may still run, each with its permit. */
  readonly lingering: number;
  /** Resolves when nothing lingers, or the signal ends the waiting. */
  nothingLingers(signal: AbortSignal): Promise<void>;
  /** Steps that may be under way at the moment. */
  readonly window: number;
}

export interface SchedulerOptions {
  readonly queue: FairQueue<ReadyStep>;
  readonly permits: Permits;
  readonly clock: Clock;
  readonly logger: Logger;
  /** How long a step of a strict limit keeps its permit when its end is never told, in milliseconds; default that of the throttle. */
  readonly strictHoldMs?: number;
}

export function createScheduler({ queue, permits, clock, logger, strictHoldMs = STRICT_HOLD_MS }: SchedulerOptions): Scheduler {
  const workers = new Set<WorkerStream>();
  /** Who runs an operation; rebuilt when a worker comes or goes. */
  const capable = new Map<string, WorkerStream[]>();
  const outstanding = createHands();
  /** Steps that no worker here runs at the moment, by operation. */
  const unserved = new Map<string, ReadyStep[]>();
  /** A step that was taken from the queue when nobody had credit. */
  const held: ReadyStep[] = [];
  /** The epoch in which each lane has left this process last: nothing of it is dispatched, whatever still has it. */
  const dropped = new Map<number, number>();
  const counts: SchedulerCounts = { dispatched: 0, redispatched: 0 };
  const gone = new WeakSet<Execution>();
  const window = createFlowWindow();
  const lingering = createLingeringSteps(clock, strictHoldMs, (organisation) => {
    release(organisation);
    soon();
  });
  /** Results that have come and are not durable yet, in core microseconds. */
  let applying = 0;
  /** What a decision takes of late, in core microseconds, of organisations where it is more than usual. */
  const heavy = new Map<string, number>();
  let pumping = false;

  /** With nothing in anyone's hands a step always goes, so that a result nobody tells of holds up nothing. */
  function hasRoom(): boolean {
    return outstanding.size === 0 || window.hasRoom(outstanding.cost + applying);
  }

  function operationOf(step: ReadyStep): string {
    const node = step.execution.program.nodes[step.activation.node];
    return node?.kind === 'call' ? node.operation : '';
  }

  function isWanted(step: ReadyStep): boolean {
    return !gone.has(step.execution) && step.epoch > (dropped.get(step.lane) ?? 0) && step.execution.end === undefined && step.execution.activations.get(step.activation.number) === step.activation && step.activation.arguments !== undefined;
  }

  /** Asked for again after a pause, it may not have been affected by it. */
  function isInHands({ execution, activation }: ReadyStep): boolean {
    return outstanding.of(execution.id).some(({ step }) => step.activation === activation);
  }

  function capableOf(operation: string): readonly WorkerStream[] {
    let found = capable.get(operation);
    if (found === undefined) {
      found = [...workers].filter((worker) => worker.operations.has(operation));
      capable.set(operation, found);
    }
    return found;
  }

  function choose(candidates: readonly WorkerStream[], bytes: number): WorkerStream | undefined {
    let best: WorkerStream | undefined;
    for (const candidate of candidates) if (candidate.hasCredit(bytes) && (best === undefined || candidate.stepsInHand < best.stepsInHand)) best = candidate;
    return best;
  }

  function dispatch(step: ReadyStep, to: WorkerStream): void {
    const { execution, activation } = step;
    const payload = activation.arguments;
    const node = execution.program.nodes[activation.node];
    if (payload === undefined || node?.kind !== 'call') return;
    const argumentsJson = textOf(payload);
    const nowMs = clock.wallMs();
    const before = outstanding.put({ step, bytes: argumentsJson.length, sinceMs: nowMs, cost: costOfStep(execution.organisation, argumentsJson.length), worker: to.worker, stream: to });
    // The same activation of a former stay of its execution here, with a permit of its own.
    if (before !== undefined && before.step !== step) giveUp(before);
    // A worker that has it still joins the two: one of them runs.
    if (lingering.size > 0) lingering.ended(keyOf(step), to.worker);
    counts.dispatched++;
    to.send({
      organisation: execution.organisation,
      execution: execution.id,
      lane: step.lane,
      epoch: step.epoch,
      run: execution.run,
      activation: activation.number,
      attempt: activation.attempt,
      operation: node.operation,
      connection: node.connection ?? '',
      argumentsJson,
      timeoutMs: activation.deadlineMs === undefined ? 0 : Math.max(1, Math.ceil(activation.deadlineMs - nowMs)),
      // Without a caller's trace the worker can derive it from the step's key, and mostly need not.
      traceparent: execution.traceparent === undefined ? '' : traceparentOf(execution, activation.number, activation.attempt),
      dispatchedAtMs: nowMs,
    });
  }

  function costOfStep(organisation: string, bytes: number): number {
    return costOf(heavy.get(organisation) ?? STEP_MICROSECONDS, bytes);
  }

  function permit(organisation: string): boolean {
    return permits.tryTakeStep(organisation, clock.monotonicMs());
  }

  /** True when the queue may be asked for more. */
  function place(step: ReadyStep): boolean {
    if (!isWanted(step) || step.execution.paused !== undefined || isInHands(step)) {
      release(step.execution.organisation);
      return true;
    }
    const operation = operationOf(step);
    const candidates = capableOf(operation);
    if (candidates.length === 0) {
      // No permit is held while there is nobody who could run it.
      release(step.execution.organisation);
      const parked = unserved.get(operation);
      if (parked === undefined) unserved.set(operation, [step]);
      else parked.push(step);
      return true;
    }
    const to = choose(candidates, textOf(step.activation.arguments as NonNullable<typeof step.activation.arguments>).length);
    if (to === undefined) {
      held.push(step);
      return false;
    }
    dispatch(step, to);
    return true;
  }

  function release(organisation: string): void {
    if (permits.returnStep(organisation)) queue.wake(organisation);
  }

  /** Nothing waits for its result any more. */
  function giveUp({ step, worker }: Outstanding): void {
    const { organisation } = step.execution;
    if (permits.strict(organisation) && lingering.add(keyOf(step), worker, organisation)) return;
    release(organisation);
  }

  function pump(): void {
    if (pumping) return;
    pumping = true;
    try {
      while (held.length > 0) {
        const step = held.pop() as ReadyStep;
        if (!place(step)) return;
      }
      while (hasRoom()) {
        const step = queue.next(permit, clock.monotonicMs());
        if (step === undefined) return;
        if (!place(step)) return;
      }
    } finally {
      pumping = false;
    }
  }

  function schedule(step: ReadyStep): void {
    const { execution, activation } = step;
    const bytes = activation.arguments === undefined ? 0 : textOf(activation.arguments).length;
    if (queue.push(execution.organisation, execution.workflow, step, costOfStep(execution.organisation, bytes), clock.monotonicMs()) === undefined) {
      logger.warn('The queue of ready steps is full; the step waits for the next look', { execution: execution.id, activation: activation.number });
      clock.after(FULL_RETRY_MS, () => void (isWanted(step) && schedule(step)));
      return;
    }
    soon();
  }

  let pumpSoon = false;
  function soon(): void {
    if (pumpSoon) return;
    pumpSoon = true;
    queueMicrotask(() => {
      pumpSoon = false;
      pump();
    });
  }

  function orphan(stream: WorkerStream): void {
    const orphans = outstanding.all().filter((each) => each.stream === stream);
    for (const each of orphans) each.stream = undefined;
    if (orphans.length === 0) return;
    const send = (): void => {
      for (const each of orphans) {
        if (each.stream !== undefined || !outstanding.take(each)) continue;
        giveUp(each);
        if (!isWanted(each.step)) continue;
        counts.redispatched++;
        schedule(each.step);
      }
    };
    clock.after(WORKER_GRACE_MS, send, { holds: false });
  }

  function adoptOrphans(stream: WorkerStream): void {
    for (const each of outstanding.all()) {
      if (each.stream !== undefined || each.worker !== stream.worker) continue;
      counts.redispatched++;
      dispatch(each.step, stream);
    }
  }

  return {
    counts,
    schedule,
    pump,
    workers,
    get outstanding() {
      return outstanding.size;
    },
    placeOf(execution, activation) {
      const found = outstanding.of(execution.id).find(({ step }) => step.activation === activation);
      if (found !== undefined) return { kind: 'worker', worker: found.worker, sinceMs: found.sinceMs };
      const node = execution.program.nodes[activation.node];
      // A workflow is run by no worker: its end comes back by itself.
      if (node?.kind === 'call' && node.operation === WORKFLOW_OPERATION) return { kind: 'worker', worker: 'workflow', sinceMs: activation.enteredAtMs };
      if (capableOf(node?.kind === 'call' ? node.operation : '').length === 0) return { kind: 'no-worker' };
      return { kind: permits.isRefused(execution.organisation) ? 'throttled' : 'queued' };
    },
    get waiting() {
      return queue.size + held.length;
    },
    get lingering() {
      return lingering.size;
    },
    nothingLingers: (signal) => lingering.none(signal),
    dropLane(lane, epoch) {
      dropped.set(lane, Math.max(epoch, dropped.get(lane) ?? 0));
      // The lane may be here again already, under a later epoch.
      const isDropped = (step: ReadyStep): boolean => step.lane === lane && step.epoch <= epoch;
      for (const each of outstanding.all()) {
        if (!isDropped(each.step) || !outstanding.take(each)) continue;
        each.stream?.settle(each.bytes);
        giveUp(each);
      }
      queue.removeWhere(isDropped);
      for (const [operation, steps] of unserved) unserved.set(operation, steps.filter((step) => !isDropped(step)));
      for (let index = held.length - 1; index >= 0; index--) {
        const step = held[index] as ReadyStep;
        if (!isDropped(step)) continue;
        held.splice(index, 1);
        release(step.execution.organisation);
      }
      soon();
    },
    letGo(executions) {
      for (const execution of executions) {
        gone.add(execution);
        for (const each of [...outstanding.of(execution.id)]) {
          // A lane of this process may have it by now, and has sent the step again.
          if (each.step.execution !== execution || !outstanding.take(each)) continue;
          each.stream?.settle(each.bytes);
          giveUp(each);
        }
      }
      queue.removeWhere((step) => gone.has(step.execution));
      for (let index = held.length - 1; index >= 0; index--) {
        const step = held[index] as ReadyStep;
        if (!gone.has(step.execution)) continue;
        held.splice(index, 1);
        release(step.execution.organisation);
      }
      soon();
    },
    abandon(execution) {
      const unwanted = outstanding.of(execution).filter(({ step }) => !isWanted(step));
      return () => {
        for (const each of unwanted) {
          if (!outstanding.take(each)) continue;
          each.stream?.cancel({ execution, run: each.step.execution.run, activation: each.step.activation.number, attempt: each.step.activation.attempt });
          each.stream?.settle(each.bytes);
          giveUp(each);
        }
        if (unwanted.length > 0) soon();
      };
    },
    join(stream) {
      workers.add(stream);
      capable.clear();
      adoptOrphans(stream);
      for (const operation of stream.operations) {
        const parked = unserved.get(operation);
        if (parked === undefined) continue;
        unserved.delete(operation);
        for (const step of parked) schedule(step);
      }
      soon();
    },
    leave(stream) {
      workers.delete(stream);
      capable.clear();
      orphan(stream);
    },
    settle(result, from) {
      if (lingering.size > 0) lingering.ended(attemptKey(result), from.worker);
      const found = outstanding.of(result.execution).find(({ step }) => step.activation.number === result.activation && step.activation.attempt === result.attempt && step.execution.run === result.run);
      if (found === undefined || !outstanding.take(found)) return 0;
      applying += found.cost;
      found.stream?.settle(found.bytes);
      if (found.worker === from.worker) release(found.step.execution.organisation);
      else giveUp(found);
      soon();
      return found.cost;
    },
    spent(organisation, microseconds) {
      const before = heavy.get(organisation) ?? STEP_MICROSECONDS;
      const now = before + (microseconds - before) * SPENT_SHARE;
      if (now <= USUAL_MICROSECONDS) heavy.delete(organisation);
      else if (heavy.size < HEAVY_MAX || heavy.has(organisation)) heavy.set(organisation, now);
    },
    applied({ dispatchedAtMs, startedAtMs, endedAtMs }, cost) {
      applying = Math.max(0, applying - cost);
      window.sample(clock.wallMs() - dispatchedAtMs - (endedAtMs - startedAtMs), clock.monotonicMs());
      if (queue.size > 0) soon();
    },
    get window() {
      return window.size;
    },
  };
}

/** What is in workers' hands, found by execution: a result names it, and one execution seldom has many. */
interface Hands {
  readonly size: number;
  /** Of all of them, in core microseconds. */
  readonly cost: number;
  /** Replaces an entry of the same activation, and yields that. */
  put(entry: Outstanding): Outstanding | undefined;
  /** True when the entry was there. */
  take(entry: Outstanding): boolean;
  of(execution: string): readonly Outstanding[];
  all(): readonly Outstanding[];
}

function createHands(): Hands {
  const byExecution = new Map<string, Outstanding[]>();
  let size = 0;
  let cost = 0;
  return {
    get size() {
      return size;
    },
    get cost() {
      return cost;
    },
    put(entry) {
      cost += entry.cost;
      const { id } = entry.step.execution;
      const list = byExecution.get(id);
      if (list === undefined) {
        byExecution.set(id, [entry]);
        size++;
        return undefined;
      }
      const index = list.findIndex((each) => each.step.activation.number === entry.step.activation.number);
      const before = list[index];
      if (before === undefined) {
        list.push(entry);
        size++;
      } else {
        cost -= before.cost;
        list[index] = entry;
      }
      return before;
    },
    take(entry) {
      const { id } = entry.step.execution;
      const list = byExecution.get(id);
      const index = list?.indexOf(entry) ?? -1;
      if (list === undefined || index < 0) return false;
      size--;
      // Sums of fractions drift; nothing in hand costs nothing.
      cost = size === 0 ? 0 : cost - entry.cost;
      if (list.length === 1) byExecution.delete(id);
      else list.splice(index, 1);
      return true;
    },
    of: (execution) => byExecution.get(execution) ?? NOTHING,
    all: () => [...byExecution.values()].flat(),
  };
}

/** `execution/run/activation/attempt` of a step, or of its result. */
function attemptKey({ execution, run, activation, attempt }: Pick<Result, 'execution' | 'run' | 'activation' | 'attempt'>): string {
  return `${execution}/${run}/${activation}/${attempt}`;
}

function keyOf({ execution, activation }: ReadyStep): string {
  return attemptKey({ execution: execution.id, run: execution.run, activation: activation.number, attempt: activation.attempt });
}

const NOTHING: readonly Outstanding[] = [];

/** What one step costs an owner's core, by measurement, in microseconds. */
const STEP_MICROSECONDS = 30;
/** How much one decision counts in the mean of an organisation's. */
const SPENT_SHARE = 1 / 16;
/** Below this mean, in core microseconds, an organisation's decisions are as light as any. */
const USUAL_MICROSECONDS = 36;
/** Organisations whose means are kept; a count. */
const HEAVY_MAX = 10_000;
const FULL_RETRY_MS = 50;
