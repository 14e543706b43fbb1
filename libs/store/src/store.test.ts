import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { freePort, startMongod, type MongoServer } from '@millrace/servers';
import { createLogger } from '@millrace/telemetry';
import { SELECTION_TIMEOUT_MS, connectStore, isDuplicateKey, isStoreUnavailable, storeFailureOf, type Store } from './index.ts';

const lines: string[] = [];
const logger = createLogger({
  service: 'test',
  instance: 'test-1',
  destination: { write: (line) => void lines.push((JSON.parse(line) as { msg: string }).msg) },
});

interface Note {
  readonly _id: string;
  readonly text?: string | undefined;
}

/** Each ping waits for a while itself; five in a row without an answer are a failure. */
async function untilThere(store: Store): Promise<void> {
  for (let attempt = 0; attempt < 5; attempt += 1) if (await store.ping()) return;
  throw new Error('MongoDB was started and the store did not find it');
}

describe('a store', () => {
  let dataDir: string;
  let port: number;
  let mongo: MongoServer | undefined;
  let store: Store;

  beforeAll(async () => {
    dataDir = await mkdtemp(path.join(tmpdir(), 'store-'));
    port = await freePort();
    store = await connectStore({ url: `mongodb://127.0.0.1:${port}/?directConnection=true`, database: 'store_test', logger });
  });

  afterAll(async () => {
    await store.close();
    await mongo?.stop();
    await rm(dataDir, { recursive: true, force: true });
  });

  test('opens without MongoDB, and a command says within its time that nobody is there', async () => {
    expect(await store.ping()).toBe(false);
    const beganMs = performance.now();
    const error: unknown = await store.collection<Note>('notes').insertOne({ _id: 'early' }).catch((caught: unknown) => caught);
    expect(performance.now() - beganMs).toBeLessThan(SELECTION_TIMEOUT_MS + 1_500);
    expect(isStoreUnavailable(error)).toBe(true);
    expect(storeFailureOf(error, 'insert a note')).toMatchObject({ reason: 'store-failed', code: 'unavailable', retry: { kind: 'backoff' } });
    expect(isStoreUnavailable(storeFailureOf(error, 'insert a note'))).toBe(true);
  });

  test('a socket that closed under a command is a database that cannot be reached', () => {
    const error = Object.assign(new Error('This socket has been ended by the other party'), { code: 'EPIPE' });
    expect(isStoreUnavailable(error)).toBe(true);
    expect(isStoreUnavailable(storeFailureOf(error, 'insert a note'))).toBe(true);
    expect(isStoreUnavailable(Object.assign(new Error('no such file'), { code: 'ENOENT' }))).toBe(false);
  });

  test('becomes whole when MongoDB comes, and writes through to the journal of the majority', async () => {
    mongo = await startMongod({ dataDir, port });
    await untilThere(store);
    expect(store.db.writeConcern).toMatchObject({ w: 'majority', journal: true });
    const notes = store.collection<Note>('notes');
    await notes.insertOne({ _id: 'one', text: undefined });
    expect(await notes.findOne({ _id: 'one' })).toEqual({ _id: 'one' });
  });

  test('tells a duplicate from other failures, alone and in bulk', async () => {
    const notes = store.collection<Note>('notes');
    await notes.insertOne({ _id: 'taken' });
    const alone: unknown = await notes.insertOne({ _id: 'taken' }).catch((caught: unknown) => caught);
    const bulk: unknown = await notes.insertMany([{ _id: 'free' }, { _id: 'taken' }], { ordered: false }).catch((caught: unknown) => caught);
    expect([alone, bulk].map(isDuplicateKey)).toEqual([true, true]);
    expect([alone, bulk].map(isStoreUnavailable)).toEqual([false, false]);
    expect(isDuplicateKey(new Error('E11000'))).toBe(false);
  });

  test('survives a mongod that is killed and started again, with what it had confirmed', async () => {
    const notes = store.collection<Note>('notes');
    await notes.insertOne({ _id: 'confirmed' });
    await mongo?.kill();
    expect(await store.ping()).toBe(false);
    await mongo?.restart();
    await untilThere(store);
    expect(await notes.findOne({ _id: 'confirmed' })).toEqual({ _id: 'confirmed' });
    await notes.insertOne({ _id: 'after' });
    expect(lines.filter((line) => line === 'MongoDB is back').length).toBeGreaterThanOrEqual(1);
    expect(lines).toContain('MongoDB cannot be reached');
  });

  test('of a URL that is none is refused with the reason', async () => {
    await expect(connectStore({ url: 'http://127.0.0.1', database: 'x', logger })).rejects.toMatchObject({ reason: 'configuration-invalid' });
  });
});
