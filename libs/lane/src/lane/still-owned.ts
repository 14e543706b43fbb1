/**
 * What may be said only by the lane's owner, though no frame proves that it still is: a result that changes nothing here
 * may be the one that a later owner waits for, and a worker forgets what it is told of.
 *
 * Owns who waits to be told. Does not own how a later owner is found (`Lane.isTaken`), which ends the lane.
 */
import type { Clock } from '@millrace/clock';
import type { Logger } from '@millrace/telemetry';

/** Between looks at the log while its leader does not answer, in milliseconds. */
const RETRY_MS = 1_000;

/** Runs `tell` once the log has shown no later owner, `otherwise` when there is one. Many at once cost one look. */
export type StillOwned = (tell: () => void, otherwise?: () => void) => void;

interface Waiting {
  readonly tell: () => void;
  readonly otherwise: (() => void) | undefined;
}

export function createStillOwned(isTaken: () => Promise<boolean>, clock: Clock, logger: Logger): StillOwned {
  let waiting: Waiting[] = [];
  let looking = false;

  async function look(): Promise<void> {
    looking = true;
    while (waiting.length > 0) {
      // Who comes while the log is asked is told by the next look.
      const told = waiting;
      waiting = [];
      try {
        const isOver = await isTaken();
        for (const { tell, otherwise } of told) {
          if (isOver) otherwise?.();
          else tell();
        }
      } catch (error) {
        logger.debug('Whether the lane is still here cannot be said yet', { results: told.length, error });
        waiting = [...told, ...waiting];
        await clock.sleep(RETRY_MS);
      }
    }
    looking = false;
  }

  return (tell, otherwise) => {
    waiting.push({ tell, otherwise });
    if (!looking) void look();
  };
}
