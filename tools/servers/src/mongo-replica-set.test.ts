import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { MongoClient } from 'mongodb';
import { startMongoReplicaSet } from './mongo-replica-set.ts';

let dir: string;

beforeEach(async () => {
  dir = await mkdtemp(path.join(tmpdir(), 'millrace-mongo-set-'));
});
afterEach(() => rm(dir, { recursive: true, force: true }));

test('three members keep what a majority has over a step-down and the death of the primary', async () => {
  const set = await startMongoReplicaSet({ dataDir: dir, electionTimeoutMs: 2_000, cacheSizeGb: 0.25 });
  const client = new MongoClient(set.url, { writeConcern: { w: 'majority', journal: true }, retryWrites: true, serverSelectionTimeoutMS: 30_000 });
  try {
    const collection = client.db('kept').collection<{ _id: number }>('kept');
    await collection.insertOne({ _id: 1 });
    const first = await set.primary();
    await set.stepDown();
    const second = await set.primary();
    expect(second.port).not.toBe(first.port);
    await collection.insertOne({ _id: 2 });
    await second.kill();
    // The driver repeats a write over a broken connection, but not one whose socket closed while it was being written.
    await collection.insertOne({ _id: 3 }).catch((error: NodeJS.ErrnoException) => (error.code === 'EPIPE' ? collection.insertOne({ _id: 3 }) : Promise.reject(error)));
    expect((await set.primary()).port).not.toBe(second.port);
    await second.restart();
    expect((await collection.find().toArray()).map(({ _id }) => _id).sort()).toEqual([1, 2, 3]);
  } finally {
    await client.close();
    await set.stop();
  }
}, 120_000);
