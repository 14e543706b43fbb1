import path from 'node:path';
import { startNats, type NatsServer } from '@millrace/servers';
import { eventually, temporaryFolder, type TemporaryFolder } from '@millrace/testkit';
import { laneOfSlot, slotOf, SLOT_COUNT } from '@millrace/identity';
import { newExecutionId, type Bucket, type BucketEntry } from '@millrace/bus';
import type { LaneLog } from '@millrace/lane';
import { CHAIN, digest, openBench, programOf, startIn, type Bench } from '../testing/lane-bench.ts';
import { openMoveWorld, type MoveWorld, type OwnOptions } from '../testing/move-world.ts';

const HALF = Array.from({ length: SLOT_COUNT / 2 }, (_, index) => 2 * index);

let folder: TemporaryFolder;
let nats: NatsServer;
let bench: Bench;
let world: MoveWorld | undefined;
let lanes = 0;

beforeAll(async () => {
  folder = await temporaryFolder('slot-moves');
  nats = await startNats({ dataDir: path.join(folder.path, 'nats') });
}, 30_000);
beforeEach(async () => {
  bench = await openBench(nats.url);
});
afterEach(async () => {
  world?.close();
  await bench.close();
});
afterAll(async () => {
  await nats.stop();
  await folder.remove();
}, 30_000);

/** Two lanes that no other test has: all slots are in the first. */
function fresh(): readonly [from: number, to: number] {
  lanes += 2;
  return [lanes - 2, lanes - 1];
}

/** Goes on starting executions until told to stop, so many at a time; resolves to how each ended. */
function load(running: MoveWorld, atOnce: number): { stop(): Promise<readonly unknown[]> } {
  const outputs: unknown[] = [];
  let stopped = false;
  const chains = Array.from({ length: atOnce }, async () => {
    while (!stopped) {
      const { status, outputText } = await running.run({ n: 0 }).ended;
      outputs.push(status === 'completed' ? JSON.parse(outputText ?? 'null') : status);
    }
  });
  return {
    async stop() {
      stopped = true;
      await Promise.all(chains);
      return outputs;
    },
  };
}

/** No execution ended twice differently (E4), and each step counted once (E5). */
function expectAllOnce(outputs: readonly unknown[]): void {
  for (const output of outputs) expect(output).toEqual({ n: 3 });
  const ends = new Map<string, string>();
  for (const { id, end } of bench.finished) {
    const text = JSON.stringify(end);
    expect(ends.get(id) ?? text).toBe(text);
    ends.set(id, text);
  }
}

async function untilMoved(id: string): Promise<void> {
  await eventually(async () => ['adopted', 'over', undefined].includes((await world?.move(id))?.phase), { timeoutMs: 15_000 });
}

test('slots move under load, there and back, and nobody notices', async () => {
  const [from, to] = fresh();
  world = await openMoveWorld(bench, CHAIN, [from, to]);
  await world.own([from, to]);
  const running = load(world, 40);
  for (const [index, move] of [{ from, to }, { from: to, to: from }, { from, to }].entries()) {
    await world.ask({ id: `${from}-${index}`, ...move, slots: HALF });
    await untilMoved(`${from}-${index}`);
    const table = await world.table();
    expect(HALF.every((slot) => laneOfSlot(table, slot) === move.to)).toBe(true);
  }
  const outputs = await running.stop();
  expect(outputs.length).toBeGreaterThan(100);
  expectAllOnce(outputs);
}, 60_000);

test('what waits, what has ended and the keys of starts come with their slots, and the state is the same (E3)', async () => {
  const [from, to] = fresh();
  const program = programOf('  - pause:\n      wait: PT1H\n  - last:\n      set:\n        done: true\n');
  world = await openMoveWorld(bench, program, [from, to]);
  const owner = await world.own([from, to]);
  const source = owner.lanes.get(from);
  const target = owner.lanes.get(to);
  if (source === undefined || target === undefined) throw new Error('no lanes');
  const waiting = Array.from({ length: 60 }, (_, index) => startIn(source, program, { index }));
  await Promise.all(waiting.map(({ accepted }) => accepted));
  const [cancelled] = waiting;
  const refused = waiting.filter(({ id }) => slotOf(id) % 2 === 0 && id !== cancelled?.id).map((each) => each.refused);
  source.post({ kind: 'cancel', organisation: 'acme', execution: cancelled?.id ?? '', answer: undefined });
  await cancelled?.ended;
  const before = { ...digest(source) };
  await world.ask({ id: `state-${from}`, from, to, slots: HALF });
  await untilMoved(`state-${from}`);
  // Whoever waited is told to come again.
  for (const reason of await Promise.all(refused)) expect(reason).toBe('lane-displaced');
  expect({ ...digest(source), ...digest(target) }).toEqual(before);
  expect(Object.keys(digest(target)).every((id) => slotOf(id) % 2 === 0)).toBe(true);
  expect(Object.keys(digest(source)).every((id) => slotOf(id) % 2 === 1)).toBe(true);
  // And a new owner of either lane has it from the logs.
  const again = await world.own([from, to]);
  expect(digest(again.lanes.get(from) as NonNullable<typeof source>)).toEqual(digest(source));
  expect(digest(again.lanes.get(to) as NonNullable<typeof source>)).toEqual(digest(target));
  const moved = slotOf(cancelled?.id ?? '') % 2 === 0;
  expect(again.lanes.get(moved ? to : from)?.knows(cancelled?.id ?? '')).toBe(true);
}, 60_000);

