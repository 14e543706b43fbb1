/** Executions that leave memory and come back (E8), on a real log. */
import { startNats, type NatsServer } from '@millrace/servers';
import { eventually, temporaryFolder, type TemporaryFolder } from '@millrace/testkit';
import { WINDOW_MS, type Lane } from '@millrace/lane';
import { answerAll, digest, openBench, programOf, startIn, type Bench } from '../testing/lane-bench.ts';

const CALL = (name: string): string => `  - ${name}:\n      call: millrace.echo:1.0.0@default\n      with:\n        n: \${ .n + 1 }\n`;
const SLEEPER = programOf(`${CALL('before')}  - rest:\n      wait: PT1H\n${CALL('after')}`);
const HOUR_MS = 3_600_000;

let folder: TemporaryFolder;
let nats: NatsServer;
let bench: Bench;
let lane: Lane;
let number = 0;
let aheadMs = 0;

beforeAll(async () => {
  folder = await temporaryFolder('lane-sleep');
  nats = await startNats({ dataDir: folder.path });
}, 60_000);

afterAll(async () => {
  await nats.stop();
  await folder.remove();
});

beforeEach(async () => {
  bench = await openBench(nats.url);
  aheadMs = 0;
  bench.nowMs = () => Date.now() + aheadMs;
  bench.storeAway = false;
  lane = await bench.take(number++, 1, [SLEEPER]);
  answerAll(bench, () => lane);
});

afterEach(() => bench.close());

/** Starts so many that wait, and lets them go to sleep. */
async function asleep(count: number, key?: string) {
  const started = Array.from({ length: count }, (_, n) => startIn(lane, SLEEPER, { n }, key === undefined ? {} : { key }));
  await Promise.all(started.map(({ accepted }) => accepted));
  await eventually(() => lane.sleeping === count, { timeoutMs: 10_000 });
  expect(lane.actors.size).toBe(0);
  return started;
}

test('what only waits leaves memory, comes back for its timer, and who waits for its end is told', async () => {
  const started = await asleep(40);
  aheadMs = HOUR_MS - WINDOW_MS / 2;
  // Ahead of time: what is in memory needs no store to come on time.
  await eventually(() => lane.actors.size === 40, { timeoutMs: 5_000 });
  expect(bench.finished).toEqual([]);
  bench.storeAway = true;
  aheadMs = HOUR_MS;
  const ends = await Promise.all(started.map(({ ended }) => ended));
  expect(ends.map(({ outputText }) => outputText)).toEqual(started.map((_, n) => `{"n":${n + 2}}`));
  expect(new Set(bench.steps.map(({ execution, activation }) => `${execution.id}/${activation.number}/${activation.attempt}`)).size).toBe(80);
  expect(bench.steps).toHaveLength(80);
  expect(bench.finished.every(({ journal }) => journal.count > 2)).toBe(true);
}, 30_000);

test('a cancel and a repeated start wake it, a late result does not, and it goes back to sleep', async () => {
  const [first, second] = await asleep(2, 'once');
  if (first === undefined || second === undefined) throw new Error('none');
  const same = startIn(lane, SLEEPER, { n: 0 }, { id: first.id, key: 'once' });
  expect(await same.accepted).toEqual({ existing: true });
  const other = startIn(lane, SLEEPER, { n: 7 }, { id: first.id, key: 'once' });
  expect(await other.refused).toBe('idempotency-conflict');
  await eventually(() => lane.sleeping === 2, { timeoutMs: 5_000 });
  let wasDurable = false;
  const [step] = bench.steps.filter(({ execution }) => execution.id === first.id);
  if (step === undefined) throw new Error('no step');
  lane.post({ kind: 'result', execution: first.id, result: { activation: step.activation.number, attempt: 1, run: 1, outcome: { kind: 'failure', problem: { type: 'x', status: 500 } }, dispatchedAtMs: 1, startedAtMs: 1, endedAtMs: 1, worker: 'late' }, durable: () => (wasDurable = true) });
  await eventually(() => wasDurable);
  expect(lane.sleeps(first.id)).toBe(true);
  const found = await new Promise<string>((answer) => lane.post({ kind: 'cancel', organisation: 'acme', execution: second.id, answer }));
  expect(found).toBe('found');
  expect(await second.ended).toMatchObject({ status: 'cancelled' });
  expect(lane.sleeping).toBe(1);
  expect(await new Promise<string>((answer) => lane.post({ kind: 'cancel', organisation: 'globex', execution: first.id, answer }))).toBe('unknown');
}, 30_000);

