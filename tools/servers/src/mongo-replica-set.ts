/**
 * Several mongods as one replica set on loopback: writes are acknowledged by a majority, and another member becomes
 * primary when the primary is gone.
 *
 * Owns: the set's configuration. Does not own: databases, and what clients do between two primaries.
 */
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { MillraceError } from '@millrace/errors';
import { MongoClient, MongoServerError, type Document } from 'mongodb';
import type { LookUp } from './binaries.ts';
import { listening, NOT_YET_INITIALIZED, READY_TIMEOUT_MS, REPLICA_SET, startMember, until, type MongodOptions, type MongoServer } from './mongo-server.ts';
import type { ServerProcess } from './server-process.ts';

export interface MongoReplicaSetOptions extends LookUp, Pick<MongodOptions, 'cacheSizeGb' | 'detached' | 'launcher'> {
  /** Gets a folder for each member. */
  readonly dataDir: string;
  /** Members; 3 where absent. */
  readonly members?: number;
  /** After so many milliseconds without the primary the others elect; MongoDB's own 10 s where absent. */
  readonly electionTimeoutMs?: number;
}

/** A running replica set. */
export interface MongoReplicaSet {
  readonly members: readonly MongoServer[];
  /** Addresses of all members, and the set's name. */
  readonly url: string;
  /** The member that is primary now; waits for one. */
  primary(): Promise<MongoServer>;
  /** Asks the primary to become a secondary; resolves when another one is primary. */
  stepDown(): Promise<void>;
  stop(): Promise<void>;
}

const POLL_MS = 50;
/** How long a primary that stepped down stays one that cannot be elected, in seconds. */
const STEP_DOWN_S = 10;
const ASK_TIMEOUT_MS = 2_000;

/**
 * Starts the members, each in a folder of its own, and waits for a primary.
 *
 * @throws MillraceError as `startMongod` does.
 */
export async function startMongoReplicaSet(options: MongoReplicaSetOptions): Promise<MongoReplicaSet> {
  const { dataDir, members: count = 3, electionTimeoutMs, ...each } = options;
  const started = await Promise.allSettled(Array.from({ length: count }, (_, index) => startMember({ ...each, dataDir: path.join(dataDir, `member-${index + 1}`) }, usable)));
  const members = started.flatMap((outcome) => (outcome.status === 'fulfilled' ? [outcome.value] : []));
  const failed = started.find((outcome) => outcome.status === 'rejected');
  const primary = async (): Promise<MongoServer> => {
    const deadline = performance.now() + READY_TIMEOUT_MS;
    while (performance.now() < deadline) {
      const states = await Promise.all(members.map(isPrimary));
      const found = members[states.indexOf(true)];
      if (found !== undefined) return found;
      await sleep(POLL_MS);
    }
    throw new MillraceError('store-failed', { message: `the replica set of ${count} mongods under ${dataDir} has no primary after ${READY_TIMEOUT_MS} ms` });
  };
  try {
    if (failed !== undefined) throw failed.reason;
    await initiate(members, electionTimeoutMs);
    await primary();
  } catch (error) {
    await Promise.all(members.map((member) => member.kill()));
    throw error;
  }
  return {
    members,
    url: `mongodb://${members.map(({ port }) => `127.0.0.1:${port}`).join(',')}/?replicaSet=${REPLICA_SET}`,
    primary,
    async stepDown() {
      const before = await primary();
      await ask(before.port, { replSetStepDown: STEP_DOWN_S });
      while ((await primary()) === before) await sleep(POLL_MS);
    },
    async stop() {
      await Promise.all(members.map((member) => member.stop()));
    },
  };
}

/** A member that was configured is usable once it is primary or secondary; one that is new waits for `initiate`. */
async function usable(server: ServerProcess, port: number): Promise<void> {
  const deadline = performance.now() + READY_TIMEOUT_MS;
  await until(() => listening(port), server, deadline);
  await until(async () => {
    const hello = await ask(port, { hello: 1 });
    return hello['isWritablePrimary'] === true || hello['secondary'] === true || (await isNew(port));
  }, server, deadline);
}

async function isNew(port: number): Promise<boolean> {
  try {
    await ask(port, { replSetGetConfig: 1 });
    return false;
  } catch (error) {
    return error instanceof MongoServerError && error.code === NOT_YET_INITIALIZED;
  }
}

/** Makes the set on folders that are new, and names the members' present ports on those that are not. */
async function initiate(members: readonly MongoServer[], electionTimeoutMs: number | undefined): Promise<void> {
  const [first] = members as readonly [MongoServer, ...MongoServer[]];
  const wanted = members.map(({ port }, _id) => ({ _id, host: `127.0.0.1:${port}` }));
  if (await isNew(first.port)) {
    const settings = electionTimeoutMs === undefined ? {} : { settings: { electionTimeoutMillis: electionTimeoutMs } };
    await ask(first.port, { replSetInitiate: { _id: REPLICA_SET, members: wanted, ...settings } });
    return;
  }
  const config = (await ask(first.port, { replSetGetConfig: 1 }))['config'] as Document;
  const present = config['members'] as readonly Document[];
  if (present.every(({ host }, index) => host === wanted[index]?.host)) return;
  const moved = { ...config, version: Number(config['version']) + 1, members: present.map((member, index) => ({ ...member, host: wanted[index]?.host })) };
  await ask(first.port, { replSetReconfig: moved, force: true });
}

async function isPrimary({ port }: MongoServer): Promise<boolean> {
  return ask(port, { hello: 1 }).then((hello) => hello['isWritablePrimary'] === true, () => false);
}

async function ask(port: number, command: Document): Promise<Document> {
  const client = new MongoClient(`mongodb://127.0.0.1:${port}/?directConnection=true`, { serverSelectionTimeoutMS: ASK_TIMEOUT_MS, socketTimeoutMS: 30_000 });
  try {
    return await client.db('admin').command(command);
  } finally {
    await client.close();
  }
}
