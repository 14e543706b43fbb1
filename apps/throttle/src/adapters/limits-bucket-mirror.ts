/** Limits in the key-value bucket that owners watch; never replaced by an earlier revision. */
import type { Bucket } from '@millrace/bus';
import { MillraceError } from '@millrace/errors';
import { decodeLimits, encodeLimits, limitsKey } from '@millrace/lease';
import type { LimitsMirror } from '../ports.ts';

/** Attempts at a write that others make at the same time. */
const ATTEMPTS_MAX = 10;

export function createLimitsMirror(bucket: Bucket): LimitsMirror {
  return {
    async write(organisation, limits) {
      const key = limitsKey(organisation);
      for (let n = 0; n < ATTEMPTS_MAX; n++) {
        const stored = await bucket.get(key);
        const standing = stored?.value === undefined ? undefined : decodeLimits(stored.value);
        if (standing !== undefined && standing.revision >= limits.revision) return;
        try {
          await bucket.update(key, encodeLimits(limits), stored?.revision ?? 0);
          return;
        } catch (error) {
          if (!(error instanceof MillraceError) || error.reason !== 'revision-conflict') throw error;
        }
      }
      throw new MillraceError('bus-failed', { message: `The limits of ${organisation} are being written by many at once; try again` });
    },
  };
}
