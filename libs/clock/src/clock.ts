/**
 * Time as a port: everything that waits or asks what time it is takes a clock, so that a simulation can have its own.
 *
 * - What was cancelled does not run, not even when its time had come.
 * - Wall clock and monotonic clock are apart: the first may jump either way, the second only grows.
 */

/** Ends what was planned; calling it again, or too late, does nothing. */
export type Cancel = () => void;

export interface Clock {
  /** Milliseconds since the Unix epoch, whole. */
  wallMs(): number;
  /** Milliseconds since some moment; never goes back. */
  monotonicMs(): number;
  /** Runs once after `ms` milliseconds. With `holds: false` the process may end before. */
  after(ms: number, run: () => void, options?: { readonly holds?: boolean }): Cancel;
  /** Runs every `ms` milliseconds until cancelled. */
  every(ms: number, run: () => void): Cancel;
  /** Runs in the next turn of the event loop. */
  soon(run: () => void): void;
  /** Settles after `ms` milliseconds; rejects with the signal's reason when that comes first. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
}

/** The clock of a process. */
export const systemClock: Clock = {
  wallMs: () => Date.now(),
  monotonicMs: () => performance.now(),
  after(ms, run, options) {
    const timer = setTimeout(run, ms);
    if (options?.holds === false) timer.unref();
    return () => clearTimeout(timer);
  },
  every(ms, run) {
    const timer = setInterval(run, ms);
    return () => clearInterval(timer);
  },
  soon(run) {
    setImmediate(run);
  },
  sleep(ms, signal) {
    return new Promise((settle, fail) => {
      if (signal?.aborted === true) {
        fail(signal.reason as Error);
        return;
      }
      const timer = setTimeout(() => {
        signal?.removeEventListener('abort', aborted);
        settle();
      }, ms);
      function aborted(): void {
        clearTimeout(timer);
        fail(signal?.reason as Error);
      }
      signal?.addEventListener('abort', aborted, { once: true });
    });
  },
};
