/**
 * Puts right what a crash between the two writes of a connection left: what the database has and the bucket has
 * not. Runs once after the start, as soon as the database is there.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from '@millrace/telemetry';
import type { ConnectionStore } from './adapters/mongo-connections.ts';
import type { SealedConnection } from './connection.ts';

const RETRY_MS = 5_000;

/** Never rejects; ends when it is done or the signal is aborted. */
export async function reconcileConnections(store: ConnectionStore, publish: (sealed: SealedConnection) => Promise<void>, signal: AbortSignal, log: Pick<Logger, 'debug'>): Promise<void> {
  while (!signal.aborted) {
    try {
      for await (const sealed of store.all()) {
        if (signal.aborted) return;
        await publish(sealed);
      }
      return;
    } catch (error) {
      log.debug('connections are compared with the database later', { error });
    }
    await sleep(RETRY_MS, undefined, { signal, ref: false }).catch(() => undefined);
  }
}
