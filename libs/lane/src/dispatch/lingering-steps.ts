/**
 * Steps of strict limits that may still run at a worker though nothing here waits for their results: their lane or slot
 * has left, their execution was cancelled, their worker vanished.
 *
 * Owns which they are, and for how long each keeps its permit. Does not own permits: `ended` is told when one is free.
 *
 * - S1 (T1) A permit of a strict limit is free again only when the worker has said that the step ended, or when the
 *   longest time that a step may take has passed without a word.
 * - S2 (T3) One permit for each step at each worker, however often it is given up.
 */
import type { Cancel, Clock } from '@millrace/clock';

export interface LingeringSteps {
  readonly size: number;
  /** False when that step lingers at that worker already: the second permit is not needed. */
  add(step: string, worker: string, organisation: string): boolean;
  /** The worker has answered, or the step is in its hands again. */
  ended(step: string, worker: string): void;
  /** Resolves when none is left, or the signal ends the waiting. */
  none(signal: AbortSignal): Promise<void>;
}

/** @param holdMs The longest that a step may take, in milliseconds. */
export function createLingeringSteps(clock: Clock, holdMs: number, free: (organisation: string) => void): LingeringSteps {
  const steps = new Map<string, { readonly organisation: string; readonly cancel: Cancel }>();
  let waiting: (() => void)[] = [];

  function end(key: string): void {
    const found = steps.get(key);
    if (found === undefined) return;
    steps.delete(key);
    found.cancel();
    free(found.organisation);
    if (steps.size > 0) return;
    for (const each of waiting) each();
    waiting = [];
  }

  return {
    get size() {
      return steps.size;
    },
    add(step, worker, organisation) {
      const key = `${step} ${worker}`;
      const before = steps.get(key);
      before?.cancel();
      steps.set(key, { organisation, cancel: clock.after(holdMs, () => end(key), { holds: false }) });
      return before === undefined;
    },
    ended: (step, worker) => end(`${step} ${worker}`),
    none: (signal) =>
      new Promise((settle) => {
        if (steps.size === 0 || signal.aborted) return settle();
        waiting.push(settle);
        signal.addEventListener('abort', () => settle(), { once: true });
      }),
  };
}