test('without the store nothing is forgotten: timers come late, commands are refused, and both go on when it is back', async () => {
  const [sleeper] = await asleep(1);
  if (sleeper === undefined) throw new Error('none');
  bench.storeAway = true;
  const refused = new Promise<string>((settle) => lane.post({ kind: 'cancel', organisation: 'acme', execution: sleeper.id, answer: () => settle('answered'), refused: settle }));
  aheadMs = HOUR_MS;
  const busy = startIn(lane, SLEEPER, { n: 5 });
  await eventually(() => bench.steps.some(({ execution }) => execution.id === busy.id));
  expect(await refused).toBe('store-failed');
  expect(lane.sleeps(sleeper.id)).toBe(true);
  bench.storeAway = false;
  expect(await sleeper.ended).toMatchObject({ status: 'completed' });
}, 30_000);

test('a new owner loads no sleeper, but those whose frames go beyond their checkpoint', async () => {
  const started = await asleep(20);
  const [woken] = started;
  if (woken === undefined) throw new Error('none');
  const before = new Map(bench.stored);
  // One of them wakes and changes; no checkpoint says so.
  bench.onStep = () => undefined;
  const conflict = startIn(lane, SLEEPER, { n: 99 }, { id: woken.id });
  await conflict.refused;
  bench.storeAway = true;
  aheadMs = HOUR_MS;
  await eventually(() => bench.steps.filter(({ execution }) => execution.id === woken.id).length === 2);
  const state = digest(lane);
  // Its owner dies before the store is back: it says and forgets nothing any more.
  await lane.stop();
  bench.stored.clear();
  for (const [id, checkpoint] of before) bench.stored.set(id, checkpoint);
  aheadMs = 0;
  bench.storeAway = false;
  lane = await bench.take(lane.number, 2, [SLEEPER]);
  expect(digest(lane)).toEqual({ [woken.id]: state[woken.id] });
  expect(lane.sleeping).toBe(19);
  answerAll(bench, () => lane);
  const [again] = bench.steps.slice(-1);
  expect(again?.execution.id).toBe(woken.id);
}, 30_000);

test('one that ended just before its owner died is not woken again', async () => {
  const [sleeper] = await asleep(1, 'once');
  if (sleeper === undefined) throw new Error('none');
  const left = new Map(bench.stored);
  await new Promise<string>((answer) => lane.post({ kind: 'cancel', organisation: 'acme', execution: sleeper.id, answer }));
  await eventually(() => bench.finished.length === 1);
  // Its checkpoint is left over.
  for (const [id, checkpoint] of left) bench.stored.set(id, checkpoint);
  await lane.stop();
  lane = await bench.take(lane.number, 2, [SLEEPER]);
  expect([lane.sleeping, lane.actors.size]).toEqual([0, 0]);
  aheadMs = HOUR_MS;
  const repeated = startIn(lane, SLEEPER, { n: 0 }, { id: sleeper.id, key: 'once' });
  expect(await repeated.accepted).toEqual({ existing: true });
  expect(bench.steps.filter(({ execution }) => execution.id === sleeper.id)).toHaveLength(1);
  // The same where the log has forgotten it.
  const [other] = await asleep(1);
  const [finished] = bench.finished;
  if (other === undefined || finished === undefined) throw new Error('none');
  bench.finished.push({ ...finished, id: other.id });
  expect(await new Promise<string>((answer) => lane.post({ kind: 'cancel', organisation: 'acme', execution: other.id, answer }))).toBe('unknown');
  expect(await other.refused).toBe('execution-unknown');
  expect(lane.sleeping).toBe(0);
}, 30_000);
