/** Waiting for the database: tries again until it answers or the process stops. */
import type { Clock } from '@millrace/clock';
import type { Logger } from '@millrace/telemetry';
import { within } from './within.ts';

const RETRY_MS = { first: 100, most: 2_000 } as const;
/** How long one attempt may take, in milliseconds: as long as reading the largest lane does, and some. */
const ATTEMPT_MS_MAX = 60_000;

export async function untilStored<T>(what: string, clock: Clock, logger: Logger, signal: AbortSignal, attempt: () => Promise<T>): Promise<T> {
  for (let waitMs: number = RETRY_MS.first; ; waitMs = Math.min(waitMs * 2, RETRY_MS.most)) {
    try {
      return await within(clock, ATTEMPT_MS_MAX, what, attempt());
    } catch (error) {
      signal.throwIfAborted();
      if (waitMs === RETRY_MS.first) logger.warn('The database does not answer', { what, error });
      await clock.sleep(waitMs, signal);
    }
  }
}
