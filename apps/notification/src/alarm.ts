/**
 * Waking a loop that has nothing to do: by what happens in this process at once, by the clock for what is due here,
 * and every `maxWaitMs` for what other instances left behind.
 */

export interface Alarm {
  /** Wakes now, or keeps the next wait from starting. */
  ring(): void;
  /** Wakes at that time (Unix milliseconds) at the latest. */
  ringAt(atMs: number): void;
  /** Resolves at the next ring, at the latest after `maxWaitMs`, and at once when the signal aborts. */
  wait(signal: AbortSignal): Promise<void>;
}

export function createAlarm(maxWaitMs: number, now: () => number): Alarm {
  let rung = false;
  let nextAtMs = Number.POSITIVE_INFINITY;
  let wake: (() => void) | undefined;

  const alarm: Alarm = {
    ring() {
      rung = true;
      wake?.();
    },
    ringAt(atMs) {
      if (atMs >= nextAtMs) return;
      nextAtMs = atMs;
      // A loop that is waiting has to wait for less.
      wake?.();
    },
    async wait(signal) {
      const untilMs = now() + maxWaitMs;
      while (!rung && !signal.aborted) {
        const waitMs = Math.min(untilMs, nextAtMs) - now();
        if (waitMs <= 0) break;
        await sleepUntilWoken(waitMs, signal);
      }
      rung = false;
      if (nextAtMs <= now()) nextAtMs = Number.POSITIVE_INFINITY;
    },
  };

  const sleepUntilWoken = (waitMs: number, signal: AbortSignal): Promise<void> =>
    new Promise((resolve) => {
      const finish = (): void => {
        clearTimeout(timer);
        signal.removeEventListener('abort', finish);
        wake = undefined;
        resolve();
      };
      const timer = setTimeout(finish, waitMs);
      signal.addEventListener('abort', finish, { once: true });
      wake = finish;
    });

  return alarm;
}
