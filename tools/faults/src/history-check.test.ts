import { startMongod, type MongoServer } from '@millrace/servers';
import { temporaryFolder, type TemporaryFolder } from '@millrace/testkit';
import { MongoClient } from 'mongodb';
import { checkHistory } from './history-check.ts';

let folder: TemporaryFolder;
let mongod: MongoServer;
let client: MongoClient;

beforeAll(async () => {
  folder = await temporaryFolder('history-check');
  mongod = await startMongod({ dataDir: folder.path });
  client = await MongoClient.connect(mongod.url);
}, 60_000);

afterAll(async () => {
  await client.close();
  await mongod.stop();
  await folder.remove();
});

const entry = (...records: readonly object[]): string => JSON.stringify([1, records]);
const whole = [entry({ k: 'started.1' }), entry({ k: 'resolved.1', a: 2 }), entry({ k: 'ended.1' })];

async function findingsOf(entries: readonly string[], segments: readonly string[] = []): Promise<readonly string[]> {
  const database = client.db('millrace_orchestrator');
  await Promise.all([database.collection('history').deleteMany({}), database.collection('segments').deleteMany({})]);
  await database.collection<{ _id: string }>('history').insertOne({ _id: 'x', status: 'completed', segments: segments.length > 0 ? 1 : 0, entries } as never);
  if (segments.length > 0) await database.collection<{ _id: string }>('segments').insertOne({ _id: 'x/0', execution: 'x', number: 0, entries: segments } as never);
  return (await checkHistory(mongod.url, ['x'], 500)).violations;
}

test('a journal with one start, one result a step and one end is right, in one piece or in segments', async () => {
  expect(await findingsOf(whole)).toEqual([]);
  expect(await findingsOf(whole.slice(1), whole.slice(0, 1))).toEqual([]);
});

test('a result that stands twice is found', async () => {
  expect(await findingsOf([...whole.slice(0, 2), ...whole.slice(1)])).toEqual(['execution x: activation 2 has two results']);
});

test('a second end, or none, is found', async () => {
  expect(await findingsOf([...whole, entry({ k: 'ended.1' })])).toEqual(['execution x has 2 terminal records']);
  expect(await findingsOf(whole.slice(0, 2))).toEqual(['execution x has 0 terminal records']);
});

test('an execution that is not there is found', async () => {
  await client.db('millrace_orchestrator').collection('history').deleteMany({});
  expect((await checkHistory(mongod.url, ['x'], 300)).violations).toEqual(['execution x is not in the history']);
});
