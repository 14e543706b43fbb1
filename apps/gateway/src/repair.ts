/** Work that brings two stores together once both are there, tried in the background until it has been done. */
import type { Logger } from '@millrace/telemetry';
import { setTimeout as sleep } from 'node:timers/promises';

/** Pause between two tries, in milliseconds. */
export const REPAIR_PAUSE_MS = 5_000;

/** @param repair resolves with how many records it brought over; rejects while a store is away. */
export async function repairUntilDone(what: string, repair: () => Promise<{ readonly toBucket: number; readonly toStore: number }>, signal: AbortSignal, logger: Logger): Promise<void> {
  while (!signal.aborted) {
    try {
      const { toBucket, toStore } = await repair();
      if (toBucket + toStore > 0) logger.info('Records were brought from one store to the other', { what, toBucket, toStore });
      return;
    } catch (error) {
      logger.debug('Records could not be compared with the database yet', { what, error });
    }
    await sleep(REPAIR_PAUSE_MS, undefined, { signal }).catch(() => undefined);
  }
}
