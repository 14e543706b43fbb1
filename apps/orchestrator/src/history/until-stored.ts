/** Waiting for the database: tries again until it answers or the process stops. */
import { setTimeout as delay } from 'node:timers/promises';
import type { Logger } from '@millrace/telemetry';

const RETRY_MS = { first: 100, most: 2_000 } as const;

export async function untilStored<T>(what: string, logger: Logger, signal: AbortSignal, attempt: () => Promise<T>): Promise<T> {
  for (let waitMs: number = RETRY_MS.first; ; waitMs = Math.min(waitMs * 2, RETRY_MS.most)) {
    try {
      return await attempt();
    } catch (error) {
      signal.throwIfAborted();
      if (waitMs === RETRY_MS.first) logger.warn('The database does not answer', { what, error });
      await delay(waitMs, undefined, { signal });
    }
  }
}
