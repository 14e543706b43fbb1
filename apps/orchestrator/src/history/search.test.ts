import { newExecutionId } from '@millrace/bus';
import type { FieldValue } from '@millrace/engine';
import { fieldsPart, matches, readFilter, type CheckpointDocument, type HistoryDocument, type Searched } from '@millrace/lane';
import { startMongod, type MongoServer } from '@millrace/servers';
import { connectStore, type Store } from '@millrace/store';
import { temporaryFolder, type TemporaryFolder } from '@millrace/testkit';
import { mongoCheckpoints } from '../adapters/mongo-checkpoints.ts';
import { FIELDS_INDEX, mongoHistory } from '../adapters/mongo-history.ts';
import { historyCondition } from '../adapters/mongo-filter.ts';
import { logger } from '../testing/lane-bench.ts';

const NOW = Date.parse('2026-03-02T12:00:00Z');
const HOUR = 3_600_000;

let folder: TemporaryFolder;
let mongod: MongoServer;
let store: Store;

interface Kept extends Searched {
  readonly id: string;
  readonly fields: Readonly<Record<string, FieldValue>>;
}

/** Every combination of what filters look at. */
const ended: Kept[] = [];
const asleep: Kept[] = [];

beforeAll(async () => {
  folder = await temporaryFolder('search');
  mongod = await startMongod({ dataDir: folder.path });
  store = await connectStore({ url: mongod.url, database: 'search_test', logger });
  const values: readonly Record<string, FieldValue>[] = [{}, { a: 7 }, { a: '7', b: true }, { a: 'Zürich', b: false }, { a: 7.5, b: 7 }];
  values.forEach((fields, index) => {
    for (const organisation of ['acme', 'beta']) {
      for (const workflow of ['orders', 'mails']) {
        const head = { organisation, workflow, version: `1.0.${index}`, startedAtMs: NOW - (index + 1) * HOUR, fields };
        for (const status of ['completed', 'faulted'] as const) ended.push({ ...head, id: newExecutionId(), status, endedAtMs: head.startedAtMs + 60_000 });
        for (const status of ['waiting', 'suspended'] as const) asleep.push({ ...head, id: newExecutionId(), status, endedAtMs: 0 });
      }
    }
  });
  const [history, checkpoints] = [mongoHistory(store), mongoCheckpoints(store)];
  await Promise.all([history.prepare(), checkpoints.prepare()]);
  await history.insert(ended.map(historyDocument));
  await checkpoints.putCheckpoints(asleep.map(checkpointDocument));
}, 60_000);

afterAll(async () => {
  await store.close();
  await mongod.stop();
  await folder.remove();
}, 30_000);

function historyDocument({ id, organisation, workflow, version, status, startedAtMs, endedAtMs, fields }: Kept): HistoryDocument {
  return { _id: id, organisation, workflow, version, definition: '', slot: 0, status: status as HistoryDocument['status'], acceptedAt: new Date(startedAtMs), endedAt: new Date(endedAtMs), error: null, segments: 0, entries: [], key: null, inputDigest: null, ...fieldsPart(fields) };
}

function checkpointDocument({ id, organisation, workflow, version, status, startedAtMs, fields }: Kept): CheckpointDocument {
  return { _id: id, organisation, workflow, version, acceptedAt: new Date(startedAtMs), slot: 0, hop: 0, lane: 0, sequence: 1, segments: 0, entries: [], state: '{}', dueMs: null, asleep: true, ...(status === 'suspended' ? { paused: true as const } : {}), ...fieldsPart(fields) };
}

const FILTERS = [
  'status = failed',
  'status != completed',
  'status in (suspended, faulted)',
  'status = running',
  'workflow = orders and organisation = beta',
  'version not in (1.0.0, 1.0.1)',
  'started > 2h ago',
  'not started >= 2h ago',
  'ended < 3h ago',
  'not ended < 3h ago',
  'field.a = 7',
  'field.a = "7"',
  'field.a != 7',
  'field.a exists',
  'not field.a exists',
  'field.a > 6',
  'field.a <= 7.5 and field.b = 7',
  'field.a > 6x',
  'field.a >= "Zür"',
  'field.b = true or field.b = false',
  'field.b in (true, 7) and not (workflow = mails or status = completed)',
  'field.a < "A" and started > 4h ago and status in (faulted, waiting)',
];

test.each(FILTERS)('the database means the same executions as memory: %s', async (text) => {
  const where = readFilter(text, NOW);
  for (const organisation of ['', 'acme']) {
    const meant = (kept: readonly Kept[]): readonly string[] => kept.filter((each) => (organisation === '' || each.organisation === organisation) && matches(where, each, each.fields) === true).map(({ id }) => id).sort();
    const filter = { organisation, where, limit: 500 };
    expect((await mongoHistory(store).list(filter)).map(({ _id }) => _id).sort()).toEqual(meant(ended));
    expect((await mongoCheckpoints(store).listAsleep(filter)).map(({ _id }) => _id).sort()).toEqual(meant(asleep));
  }
});

test('every filter of the table means some and leaves out some', () => {
  for (const text of FILTERS.filter((each) => each !== 'status = running')) {
    const found = [...ended, ...asleep].filter((each) => matches(readFilter(text, NOW), each, each.fields) === true);
    expect([text, found.length > 0, found.length < ended.length + asleep.length]).toEqual([text, true, true]);
  }
});

test('a field can be looked up in the index over fields', async () => {
  const plan = await store.collection('history').find({ organisation: 'acme', $and: [historyCondition(readFilter('field.a = 7', NOW))] }).sort({ acceptedAt: -1, _id: -1 }).explain('queryPlanner');
  expect(JSON.stringify(plan)).toContain(`"indexName":"${FIELDS_INDEX}"`);
});
