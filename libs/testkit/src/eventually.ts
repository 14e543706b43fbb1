/**
 * Waiting for what happens in another process, where no event can be awaited.
 */

/** How long `eventually` waits when it is not told, in milliseconds. */
export const EVENTUALLY_TIMEOUT_MS = 10_000;
/** How often it looks, in milliseconds. */
export const EVENTUALLY_INTERVAL_MS = 20;

export interface EventuallyOptions {
  readonly timeoutMs?: number;
  readonly intervalMs?: number;
  /** Said in the error: what was waited for. */
  readonly what?: string;
}

/**
 * Looks again and again until the probe answers something other than `false`, `undefined` or `null`, and returns that.
 * A probe that throws has not happened yet; its last error is the cause of the timeout's.
 *
 * @throws Error after `timeoutMs`, naming what was waited for.
 */
export async function eventually<T>(
  probe: () => T | false | undefined | null | Promise<T | false | undefined | null>,
  { timeoutMs = EVENTUALLY_TIMEOUT_MS, intervalMs = EVENTUALLY_INTERVAL_MS, what = 'the condition' }: EventuallyOptions = {},
): Promise<T> {
  const deadline = performance.now() + timeoutMs;
  let cause: unknown;
  for (;;) {
    try {
      const found = await probe();
      if (found !== false && found !== undefined && found !== null) return found;
      cause = undefined;
    } catch (error) {
      cause = error;
    }
    if (performance.now() >= deadline) {
      const why = cause instanceof Error ? `: ${cause.message}` : '';
      throw new Error(`${what} did not come about within ${timeoutMs} ms${why}`, { cause });
    }
    await new Promise((resolve) => setTimeout(resolve, intervalMs));
  }
}
