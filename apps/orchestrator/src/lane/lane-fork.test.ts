/** Forks in a lane on a real NATS: slices, cancelled branches, and a new owner in the middle. */
import { startNats, type NatsServer } from '@millrace/servers';
import { eventually, temporaryFolder, type TemporaryFolder } from '@millrace/testkit';
import type { Lane } from '@millrace/lane';
import { answerAll, CHAIN, digest, echoOf, openBench, programOf, startIn, type Bench } from '../testing/lane-bench.ts';

const branch = (name: string): string => `          - ${name}: { call: 'millrace.echo:1.0.0@default', with: { of: ${name} } }\n`;
const forkOf = (count: number, more = ''): string => `  - all:\n      fork:\n${more}        branches:\n${Array.from({ length: count }, (_, index) => branch(`b${index}`)).join('')}`;
const WIDE = programOf(forkOf(500));
const RACE = programOf(forkOf(3, '        compete: true\n'));

let folder: TemporaryFolder;
let nats: NatsServer;
let bench: Bench;

beforeAll(async () => {
  folder = await temporaryFolder('lane-fork');
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

test('five hundred branches begin over several frames, all are out at once, and their results end the execution', async () => {
  const lane = await bench.take(0, 1, [WIDE]);
  const before = lane.counts.frames;
  const { ended } = startIn(lane, WIDE, null);
  await eventually(() => bench.steps.length === 500);
  expect(lane.counts.frames - before).toBeGreaterThanOrEqual(500 / 32);
  for (const step of bench.steps) lane.post({ kind: 'result', execution: step.execution.id, result: echoOf(step), durable: () => undefined });
  const end = await ended;
  expect(end.status).toBe('completed');
  expect((JSON.parse(end.outputText ?? '[]') as { of: string }[]).map(({ of }) => of)).toEqual(Array.from({ length: 500 }, (_, index) => `b${index}`));
});

test('another execution ends while a wide fork is still being opened', async () => {
  const lane = await bench.take(1, 1, [WIDE, CHAIN]);
  answerAll(bench, () => lane);
  const order: string[] = [];
  const ended = (name: string) => (end: { readonly status: string; readonly error?: unknown }): void => void order.push(`${name} ${end.status} ${JSON.stringify(end.error)}`);
  const wide = startIn(lane, WIDE, null).ended.then(ended('wide'));
  const chain = startIn(lane, CHAIN, { n: 0 }).ended.then(ended('chain'));
  await Promise.all([wide, chain]);
  expect(order).toEqual(['chain completed undefined', 'wide completed undefined']);
});

test('the winner ends the race, the steps of the others are given up and their results change nothing', async () => {
  const lane = await bench.take(2, 1, [RACE]);
  const { id, ended } = startIn(lane, RACE, null);
  await eventually(() => bench.steps.length === 3);
  const [first, second] = bench.steps;
  if (first === undefined || second === undefined) throw new Error('no steps');
  lane.post({ kind: 'result', execution: id, result: echoOf(second), durable: () => undefined });
  expect(await ended).toMatchObject({ status: 'completed', outputText: '{"of":"b1"}' });
  expect(bench.abandoned).toContain(id);
  await new Promise<void>((durable) => lane.post({ kind: 'result', execution: id, result: echoOf(first), durable }));
  expect(lane.counts.steps).toBe(1);
});

test('a new owner finds the branches as they were and dispatches those that are out', async () => {
  let lane: Lane = await bench.take(3, 1, [WIDE]);
  const { id } = startIn(lane, WIDE, null);
  await eventually(() => bench.steps.length === 500);
  const answered = bench.steps.slice(0, 300);
  await Promise.all(answered.map((step) => new Promise<void>((durable) => lane.post({ kind: 'result', execution: id, result: echoOf(step), durable }))));
  const before = digest(lane);
  await lane.stop();
  bench.steps.length = 0;
  lane = await bench.take(3, 2, [WIDE]);
  expect(digest(lane)).toEqual(before);
  expect(bench.steps).toHaveLength(200);
  answerAll(bench, () => lane);
  for (const step of [...bench.steps]) bench.onStep(step);
  await eventually(() => bench.finished.length === 1);
  expect(bench.finished[0]).toMatchObject({ id, end: { status: 'completed' } });
});

test('all that one frame says of an execution is replayed, in however many transitions', async () => {
  let lane = await bench.take(4, 1, [CHAIN]);
  const { id, ended } = startIn(lane, CHAIN, { n: 0 });
  await eventually(() => bench.steps.length === 1);
  // Both wait in the mailbox when the next frame is filled.
  lane.post({ kind: 'result', execution: id, result: echoOf(bench.steps[0] as (typeof bench.steps)[0]), durable: () => undefined });
  lane.post({ kind: 'cancel', organisation: 'acme', execution: id, answer: undefined });
  expect(await ended).toMatchObject({ status: 'cancelled' });
  await lane.stop();
  lane = await bench.take(4, 2, [CHAIN]);
  expect(lane.actors.size).toBe(0);
  expect(lane.finished.get(id)?.end.status).toBe('cancelled');
});