test('an input for a slot that has left is sent on, and its position follows', async () => {
  const [from, to] = fresh();
  world = await openMoveWorld(bench, CHAIN, [from, to]);
  const owner = await world.own([from, to]);
  const source = owner.lanes.get(from);
  if (source === undefined) throw new Error('no lane');
  await world.ask({ id: `input-${from}`, from, to, slots: HALF });
  await untilMoved(`input-${from}`);
  const id = `a00002${'0'.repeat(25)}1`;
  expect(slotOf(id)).toBe(2);
  const input = { kind: 'start' as const, organisation: 'acme', execution: id, workflow: 'flow', input: { n: 0 }, acceptedAtMs: 1, acceptedBy: 'trigger' };
  source.post({ kind: 'start', organisation: 'acme', execution: id, program: CHAIN, input: { value: { n: 0 }, text: '{"n":0}' } as never, key: undefined, traceparent: undefined, acceptedAtMs: 1, acceptedBy: 'trigger', replyTo: undefined, watcher: undefined, origin: { sequence: 1, input } });
  source.post({ kind: 'position', inputSequence: 1 });
  await eventually(() => bench.sentOn.length === 1);
  expect(bench.sentOn[0]).toMatchObject({ lane: to, inputs: [{ execution: id, from }] });
  await eventually(async () => (await (await bench.log(from)).tail()).head?.inputSequence === 1);
}, 30_000);

/** Where a process dies: before or after something that it does for the move. */
const CRASHES: readonly (readonly [string, 'from' | 'to', (died: () => void) => OwnOptions])[] = [
  ['the owner of the first lane before the frame that releases', 'from', (died) => ({ wrapLog: (log) => dyingAt(log, '"released":', 'before', died) })],
  ['the owner of the first lane after the frame that releases', 'from', (died) => ({ wrapLog: (log) => dyingAt(log, '"released":', 'after', died) })],
  ['the owner of the first lane before it says that it has released', 'from', (died) => ({ wrapBucket: (bucket) => dyingWhen(bucket, '"phase":"released"', 'before', died) })],
  ['the owner of the first lane after it has said so', 'from', (died) => ({ wrapBucket: (bucket) => dyingWhen(bucket, '"phase":"released"', 'after', died) })],
  ['the owner of the second lane before the frame that adopts', 'to', (died) => ({ wrapLog: (log) => dyingAt(log, '"adopted":', 'before', died) })],
  ['the owner of the second lane after the frame that adopts', 'to', (died) => ({ wrapLog: (log) => dyingAt(log, '"adopted":', 'after', died) })],
  ['the owner of the second lane before it changes the table', 'to', (died) => ({ wrapBucket: (bucket) => dyingWhen(bucket, '"map":[', 'before', died) })],
  ['the owner of the second lane after it has changed the table', 'to', (died) => ({ wrapBucket: (bucket) => dyingWhen(bucket, '"map":[', 'after', died) })],
  ['the owner of the second lane after it has said that it adopted', 'to', (died) => ({ wrapBucket: (bucket) => dyingWhen(bucket, '"phase":"adopted"', 'after', died) })],
];

