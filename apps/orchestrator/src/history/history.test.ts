import path from 'node:path';
import { connectBus, newExecutionId, type Bus } from '@millrace/bus';
import { FORMAT_NEWEST, begin, createFrameWriter, journalFor, payloadOf, snapshotOf, start, type Execution, type JournalRecord, type JsonValue, type StartedRecord } from '@millrace/engine';
import { initialSlotTable, slotsOfLane } from '@millrace/identity';
import { startMongod, startNats, type MongoServer, type NatsServer } from '@millrace/servers';
import { connectStore, type Store } from '@millrace/store';
import { temporaryFolder, type TemporaryFolder } from '@millrace/testkit';
import { systemClock } from '@millrace/clock';
import { createActor, createIdTable, createCheckpointStore, createExecutionReader, createLanes, createHistoryStore, createPayloadArchive, entriesOf, finishedOf, SEGMENT_CHARACTERS_MAX, START_MEMORY_MS, TAIL_CHARACTERS_MAX, type Actor, type CheckpointStore, type Finished, type HistoryDocument, type HistoryStore, type PayloadArchive, type PayloadStore } from '@millrace/lane';
import { mongoCheckpoints } from '../adapters/mongo-checkpoints.ts';
import { mongoHistory, UNFINISHED_INDEX } from '../adapters/mongo-history.ts';
import { logger, programOf } from '../testing/lane-bench.ts';
import { openPayloadStore } from '../adapters/payload-store.ts';

const REST = programOf('  - rest:\n      wait: PT60S\n');
const SLOTS = slotsOfLane(initialSlotTable(1), 0);
/** Too long to stand in a checkpoint. */
const LONG_ENTRY = `[2,["${'x'.repeat(TAIL_CHARACTERS_MAX)}"]]`;

let folder: TemporaryFolder;
let nats: NatsServer;
let mongod: MongoServer;
let bus: Bus;
let store: Store;
let checkpoints: CheckpointStore;
let history: HistoryStore;
let objects: PayloadStore;
let payloads: PayloadArchive;
let format = 2;

beforeAll(async () => {
  folder = await temporaryFolder('history');
  [nats, mongod] = await Promise.all([startNats({ dataDir: path.join(folder.path, 'nats') }), startMongod({ dataDir: path.join(folder.path, 'mongo') })]);
  bus = await connectBus({ url: nats.url, name: 'history test', logger });
  store = await connectStore({ url: mongod.url, database: 'history_test', logger });
  objects = await openPayloadStore(bus);
  payloads = createPayloadArchive(objects, mongoHistory(store), systemClock);
  checkpoints = createCheckpointStore(mongoCheckpoints(store), payloads, systemClock, () => FORMAT_NEWEST);
  history = createHistoryStore(mongoHistory(store), checkpoints, payloads, systemClock, logger, () => format);
  await checkpoints.prepare();
  await history.prepare();
}, 60_000);

afterAll(async () => {
  await Promise.all([bus.close(), store.close()]);
  await Promise.all([nats.stop(), mongod.stop()]);
  await folder.remove();
}, 30_000);

/** An execution that has begun, with its first entry, as of frame `sequence`. */
function actorOf(id: string, input: JsonValue, sequence: number, key?: string, atMs = 1): Actor {
  const record: StartedRecord = { kind: 'started', definition: REST.hash, workflow: 'flow', version: '1.0.0', input: payloadOf(input), acceptedAtMs: atMs, acceptedBy: 'test', ...(key === undefined ? {} : { key }) };
  const execution: Execution = start('acme', id, REST, record);
  const records: JournalRecord[] = [record];
  begin(execution, journalFor(execution, atMs, records));
  const actor = createActor(execution);
  actor.journal.append(createFrameWriter(1).add({ organisation: 'acme', execution: id, atMs: 1, records }));
  actor.lastSequence = sequence;
  return actor;
}

/** The same with a first entry so long that it needs a segment. */
function padded(actor: Actor): Actor {
  const [first] = actor.journal.texts();
  actor.journal.drop(1);
  actor.journal.append(`${first}${' '.repeat(TAIL_CHARACTERS_MAX)}`);
  return actor;
}

