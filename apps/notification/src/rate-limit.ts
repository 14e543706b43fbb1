/**
 * A token bucket that holds one second's worth: how many messages may still begin now.
 */

export interface RateLimit {
  /** Whole messages that may begin now. */
  available(): number;
  take(count: number): void;
  /** When one message may begin, Unix milliseconds. */
  nextAtMs(): number;
}

/** `perSecond` 0 is no limit. */
export function createRateLimit(perSecond: number, now: () => number): RateLimit {
  if (perSecond <= 0) return { available: () => Number.MAX_SAFE_INTEGER, take: () => undefined, nextAtMs: now };
  const capacity = Math.max(1, perSecond);
  let tokens = capacity;
  let filledAtMs = now();
  const fill = (): void => {
    const atMs = now();
    tokens = Math.min(capacity, tokens + (Math.max(0, atMs - filledAtMs) * perSecond) / 1_000);
    filledAtMs = atMs;
  };
  return {
    available() {
      fill();
      return Math.floor(tokens);
    },
    take(count) {
      fill();
      tokens -= count;
    },
    nextAtMs() {
      fill();
      return now() + Math.max(0, Math.ceil(((1 - tokens) * 1_000) / perSecond));
    },
  };
}
