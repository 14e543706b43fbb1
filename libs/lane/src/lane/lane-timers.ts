/**
 * The timers of one lane: a queue by due time and one timer of the process for the earliest.
 *
 * Due times are wall clock and the process's timers are not: every TIMER_MS_MAX the wall clock is looked at
 * again, so that a clock that jumps makes a timer late by no more than that.
 */
import type { Cancel, Clock } from '@millrace/clock';
import type { JournalRecord } from '@millrace/engine';
import { createDueQueue } from './due-queue.ts';

/** Longest wait of one timer of the process, in milliseconds. */
const TIMER_MS_MAX = 10_000;
/** Timers taken from the queue in one turn of the event loop. */
const DUE_MAX = 10_000;
/** Timers of executions that went to sleep are removed once so many, and half of all, are theirs. */
const GONE_MAX = 1_000;

export interface LaneTimers {
  wait(dueMs: number, execution: string, activation: number): void;
  /** So many timers do not hold any more. */
  gone(count: number): void;
  stop(): void;
}

/**
 * @param due told once for every `wait`, when its time has come by the wall clock.
 * @param isHere whether an execution is in memory: timers of others do not hold.
 */
export function createLaneTimers(clock: Clock, due: (execution: string, activation: number) => void, isHere: (execution: string) => boolean): LaneTimers {
  const queue = createDueQueue();
  let cancel: Cancel = () => undefined;
  let armedMs = Infinity;
  let stopped = false;
  let goneCount = 0;

  function arm(): void {
    cancel();
    const next = queue.peek();
    armedMs = next?.dueMs ?? Infinity;
    if (next === undefined || stopped) return;
    cancel = clock.after(Math.min(Math.max(next.dueMs - clock.wallMs(), 0), TIMER_MS_MAX), elapse);
  }

  function elapse(): void {
    const now = clock.wallMs();
    for (let count = 0; count < DUE_MAX; count++) {
      const next = queue.take(now);
      if (next === undefined) break;
      due(next.execution, next.activation);
    }
    arm();
  }

  return {
    wait(dueMs, execution, activation) {
      queue.push({ dueMs, execution, activation });
      if (dueMs < armedMs) arm();
    },
    gone(count) {
      goneCount += count;
      if (goneCount < GONE_MAX || goneCount * 2 < queue.size) return;
      goneCount = 0;
      queue.keep(({ execution }) => isHere(execution));
      arm();
    },
    stop() {
      stopped = true;
      cancel();
    },
  };
}

/** Records after which a timer of the task may run. */
export function mayWait(record: JournalRecord): record is Extract<JournalRecord, { kind: 'entered' | 'retrying' | 'resumed' | 'caught' }> {
  return record.kind === 'entered' || record.kind === 'retrying' || record.kind === 'resumed' || record.kind === 'caught';
}