function finished(actor: Actor, atMs: number): Finished {
  actor.execution.end = { status: 'completed', output: payloadOf(null), error: undefined, atMs };
  return finishedOf(actor) as Finished;
}

const write = (each: Finished): Promise<readonly string[] | undefined> => new Promise((stored) => history.write(each, stored));
const segmentCount = (id: string): Promise<number> => store.collection<{ readonly _id: string; readonly execution: string }>('segments').countDocuments({ execution: id });

test('a checkpoint of an older owner that comes late changes neither the state nor the journal', async () => {
  const id = newExecutionId();
  const older = actorOf(id, { n: 1 }, 5);
  const newer = actorOf(id, { n: 1 }, 9);
  newer.journal.append('[2,[]]');
  const entries = newer.journal.texts();
  await checkpoints.write(0, [newer]);
  await checkpoints.write(0, [older]);
  expect(await checkpoints.get([id])).toMatchObject([{ hop: 0, lane: 0, sequence: 9, segments: 0, entries }]);
});

test('of those that sleep the ids are known, who is due, and what lists show', async () => {
  const since = Date.now();
  const sleepers = Array.from({ length: 30 }, (_, n) => actorOf(newExecutionId(), { n }, 5, undefined, since + n));
  const busy = actorOf(newExecutionId(), { n: 1 }, 5);
  busy.execution.ready.push({ kind: 'complete' });
  await checkpoints.write(0, [...sleepers, busy]);
  const ids = sleepers.map(({ execution }) => execution.id);
  const asleep = createIdTable();
  await checkpoints.addAsleep(SLOTS, asleep);
  expect(ids.every((id) => asleep.has(id))).toBe(true);
  expect(asleep.has(busy.execution.id)).toBe(false);
  const awake = await checkpoints.awake(SLOTS);
  expect(awake.map(({ id }) => id)).toContain(busy.execution.id);
  expect(awake.filter(({ id }) => ids.includes(id))).toEqual([]);
  // In portions, without leaving one out or naming one twice.
  const due: string[] = [];
  for (let after = { dueMs: since + 60_000 - 1, id: '~' }; ; ) {
    const portion = await checkpoints.due(SLOTS, after, since + 60_000 + 19, 7);
    due.push(...portion.map(({ id }) => id));
    if (portion.length < 7) break;
    after = portion.at(-1) ?? after;
  }
  expect(due).toEqual(ids.slice(0, 20));
  expect(await checkpoints.due([], { dueMs: 0, id: '' }, Infinity, 100)).toEqual([]);
  const listed = await checkpoints.listAsleep({ organisation: 'acme', limit: 10, before: { acceptedAtMs: since + 15, id: '' } });
  expect(listed.map(({ _id }) => _id)).toEqual(ids.slice(5, 15).toReversed());
});

test('a checkpoint of the lane that an execution has left changes nothing, whatever its sequence', async () => {
  const id = newExecutionId();
  const moved = actorOf(id, { n: 1 }, 3);
  moved.hop = 1;
  moved.journal.append(LONG_ENTRY);
  await checkpoints.write(1, [moved]);
  const left = padded(actorOf(id, { n: 1 }, 900));
  await checkpoints.write(0, [left]);
  expect(await checkpoints.get([id])).toMatchObject([{ hop: 1, lane: 1, sequence: 3 }]);
  expect(await checkpoints.segments(id, 1)).toHaveLength(2);
  // And of release 0.1, which knew no hops.
  const old = newExecutionId();
  await checkpoints.write(0, [actorOf(old, { n: 1 }, 900)]);
  await store.collection<{ readonly _id: string }>('checkpoints').updateOne({ _id: old }, { $unset: { hop: 1, lane: 1 } });
  const later = actorOf(old, { n: 1 }, 3);
  later.hop = 1;
  await checkpoints.write(1, [later]);
  expect(await checkpoints.get([old])).toMatchObject([{ hop: 1, sequence: 3 }]);
});

test('a later checkpoint of the same frames takes the earlier one\'s place', async () => {
  const id = newExecutionId();
  const [older, newer] = [padded(actorOf(id, { n: 1 }, 5)), actorOf(id, { n: 1 }, 9)];
  await checkpoints.write(0, [older]);
  newer.journal.append(LONG_ENTRY);
  await checkpoints.write(0, [newer]);
  expect(await checkpoints.segments(id, 1)).toHaveLength(2);
  expect([newer.segments, newer.journal.texts()]).toEqual([1, []]);
});

