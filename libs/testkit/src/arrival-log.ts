/**
 * The record that a target keeps, with a way to await its next entries.
 */

/** How long a test waits for an arrival when it does not say, in milliseconds. */
export const ARRIVAL_TIMEOUT_MS = 10_000;

/** Resolves with the first entry, past or coming, that matches; rejects after `timeoutMs`, or at once when the signal aborts. */
export type Await<T> = (matches: (entry: T) => boolean, timeoutMs?: number, signal?: AbortSignal) => Promise<T>;

export interface ArrivalLog<T> {
  readonly entries: readonly T[];
  add(entry: T): void;
  readonly waitFor: Await<T>;
}

export function arrivalLog<T>(): ArrivalLog<T> {
  const entries: T[] = [];
  const waiting = new Set<(entry: T) => void>();
  return {
    entries,
    add(entry) {
      entries.push(entry);
      for (const look of [...waiting]) look(entry);
    },
    waitFor(matches, timeoutMs = ARRIVAL_TIMEOUT_MS, signal) {
      const past = entries.find(matches);
      if (past !== undefined) return Promise.resolve(past);
      return new Promise((resolve, reject) => {
        const forget = (): void => {
          clearTimeout(timer);
          waiting.delete(look);
          signal?.removeEventListener('abort', abandon);
        };
        const look = (entry: T): void => {
          if (!matches(entry)) return;
          forget();
          resolve(entry);
        };
        const abandon = (): void => {
          forget();
          reject(signal?.reason as Error);
        };
        const timer = setTimeout(() => {
          forget();
          reject(new Error(`no such arrival within ${timeoutMs} ms; ${entries.length} came in all`));
        }, timeoutMs);
        waiting.add(look);
        signal?.addEventListener('abort', abandon, { once: true });
      });
    },
  };
}
