/**
 * The settling stage: what a holder left behind. Leases that ran out, and unknown outcomes whose wait is over.
 */
import { proposeAll, type Deciding } from './changes.ts';
import type { Round } from './stage.ts';

/** Deliveries settled in one round. */
export const SETTLE_BATCH_MAX = 200;

/** One round. `holdsHere` says which tokens this instance still works on: their outcome is on its way. */
export async function settleDue(deciding: Deciding, holdsHere: (token: string) => boolean): Promise<Round> {
  const due = await deciding.store.due(['rendering', 'sending', 'unknown'], deciding.now(), SETTLE_BATCH_MAX);
  const left = due.filter(({ delivery }) => delivery.lease === undefined || !holdsHere(delivery.lease.token));
  if (left.length === 0) return 'idle';
  await proposeAll(
    left.map((record) => ({ record, event: { kind: 'tick' } })),
    deciding,
  );
  return left.length === SETTLE_BATCH_MAX ? 'more' : 'idle';
}
