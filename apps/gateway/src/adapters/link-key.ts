/**
 * The key that signs links: made once by the first gateway, known to all of them.
 *
 * It stands in a bucket and in MongoDB as it is, as reachable as everything that services keep there; who can read
 * either can sign links. Removing it from both, and restarting the gateways, makes every link void.
 */
import { randomBytes } from 'node:crypto';
import { BUCKETS, type Bus } from '@millrace/bus';
import type { Store } from '@millrace/store';
import type { Logger } from '@millrace/telemetry';
import { repairUntilDone } from '../repair.ts';
import { openKeptRecords } from './kept-records.ts';

const KEY_BYTES = 32;
const ID = 'approvals';

interface LinkKey {
  readonly id: string;
  readonly secret: string;
}

/** @returns what the key is, undefined until it is known. */
export async function watchLinkKey(bus: Bus, store: Store, signal: AbortSignal, logger: Logger): Promise<() => Buffer | undefined> {
  const records = await openKeptRecords<LinkKey>(bus, store, BUCKETS.linkKeys);
  await records.createInBucket({ id: ID, secret: randomBytes(KEY_BYTES).toString('base64') });
  let key: Buffer | undefined;
  const watch = await records.watch({ onSet: ({ id, secret }) => (key = id === ID ? Buffer.from(secret, 'base64') : key), onRemoved: (id) => (key = id === ID ? undefined : key) });
  signal.addEventListener('abort', () => watch.stop(), { once: true });
  void repairUntilDone('the key of links', () => records.repair(), signal, logger);
  return () => key;
}