test('a former owner, which knows nothing of an adoption, does not call its move over', async () => {
  const [from, to] = fresh();
  const resting = programOf('  - rest:\n      wait:\n        hours: 1\n');
  world = await openMoveWorld(bench, resting, [from, to]);
  // It stands still while it appends, so nobody tells it that its lane was taken.
  const former = await world.own([to], { wrapLog: (log) => ({ ...log, append: () => new Promise(() => undefined) }) });
  const stale = former.lanes.get(to);
  const present = await world.own([from, to], { wrapLog: (log) => log });
  let id = newExecutionId();
  while (!HALF.includes(slotOf(id))) id = newExecutionId();
  world.run(null, id);
  await eventually(() => present.lanes.get(from)?.actors.has(id) === true);
  await world.ask({ id: `${from}-stale`, from, to, slots: HALF });
  await eventually(() => present.lanes.get(to)?.actors.has(id) === true);
  expect(await stale?.ended).toEqual({ kind: 'displaced' });
  // The execution stands in no checkpoint, so the adoption's frame and what it names are still needed.
  expect((await world.move(`${from}-stale`))?.phase).toBe('adopted');
});

test('an owner whose watch is far behind does not take slots in again that came and went', async () => {
  const [from, to] = fresh();
  const [there, back] = [`${from}-there`, `${from}-back`];
  // A log forgets what stands elsewhere.
  bench.storeAway = false;
  bench.storesAtOnce = true;
  world = await openMoveWorld(bench, CHAIN, [from, to]);
  // Its log has forgotten the adoption when it says that the move is over, and is not heard.
  let forgot: () => void = () => undefined;
  const forgotten = new Promise<void>((settle) => (forgot = settle));
  const present = await world.own([from, to], { wrapBucket: (bucket) => dyingWhen(bucket, '"phase":"over"', 'before', () => forgot()) });
  const seen: BucketEntry[] = [];
  const recording = await world.bucket.watch((entry) => void seen.push(entry));
  const running = load(world, 4);
  await world.ask({ id: there, from, to, slots: HALF });
  await forgotten;
  expectAllOnce(await running.stop());
  await world.ask({ id: back, from: to, to: from, slots: HALF });
  await untilMoved(back);
  expect(HALF.filter((slot) => !present.lanes.get(from)?.slots.owns(slot))).toEqual([]);
  recording.stop();
  const released = seen.find(({ key, value }) => key === `move.${there}` && Buffer.from(value ?? []).includes('"released"'));
  let asked = 0;
  const behind = (bucket: Bucket): Bucket => ({
    ...bucket,
    async watch(handler) {
      if (released !== undefined) handler(released);
      return bucket.watch(() => undefined);
    },
    async get(key) {
      const stored = await bucket.get(key);
      if (key === `move.${there}`) asked++;
      return stored;
    },
  });
  const late = (await world.own([to], { wrapBucket: behind })).lanes.get(to);
  await eventually(() => asked > 0 || late?.slots.adopted(there) !== undefined);
  expect(late?.slots.adopted(there)).toBeUndefined();
  expect(HALF.filter((slot) => late?.slots.owns(slot))).toEqual([]);
}, 60_000);

test.each(CRASHES)('a move survives the death of %s', async (_, who, dying) => {
  const [from, to] = fresh();
  world = await openMoveWorld(bench, CHAIN, [from, to]);
  let died: () => void = () => undefined;
  const death = new Promise<void>((settle) => (died = settle));
  const options = dying(() => died());
  const mortal = await world.own([who === 'from' ? from : to], options);
  await world.own([who === 'from' ? to : from]);
  const running = load(world, 20);
  await eventually(() => bench.finished.length > 20);
  await world.ask({ id: `crash-${from}`, from, to, slots: HALF });
  await death;
  world.kill(mortal);
  await world.own([who === 'from' ? from : to]);
  await untilMoved(`crash-${from}`);
  const finished = bench.finished.length;
  await eventually(() => bench.finished.length > finished + 20);
  expectAllOnce(await running.stop());
  const table = await world.table();
  expect(HALF.every((slot) => laneOfSlot(table, slot) === to)).toBe(true);
}, 60_000);

const never = <T>(): Promise<T> => new Promise<T>(() => undefined);

/** A log whose process dies at the append of a frame that holds the text. */
function dyingAt(log: LaneLog, text: string, when: 'before' | 'after', died: () => void): LaneLog {
  return {
    ...log,
    async append(frame, epoch) {
      if (!Buffer.from(frame).includes(text)) return log.append(frame, epoch);
      if (when === 'after') await log.append(frame, epoch);
      died();
      return never();
    },
  };
}

/** A bucket whose process dies at the write of a value that holds the text. */
function dyingWhen(bucket: Bucket, text: string, when: 'before' | 'after', died: () => void): Bucket {
  return {
    ...bucket,
    async update(key, value, revision, options) {
      if (!Buffer.from(value).toString('utf8').includes(text)) return bucket.update(key, value, revision, options);
      if (when === 'after') await bucket.update(key, value, revision, options);
      died();
      return never();
    },
  };
}
