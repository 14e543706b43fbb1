/** Workflows that an execution runs and then waits for no more, in a lane on a real NATS. */
import { slotOf } from '@millrace/identity';
import { startNats, type NatsServer } from '@millrace/servers';
import { eventually, temporaryFolder, type TemporaryFolder } from '@millrace/testkit';
import { echoOf, openBench, programOf, startIn, type Bench } from '../testing/lane-bench.ts';

const RUN = 'run: { workflow: { namespace: test, name: other, version: 1.0.0 } }';
const ECHO = "call: 'millrace.echo:1.0.0@default'";
const ONE = programOf(`  - one: { ${RUN} }\n`);
const RACE = programOf(`  - race:\n      fork:\n        compete: true\n        branches:\n          - one: { ${RUN} }\n          - two: { ${RUN} }\n  - after: { ${ECHO} }\n`);
const LIMITED = programOf(`  - limited:\n      try:\n        - one: { ${RUN}, timeout: { after: PT0.05S } }\n      catch: { do: [ { after: { ${ECHO} } } ] }\n`);
const DETACHED = programOf(`  - one: { run: { await: false, workflow: { namespace: test, name: other, version: 1.0.0 } } }\n`);

let folder: TemporaryFolder;
let nats: NatsServer;
let bench: Bench;

beforeAll(async () => {
  folder = await temporaryFolder('lane-children');
  nats = await startNats({ dataDir: folder.path });
});
beforeEach(async () => {
  bench = await openBench(nats.url);
});
afterEach(() => bench.close());
afterAll(async () => {
  await nats.stop();
  await folder.remove();
});

test('a workflow whose parent is cancelled is left once the cancellation is durable, and one that is not awaited never', async () => {
  const lane = await bench.take(0, 1, [ONE, DETACHED]);
  const [one, detached] = [startIn(lane, ONE, null), startIn(lane, DETACHED, null)];
  await eventually(() => bench.steps.length === 2);
  const before = lane.durable().sequence;
  for (const { id } of [one, detached]) lane.post({ kind: 'cancel', organisation: 'acme', execution: id, answer: undefined });
  await Promise.all([one.ended, detached.ended]);
  expect(bench.left).toMatchObject([{ parent: one.id, sequence: before + 1, isReplayed: false }]);
});

test('the branch that lost a race is left, the one that won is not', async () => {
  const lane = await bench.take(1, 1, [RACE]);
  const { id } = startIn(lane, RACE, null);
  await eventually(() => bench.steps.length === 2);
  const [first, second] = bench.steps as [(typeof bench.steps)[0], (typeof bench.steps)[0]];
  lane.post({ kind: 'result', execution: id, result: echoOf(second), durable: () => undefined });
  await eventually(() => bench.steps.length === 3);
  expect(bench.left).toMatchObject([{ parent: id, activation: first.activation.number }]);
});

test('what ran a workflow for too long leaves it, and the parent goes on', async () => {
  const lane = await bench.take(2, 1, [LIMITED]);
  const { id } = startIn(lane, LIMITED, null);
  await eventually(() => bench.left.length === 1);
  expect(bench.left).toMatchObject([{ parent: id }]);
  expect(lane.actors.has(id)).toBe(true);
});

test('a parent is not handed to history, nor checkpointed, before those it left are told', async () => {
  bench.storeAway = false;
  const lane = await bench.take(3, 1, [ONE, RACE]);
  const [one, race] = [startIn(lane, ONE, null), startIn(lane, RACE, null)];
  await eventually(() => bench.steps.length === 3);
  const won = bench.steps.find(({ execution }) => execution.id === race.id) as (typeof bench.steps)[0];
  lane.post({ kind: 'result', execution: race.id, result: echoOf(won), durable: () => undefined });
  lane.post({ kind: 'cancel', organisation: 'acme', execution: one.id, answer: undefined });
  await one.ended;
  await eventually(() => bench.left.length === 2);
  const held = startIn(lane, RACE, null);
  // One that left nobody is checkpointed meanwhile.
  await eventually(() => bench.stored.has(held.id), { timeoutMs: 10_000 });
  expect(bench.stored.has(race.id)).toBe(false);
  expect(bench.finished).toEqual([]);
  for (const { told } of bench.left.splice(0)) told();
  expect(bench.finished).toMatchObject([{ id: one.id }]);
  await eventually(() => bench.stored.has(race.id), { timeoutMs: 10_000 });
}, 30_000);

test('a new owner tells those again of which the log does not say that they are told, and no others', async () => {
  let lane = await bench.take(4, 1, [ONE, RACE]);
  const [one, race] = [startIn(lane, ONE, null), startIn(lane, RACE, null)];
  await eventually(() => bench.steps.length === 3);
  const won = bench.steps.find(({ execution }) => execution.id === race.id) as (typeof bench.steps)[0];
  lane.post({ kind: 'result', execution: race.id, result: echoOf(won), durable: () => undefined });
  lane.post({ kind: 'cancel', organisation: 'acme', execution: one.id, answer: undefined });
  await one.ended;
  await eventually(() => bench.left.length === 2);
  const told = bench.left.map(({ parent, activation, sequence }) => ({ parent, activation, sequence, isReplayed: true }));
  await lane.stop();
  bench.left.length = 0;
  lane = await bench.take(4, 2, [ONE, RACE]);
  expect(bench.left).toMatchObject(told);
  expect(bench.finished).toEqual([]);
  for (const each of bench.left.splice(0)) each.told();
  expect(bench.finished).toMatchObject([{ id: one.id }]);
  // Now the mark goes beyond them, with the next frame after a look.
  await eventually(() => lane.executions.upkeep.announcedBelow > Math.max(...told.map(({ sequence }) => sequence)), { timeoutMs: 10_000 });
  await startIn(lane, ONE, null).accepted;
  await lane.stop();
  lane = await bench.take(4, 3, [ONE, RACE]);
  expect(bench.left).toEqual([]);
}, 30_000);

test('a slot stays while one that its parent left is not told', async () => {
  const lane = await bench.take(5, 1, [ONE]);
  const { id, ended } = startIn(lane, ONE, null);
  await eventually(() => bench.steps.length === 1);
  lane.post({ kind: 'cancel', organisation: 'acme', execution: id, answer: undefined });
  await ended;
  const slot = slotOf(id);
  let released = false;
  lane.post({ kind: 'release', id: 'm1', move: { slots: [slot], from: 5, to: 6 }, done: () => (released = true) });
  await new Promise<void>((done) => lane.post({ kind: 'query', run: done }));
  expect(released).toBe(false);
  expect(lane.slots.owns(slot)).toBe(true);
  for (const { told } of bench.left.splice(0)) told();
  await eventually(() => released);
  expect(lane.slots.owns(slot)).toBe(false);
});