test('a checkpoint covers the same entries, whatever is written of the journal after it', async () => {
  const id = newExecutionId();
  const entryOf = (n: number): string => `[${n},["${'x'.repeat(TAIL_CHARACTERS_MAX)}"]]`;
  const journalUpTo = (n: number, sequence: number): Actor => {
    const actor = actorOf(id, { n: 1 }, sequence);
    for (let count = 1; count <= n; count++) actor.journal.append(entryOf(count));
    return actor;
  };
  const whole = journalUpTo(3, 15).journal.texts();
  // It landed, and the owner was not told: the next try has more, and its owner dies before the checkpoint itself.
  await checkpoints.write(0, [journalUpTo(1, 5)]);
  const dying = createCheckpointStore({ ...mongoCheckpoints(store), putCheckpoints: () => Promise.reject(new Error('gone')) }, payloads, systemClock, () => format);
  await expect(dying.write(0, [journalUpTo(2, 9)])).rejects.toThrow('gone');
  const [found] = await checkpoints.get([id]);
  expect([...(await checkpoints.segments(id, found?.segments ?? 0)), ...(found?.entries ?? [])]).toEqual(whole.slice(0, 2));
  // The next owner goes on from it, and one that had read the checkpoint before writes the same.
  for (const sequence of [15, 16]) {
    const next = journalUpTo(3, sequence);
    await checkpoints.write(0, [next]);
    expect(next.journal.texts()).toEqual([]);
    expect(await checkpoints.segments(id, next.segments)).toEqual(whole);
  }
  // A displaced owner has less than is there, and changes nothing.
  await checkpoints.removeSegments([id]);
  await checkpoints.write(0, [journalUpTo(3, 20)]);
  await checkpoints.write(0, [journalUpTo(1, 18)]);
  expect(await checkpoints.get([id])).toMatchObject([{ sequence: 20, segments: 1 }]);
  // What another run under the id has left behind does not become part of this one.
  await checkpoints.remove([id]);
  const other = actorOf(id, { n: 2 }, 30);
  other.journal.append(entryOf(9));
  const otherTexts = other.journal.texts();
  await checkpoints.write(0, [other]);
  expect(await checkpoints.segments(id, 1)).toEqual(otherTexts);
});

test('a state far larger than a document comes back as it was, and does not hold up those written with it', async () => {
  const [large, small] = [actorOf(newExecutionId(), { text: 'ü'.repeat(1_000_000) }, 5), actorOf(newExecutionId(), { n: 1 }, 5)];
  const before = snapshotOf(large.execution, FORMAT_NEWEST);
  await checkpoints.write(0, [large, small]);
  const found = await checkpoints.get([large, small].map(({ execution }) => execution.id));
  expect(found.find(({ id }) => id === large.execution.id)?.snapshot).toEqual(JSON.parse(JSON.stringify(before)));
  expect(found.some(({ id }) => id === small.execution.id)).toBe(true);
}, 30_000);

test('journals that end together are packed, and each is read as it was written', async () => {
  const actors = Array.from({ length: 60 }, (_, n) => {
    const actor = actorOf(newExecutionId(), { n }, 5);
    actor.journal.append(`[2,[{"k":"begun.1","i":"${'ü'.repeat(400)}${n}"}]]`);
    return actor;
  });
  const before = actors.map(({ journal }) => journal.texts());
  await Promise.all(actors.map((actor) => write(finished(actor, Date.now()))));
  const documents = await Promise.all(actors.map(({ execution }) => history.get(execution.id)));
  expect(documents.map((document) => entriesOf(document as HistoryDocument))).toEqual(before);
  expect(await store.collection('journals').countDocuments()).toBeGreaterThan(0);
  expect(await store.collection('history').countDocuments({ pack: { $exists: true }, journal: { $exists: true } })).toBe(0);
  // A pack stays while one of its journals is kept.
  const ids = actors.map(({ execution }) => execution.id);
  const documentsOf = mongoHistory(store);
  await documentsOf.remove(ids.slice(1));
  expect(entriesOf((await history.get(ids[0] as string)) as HistoryDocument)).toEqual(before[0]);
  await documentsOf.remove(ids.slice(0, 1));
  expect(await store.collection('journals').countDocuments()).toBe(0);
});

