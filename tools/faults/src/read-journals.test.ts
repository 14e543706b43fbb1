import { startMongod, type MongoServer } from '@millrace/servers';
import { temporaryFolder, type TemporaryFolder } from '@millrace/testkit';
import { MongoClient } from 'mongodb';
import { readJournals } from './read-journals.ts';

let folder: TemporaryFolder;
let mongod: MongoServer;
let client: MongoClient;

beforeAll(async () => {
  folder = await temporaryFolder('read-journals');
  mongod = await startMongod({ dataDir: folder.path });
  client = await MongoClient.connect(mongod.url);
}, 60_000);

afterAll(async () => {
  await client.close();
  await mongod.stop();
  await folder.remove();
});

const entry = (atMs: number, ...records: readonly object[]): string => JSON.stringify([atMs, records]);

test('a journal is read in one piece, as texts or bytes, or in segments, without segments beyond the count', async () => {
  const database = client.db('millrace_orchestrator');
  const history = database.collection<{ _id: string }>('history');
  const segments = database.collection<{ _id: string }>('segments');
  const head = { organisation: 'o', workflow: 'w', status: 'completed' };
  await history.insertOne({ _id: 'whole', ...head, key: 'k', segments: 0, entries: [entry(1, { k: 'started.1' }), entry(2, { k: 'resolved.2', a: 2, x: 3, w: 'c' })] } as never);
  await history.insertOne({ _id: 'parts', ...head, segments: 1, entries: [entry(3, { k: 'entered.1', a: 1, due: 9 })] } as never);
  await segments.insertMany([
    { _id: 'parts/0', execution: 'parts', number: 0, entries: [entry(1, { k: 'started.1' })] },
    { _id: 'parts/1', execution: 'parts', number: 1, entries: [entry(8, { k: 'left over' })] },
  ] as never);
  await history.insertOne({ _id: 'bytes', ...head, segments: 0, journal: Buffer.from([entry(1, { k: 'started.1' }), entry(2, { k: 'ended.1', st: 'completed' })].join()) } as never);
  const found = await readJournals(mongod.url, 3, 2_000);
  expect(found.find(({ execution }) => execution === 'bytes')?.entries).toEqual([
    { atMs: 1, records: [{ kind: 'started', attempt: 1 }] },
    { atMs: 2, records: [{ kind: 'ended', attempt: 1, status: 'completed' }] },
  ]);
  expect(found.find(({ execution }) => execution === 'whole')).toEqual({
    execution: 'whole',
    ...head,
    key: 'k',
    entries: [
      { atMs: 1, records: [{ kind: 'started', attempt: 1 }] },
      { atMs: 2, records: [{ kind: 'resolved', activation: 2, attempt: 3, worker: 'c' }] },
    ],
  });
  expect(found.find(({ execution }) => execution === 'parts')?.entries).toEqual([
    { atMs: 1, records: [{ kind: 'started', attempt: 1 }] },
    { atMs: 3, records: [{ kind: 'entered', activation: 1, attempt: 1, dueMs: 9 }] },
  ]);
});
