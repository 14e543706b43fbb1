/**
 * Turns for whoever reads a long journal.
 *
 * E6 Several read at once would take their sum of the memory of the process that everybody's executions run in: they
 * are read one after the other, and beyond READINGS_WAITING_MAX not at all.
 */
import { MillraceError } from '@millrace/errors';

/** Readings of long journals that wait for their turn. */
export const READINGS_WAITING_MAX = 64;

export interface LongReadings {
  /** Runs it when those before are done. Rejects with `limit-exceeded` when too many wait. */
  inTurn<T>(read: () => Promise<T>): Promise<T>;
}

export function createLongReadings(): LongReadings {
  let last: Promise<unknown> = Promise.resolve();
  let waiting = 0;
  return {
    inTurn(read) {
      if (waiting >= READINGS_WAITING_MAX) return Promise.reject(new MillraceError('limit-exceeded', { message: `${waiting} others wait here to read executions with long journals; try again later`, details: { limit: 'long readings', waiting } }));
      waiting++;
      const result = last.then(read).finally(() => waiting--);
      last = result.catch(() => undefined);
      return result;
    },
  };
}