test('what did not complete is found by an index of its own', async () => {
  const plan = await store.collection('history').find({ organisation: 'acme', status: 'faulted' }).sort({ acceptedAt: -1, _id: -1 }).explain('queryPlanner');
  expect(JSON.stringify(plan)).toContain(`"indexName":"${UNFINISHED_INDEX}"`);
});

test('a journal is read as it was written, in the agreed format and in the one before', async () => {
  const ids = [newExecutionId(), newExecutionId()];
  const before: (readonly string[])[] = [];
  for (const [index, id] of ids.entries()) {
    format = index + 1;
    const actor = actorOf(id, { n: 'ü' }, 5);
    actor.journal.append('[2,[{"k":"begun.1"}]]');
    before.push(actor.journal.texts());
    await write(finished(actor, Date.now()));
  }
  const documents = await Promise.all(ids.map((id) => history.get(id)));
  expect(documents.map((document) => [document?.entries === undefined, document?.journal === undefined])).toEqual([[false, true], [true, false]]);
  expect(documents.map((document) => entriesOf(document as HistoryDocument))).toEqual(before);
});

test('a journal far longer than a document is stored in segments, and once, whoever writes it again', async () => {
  const id = newExecutionId();
  const actor = actorOf(id, { n: 1 }, 5);
  const entry = `[2,["${'x'.repeat(400_000)}"]]`;
  for (let count = 0; count < 60; count++) actor.journal.append(entry);
  const before = actor.journal.texts();
  await write(finished(actor, Date.now()));
  const document = await history.get(id);
  expect(document?.entries).toEqual([]);
  const segments = document?.segments ?? 0;
  expect(segments).toBeGreaterThanOrEqual(Math.floor((60 * entry.length) / SEGMENT_CHARACTERS_MAX));
  expect(await checkpoints.segments(id, segments)).toEqual(before);
  // A new owner that replays it from a checkpoint in between has cut it elsewhere.
  const again = actorOf(id, { n: 1 }, 5);
  again.segments = 1;
  again.journal.drop(1);
  for (const each of before.slice(3)) again.journal.append(each);
  await write(finished(again, Date.now()));
  expect(await checkpoints.segments(id, segments)).toEqual(before);
  expect(await segmentCount(id)).toBe(segments);
}, 30_000);

test('keys are remembered from history, which says whether it knows others', async () => {
  const now = Date.now();
  const lately = actorOf(newExecutionId(), { n: 1 }, 5, 'lately');
  await write(finished(lately, now - 1_000));
  expect(await history.remembered(SLOTS, now)).toMatchObject({ complete: true, starts: [{ id: lately.execution.id }] });
  const before = actorOf(newExecutionId(), { n: 2 }, 5, 'before');
  await write(finished(before, now - START_MEMORY_MS - 1));
  expect(await history.remembered(SLOTS, now)).toMatchObject({ complete: false, starts: [{ id: lately.execution.id }] });
  const asked = await history.askEnded([lately.execution.id, before.execution.id, newExecutionId()]);
  expect([...asked.keys()].toSorted()).toEqual([lately.execution.id, before.execution.id].toSorted());
});

test('while the database is away history waits, starts are not held up, and nothing is lost', async () => {
  await mongod.kill();
  const waiting = Array.from({ length: 20 }, (_, n) => actorOf(newExecutionId(), { n }, 5));
  const stored = waiting.map((actor) => write(finished(actor, Date.now())));
  const since = performance.now();
  expect((await history.askEnded(waiting.map(({ execution }) => execution.id))).size).toBe(0);
  expect((await history.askEnded(['another'])).size).toBe(0);
  expect(performance.now() - since).toBeLessThan(1_500);
  expect(history.waitingCharacters).toBeGreaterThan(0);
  await mongod.restart();
  await Promise.all(stored);
  expect(history.waitingCharacters).toBe(0);
  expect((await history.endedAmong(waiting.map(({ execution }) => execution.id))).size).toBe(20);
}, 60_000);

