/**
 * What keeps MongoDB, as it runs, from being durable enough for production. Every write asks for a majority and the
 * journal (S1); what that is worth depends on the servers.
 */
import type { Document } from 'mongodb';
import type { Store } from './store.ts';

/** Members of the replica set in production. */
export const PRODUCTION_MEMBERS = 3;
/** From 6.1 on the journal cannot be switched off. */
const ALWAYS_JOURNALED = [6, 1] as const;

/** Sentences: what is missing, and what to do. Rejects when MongoDB does not answer. */
export async function storeShortfalls({ db }: Store): Promise<readonly string[]> {
  const admin = db.admin();
  const [hello, build] = await Promise.all([admin.command({ hello: 1 }), admin.command({ buildInfo: 1 })]);
  const shortfalls: string[] = [];
  const members = hello['setName'] === undefined ? 0 : ((hello['hosts'] as readonly string[] | undefined)?.length ?? 0);
  if (members === 0) shortfalls.push(`MongoDB is no replica set: make it one, of ${PRODUCTION_MEMBERS} members`);
  else if (members < PRODUCTION_MEMBERS) shortfalls.push(`MongoDB's replica set has ${members} of ${PRODUCTION_MEMBERS} members: add others`);
  const [major = 0, minor = 0] = build['versionArray'] as readonly number[];
  if (major > ALWAYS_JOURNALED[0] || (major === ALWAYS_JOURNALED[0] && minor >= ALWAYS_JOURNALED[1])) return shortfalls;
  const options = await admin.command({ getCmdLineOpts: 1 }).catch(() => undefined);
  if (options === undefined) shortfalls.push('Whether MongoDB keeps a journal cannot be read: let this user run getCmdLineOpts (role clusterMonitor), or use 6.1 or newer, where it always does');
  else if (isSwitchedOff(options)) shortfalls.push('MongoDB keeps no journal: remove --nojournal, or storage.journal.enabled: false');
  return shortfalls;
}

function isSwitchedOff(options: Document): boolean {
  const storage = (options['parsed'] as Document | undefined)?.['storage'] as Document | undefined;
  return (storage?.['journal'] as Document | undefined)?.['enabled'] === false;
}
