/** Reads back from running servers whether they write durably; believes no configuration file. */
import { MillraceError } from '@millrace/errors';
import { MongoClient, type Document } from 'mongodb';

/** What the servers say of themselves. */
export interface Durability {
  readonly nats: {
    readonly version: string;
    /** Every acknowledged message was synced first. */
    readonly syncAlways: boolean;
    /** Time between syncs of what is not synced at once, in milliseconds. */
    readonly syncIntervalMs: number;
    readonly storeDir: string;
  };
  readonly mongo: {
    readonly version: string;
    /** The storage engine keeps a write-ahead journal. */
    readonly journal: boolean;
    /** A write acknowledged by a majority is in the journal. */
    readonly majorityJournaled: boolean;
    readonly replicaSet: string;
    readonly members: number;
  };
}

const ANSWER_TIMEOUT_MS = 5_000;

/**
 * Asks NATS through its monitoring address and MongoDB through admin commands.
 *
 * @throws MillraceError `durability-insufficient` when a server cannot be asked: what cannot be read is not durable.
 */
export async function readDurability(natsMonitorUrl: string, mongoUrl: string): Promise<Durability> {
  // Both are waited for, so that no connection outlives the answer.
  const [nats, mongo] = await Promise.allSettled([readNats(natsMonitorUrl), readMongo(mongoUrl)]);
  if (nats.status === 'fulfilled' && mongo.status === 'fulfilled') return { nats: nats.value, mongo: mongo.value };
  throw MillraceError.from(nats.status === 'rejected' ? nats.reason : (mongo as PromiseRejectedResult).reason, 'durability-insufficient');
}

interface Varz {
  readonly version: string;
  readonly jetstream?: { readonly config?: { readonly store_dir: string; readonly sync_interval: number; readonly sync_always?: boolean } };
}

async function readNats(monitorUrl: string): Promise<Durability['nats']> {
  const answer = await fetch(`${monitorUrl}/varz`, { signal: AbortSignal.timeout(ANSWER_TIMEOUT_MS) });
  const varz = (await answer.json()) as Varz;
  const config = varz.jetstream?.config;
  if (config === undefined) throw new Error(`the nats-server monitored at ${monitorUrl} has no JetStream`);
  return {
    version: varz.version,
    syncAlways: config.sync_always === true,
    syncIntervalMs: config.sync_interval / 1e6,
    storeDir: config.store_dir,
  };
}

async function readMongo(url: string): Promise<Durability['mongo']> {
  const client = new MongoClient(url, { serverSelectionTimeoutMS: ANSWER_TIMEOUT_MS });
  try {
    const admin = client.db('admin');
    const [build, options, status, replication] = await Promise.all([
      admin.command({ buildInfo: 1 }),
      admin.command({ getCmdLineOpts: 1 }),
      admin.command({ serverStatus: 1 }),
      admin.command({ replSetGetConfig: 1 }),
    ]);
    const config = replication['config'] as Document;
    return {
      version: String(build['version']),
      journal: journaled(options, status),
      majorityJournaled: config['writeConcernMajorityJournalDefault'] !== false,
      replicaSet: String(config['_id']),
      members: (config['members'] as readonly unknown[]).length,
    };
  } finally {
    await client.close();
  }
}

/** The journal is on unless switched off (possible until 6.0), and only a persistent engine has one. */
function journaled(options: Document, status: Document): boolean {
  const storage = (options['parsed'] as Document)['storage'] as Document | undefined;
  const switchedOff = (storage?.['journal'] as Document | undefined)?.['enabled'] === false;
  return !switchedOff && (status['storageEngine'] as Document)['persistent'] === true;
}