test('payloads of ended executions move into the database, stay readable without their objects, and go with the execution', async () => {
  const id = newExecutionId();
  const name = `1.${id}.1.1.r`;
  const text = JSON.stringify('ü'.repeat(100_000));
  await objects.put([{ name, text }]);
  const actor = actorOf(id, { n: 1 }, 5);
  actor.journal.append(`[2,[{"k":"resolved.1","a":1,"x":1,"d":1,"s":1,"e":1,"w":"test","to":-1,"r@":"${name}"}]]`);
  // A value that looks like a reference is none.
  actor.journal.append('[3,[{"k":"ended.1","st":"completed","o":{"text":"@\\":\\"none"}}]]');
  const reader = createExecutionReader({ lanes: createLanes(), programs: { byHash: () => Promise.resolve(REST) }, history, checkpoints, payloads, stepPlace: () => ({ kind: 'queued' }), clock: systemClock });
  expect(await write(finished(actor, Date.now()))).toEqual([name]);
  await objects.remove([name]);
  await expect(objects.get(name)).rejects.toThrow('is not in the object bucket');
  expect(await payloads.get(name)).toBe(text);
  expect(await reader.endOf(id)).toMatchObject({ status: 'completed' });
  // A retry, or a new owner, keeps it again.
  expect(await payloads.keep([{ execution: id, entries: actor.journal.texts() }])).toEqual([name]);
  expect(await history.remove([id, newExecutionId()])).toBe(1);
  await expect(payloads.get(name)).rejects.toThrow('is not in the object bucket');
  expect(await history.get(id)).toBeNull();
}, 30_000);

test('removing executions frees their segments, their checkpoints and whatever objects are left', async () => {
  const [gone, kept] = [newExecutionId(), newExecutionId()];
  const names = [gone, kept].map((id) => `1.${id}.1.1.r`);
  for (const [index, id] of [gone, kept].entries()) {
    const actor = actorOf(id, { text: 'x'.repeat(2_200_000), n: index }, 5);
    const input = `1.${id}.0.i`;
    await objects.put([names[index] as string, input].map((name) => ({ name, text: '"large"' })));
    actor.journal.append(`[2,[{"k":"resolved.1","a":1,"x":1,"d":1,"s":1,"e":1,"w":"test","to":-1,"r@":"${names[index]}"}]]`);
    actor.journal.append(LONG_ENTRY);
    expect(await checkpoints.write(0, [actor])).toEqual([input, names[index]]);
    expect(actor.stateObject).toBe(`state.${id}.0.5`);
    actor.checkpointed = true;
    await write(finished(actor, Date.now()));
    // Its state is nobody's any more.
    await expect(objects.get(`state.${id}.0.5`)).rejects.toThrow('is not in the object bucket');
  }
  expect(await history.remove([gone])).toBe(1);
  expect([await segmentCount(gone), await segmentCount(kept)]).toEqual([0, 1]);
  await expect(payloads.get(names[0] as string)).rejects.toThrow('is not in the object bucket');
  expect(await payloads.get(names[1] as string)).toBe('"large"');
  expect(await checkpoints.get([gone, kept])).toEqual([]);
}, 30_000);

test('what ended before a time is measured and removed, of its organisation alone, and the bytes are those that the database is rid of', async () => {
  const [old, young] = [newExecutionId(), newExecutionId()];
  const endedAtMs = Date.now() - 7_200_000;
  await write(finished(padded(actorOf(old, { text: 'x'.repeat(50_000) }, 5)), endedAtMs));
  await write(finished(actorOf(young, { n: 1 }, 6), Date.now()));
  const before = endedAtMs + 3_600_000;
  expect(await history.removeOlder([old, young], 'beta', before, false)).toEqual({ removed: 0, bytes: 0 });
  const measured = await history.removeOlder([old, young], 'acme', before, true);
  expect(measured).toEqual({ removed: 1, bytes: expect.any(Number) });
  expect(measured.bytes).toBeGreaterThan(50_000);
  expect(measured.bytes).toBeLessThan(80_000);
  expect(await history.get(old)).not.toBeNull();
  expect(await history.removeOlder([old, young], '', before, false)).toEqual(measured);
  expect([await history.get(old), (await history.get(young))?._id]).toEqual([null, young]);
  expect(await history.removeOlder([old, young], '', before, false)).toEqual({ removed: 0, bytes: 0 });
}, 30_000);
