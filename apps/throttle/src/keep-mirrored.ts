/** Mirrors stored limits that did not reach the bucket: at the start, as soon as MongoDB is there, and now and then. */
import type { Logger } from '@millrace/telemetry';
import { setTimeout as sleep } from 'node:timers/promises';

/** Time between two looks, in milliseconds. */
export const REPAIR_MS = 60_000;
/** Time until the next attempt after a failed one, in milliseconds. */
export const REPAIR_RETRY_MS = 2_000;

/** Ends when the signal aborts. */
export async function keepMirrored(repair: () => Promise<number>, signal: AbortSignal, logger: Logger): Promise<void> {
  while (!signal.aborted) {
    let waitMs = REPAIR_MS;
    try {
      const repaired = await repair();
      if (repaired > 0) logger.info('Stored limits were missing in the bucket and are there now', { repaired });
    } catch (error) {
      logger.debug('Stored limits could not be compared with the bucket', { error });
      waitMs = REPAIR_RETRY_MS;
    }
    await sleep(waitMs, undefined, { signal, ref: false }).catch(() => undefined);
  }
}
