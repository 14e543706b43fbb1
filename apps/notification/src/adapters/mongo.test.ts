import { acceptedDelivery, DEFAULT_POLICY, transition, type Delivery } from '@millrace/delivery';
import { startMongod, type MongoServer } from '@millrace/servers';
import { temporaryFolder, type TemporaryFolder } from '@millrace/testkit';
import { MongoClient, type Collection } from 'mongodb';
import type { Change, DeliveryRecord } from '../ports.ts';
import { createMongoDeliveries, ensureDeliveryIndexes, type DeliveryDocument } from './mongo.ts';

let folder: TemporaryFolder;
let mongod: MongoServer;
let client: MongoClient;
let collection: Collection<DeliveryDocument>;
let database = 0;

beforeAll(async () => {
  folder = await temporaryFolder('deliveries');
  mongod = await startMongod({ dataDir: folder.path });
  client = await new MongoClient(mongod.url, { writeConcern: { w: 'majority', journal: true }, serverSelectionTimeoutMS: 300 }).connect();
}, 60_000);
afterAll(async () => {
  await client?.close();
  await mongod?.kill();
  await folder?.remove();
});
beforeEach(async () => {
  collection = client.db(`test-${database++}`).collection('deliveries');
  await ensureDeliveryIndexes(collection);
});

const record = (key: string, createdAtMs = 1_000, organisation = 'acme'): DeliveryRecord => ({
  id: `${organisation}/${key}`,
  organisation,
  key,
  channel: 'email',
  recipient: { address: 'ann@example.test' },
  execution: 'x1',
  messageId: `<${key}@example.test>`,
  requestedAtMs: createdAtMs,
  source: { kind: 'template', template: 'plain', data: {} },
  delivery: acceptedDelivery(createdAtMs),
});

function claim({ id, delivery }: DeliveryRecord, token: string): Change {
  const decision = transition(delivery, { kind: 'claim', owner: token, token }, 2_000, DEFAULT_POLICY, id);
  if (decision.kind === 'refused') throw new Error(decision.refusal);
  return { id, from: delivery, to: decision.delivery };
}

test('what is stored comes back as it was, and what is known already is counted', async () => {
  const store = createMongoDeliveries(collection, 'n-1');
  expect(await store.accept([record('a'), record('b'), record('a')])).toEqual({ stored: [record('a'), record('b')], repeated: 1 });
  expect(await store.accept([record('b', 9_000), record('c')])).toEqual({ stored: [record('c')], repeated: 1 });
  expect(await store.find('acme/b')).toEqual(record('b'));
  expect((await collection.findOne({ _id: 'acme/b' }))?.repeats).toBe(1);
});

test('of many that decide the same change at once exactly one makes it', async () => {
  const keys = Array.from({ length: 50 }, (_, index) => `k${index}`);
  const instances = Array.from({ length: 4 }, (_, index) => createMongoDeliveries(collection, `n-${index}`));
  await instances[0]?.accept(keys.map((key) => record(key)));
  const won = await Promise.all(instances.map((store, index) => store.advance(keys.map((key) => claim(record(key), `n-${index}`)))));
  expect(won.flatMap((ids) => [...ids]).sort()).toEqual(keys.map((key) => `acme/${key}`).sort());
  const owners = await collection.find().toArray();
  for (const [index, ids] of won.entries()) {
    for (const id of ids) expect(owners.find(({ _id }) => _id === id)?.lease?.owner).toBe(`n-${index}`);
  }
});

test('a change leaves exactly the fields that the core gave', async () => {
  const store = createMongoDeliveries(collection, 'n-1');
  await store.accept([record('a')]);
  const claimed = claim(record('a'), 't');
  await store.advance([claimed]);
  const rendered = transition(claimed.to, { kind: 'rendered', token: 't' }, 2_001, DEFAULT_POLICY, 'acme/a');
  const next = (rendered as { readonly delivery: Delivery }).delivery;
  await store.advance([{ id: 'acme/a', from: claimed.to, to: next, message: { subject: 's', text: 't' } }]);
  const { source: _source, ...rest } = record('a');
  expect(await store.find('acme/a')).toEqual({ ...rest, delivery: next, message: { subject: 's', text: 't' } });
});

test('due deliveries come in the order of their times, and only those in the state asked for', async () => {
  const store = createMongoDeliveries(collection, 'n-1');
  await store.accept([record('late', 3_000), record('early', 1_000), record('middle', 2_000), record('claimed', 500)]);
  await store.advance([claim(record('claimed', 500), 't')]);
  expect((await store.due(['scheduled'], 2_500, 10)).map(({ key }) => key)).toEqual(['early', 'middle']);
  expect((await store.due(['scheduled'], 9_000, 2)).map(({ key }) => key)).toEqual(['early', 'middle']);
  expect(await store.nextDueMs(['scheduled'])).toBe(1_000);
  expect(await store.nextDueMs(['unknown'])).toBeUndefined();
});

test('the work that is left is found through its index', async () => {
  const plan = await collection.find({ state: { $in: ['queued', 'deferred'] }, dueAtMs: { $gt: 0, $lte: 5 } }).sort({ dueAtMs: 1 }).limit(1).explain('queryPlanner');
  expect(JSON.stringify(plan)).toContain('"indexName":"due"');
});

test('pages go from the newest to the oldest of one organisation, each once, without bodies', async () => {
  const store = createMongoDeliveries(collection, 'n-1');
  // Pairs share a time, so that the cursor has to tell them apart.
  await store.accept(Array.from({ length: 7 }, (_, index) => record(`k${index}`, 1_000 + Math.floor(index / 2))));
  await store.accept([record('other', 1_002, 'globex')]);
  const keys: string[] = [];
  let cursor: string | undefined;
  do {
    const page = await store.list({ organisation: 'acme', limit: 2, ...(cursor === undefined ? {} : { cursor }) });
    expect(page.records.every(({ source }) => source === undefined)).toBe(true);
    keys.push(...page.records.map(({ key }) => key));
    cursor = page.cursor;
  } while (cursor !== '');
  expect(keys).toEqual(['k6', 'k5', 'k4', 'k3', 'k2', 'k1', 'k0']);
  await expect(store.list({ organisation: 'acme', limit: 2, cursor: 'made-up' })).rejects.toMatchObject({ reason: 'argument-invalid' });
});

test('a database that is away is told as such', async () => {
  const nowhere = new MongoClient('mongodb://127.0.0.1:9/?directConnection=true', { serverSelectionTimeoutMS: 50 });
  const store = createMongoDeliveries(nowhere.db('x').collection('deliveries'), 'n-1');
  await expect(store.accept([record('a')])).rejects.toMatchObject({ reason: 'store-failed', retry: { kind: 'backoff' } });
  await nowhere.close();
});
