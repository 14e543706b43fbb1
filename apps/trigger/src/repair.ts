/** Work that brings two stores together once both are there, tried in the background until it has been done. */
import type { Logger } from '@millrace/telemetry';
import { setTimeout as sleep } from 'node:timers/promises';

/** Pause between two tries, in milliseconds. */
export const REPAIR_PAUSE_MS = 5_000;

/** @param repair resolves with how many records it brought over; rejects while a store is away. */
export async function repairUntilDone(repair: () => Promise<number>, signal: AbortSignal, logger: Logger): Promise<void> {
  while (!signal.aborted) {
    try {
      const repaired = await repair();
      if (repaired > 0) logger.info('Webhooks were brought from the database to the bucket', { repaired });
      return;
    } catch (error) {
      logger.debug('Webhooks could not be compared with the database yet', { error });
    }
    await sleep(REPAIR_PAUSE_MS, undefined, { signal }).catch(() => undefined);
  }
}
