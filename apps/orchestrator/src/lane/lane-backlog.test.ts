/** Ended executions that wait for history in the log, not in memory, on a real log. */
import { BACKLOG_CHARACTERS, type End, type Finished, type Lane } from '@millrace/lane';
import { startNats, type NatsServer } from '@millrace/servers';
import { eventually, temporaryFolder, type TemporaryFolder } from '@millrace/testkit';
import { answerAll, CHAIN, openBench, startIn, type Bench } from '../testing/lane-bench.ts';

let folder: TemporaryFolder;
let nats: NatsServer;
let bench: Bench;
let lane: Lane;
let number = 0;

beforeAll(async () => {
  folder = await temporaryFolder('lane-backlog');
  nats = await startNats({ dataDir: folder.path });
}, 60_000);

afterAll(async () => {
  await nats.stop();
  await folder.remove();
});

beforeEach(async () => {
  bench = await openBench(nats.url);
  lane = await bench.take(number++, 1, [CHAIN]);
  answerAll(bench, () => lane);
});

afterEach(() => bench.close());

/** Runs so many to their end. */
async function run(count: number): Promise<readonly string[]> {
  const started = Array.from({ length: count }, (_, n) => startIn(lane, CHAIN, { n }, { key: `key-${n}` }));
  await Promise.all(started.map(({ ended }) => ended));
  return started.map(({ id }) => id);
}

const attach = (id: string): Promise<End> =>
  new Promise((ended) => lane.post({ kind: 'attach', execution: id, watcher: { waits: true, accepted: () => undefined, ended: (_, end) => ended(end), refused: (reason) => ended({ status: 'faulted', outputText: reason, error: undefined }) } }));

test('what history has no room for leaves memory, is known, readable, and comes to history when there is room again, once', async () => {
  const [kept] = await run(1);
  bench.historyWaiting = BACKLOG_CHARACTERS;
  const ids = await run(200);
  expect(lane.backlog).toBe(200);
  expect([...lane.finished.keys()]).toEqual([kept]);
  expect(bench.finished.map(({ id }) => id)).toEqual([kept]);
  const id = ids[7] as string;
  expect(lane.knows(id)).toBe(true);
  expect(await attach(id)).toMatchObject({ status: 'completed', outputText: '{"n":10}' });
  expect(await startIn(lane, CHAIN, { n: 7 }, { id, key: 'key-7' }).accepted).toEqual({ existing: true });
  expect(await startIn(lane, CHAIN, { n: 8 }, { id, key: 'key-7' }).refused).toBe('idempotency-conflict');
  const steps = bench.steps.length;
  bench.historyWaiting = 0;
  await eventually(() => lane.backlog === 0, { timeoutMs: 10_000 });
  expect(bench.finished.slice(1).map((each) => each.id).toSorted()).toEqual(ids.toSorted());
  const [first] = bench.finished;
  const again = bench.finished.find((each) => each.id === ids[0]);
  // The same as if it had been in memory all the time.
  const seen = (each: Finished | undefined) => ({ ...each, id: '', key: '', input: each?.input.value, journal: each?.journal.count, firstSequence: 0, lastSequence: 0, acceptedAtMs: 0, endedAtMs: 0, checkpointed: true });
  expect(seen(again)).toEqual(seen(first));
  expect(bench.steps).toHaveLength(steps);
}, 30_000);

test('frames of the backlog stay in the log until history has them', async () => {
  bench.historyWaiting = BACKLOG_CHARACTERS;
  const log = await bench.log(lane.number);
  const before = (await log.tail()).sequence;
  await run(20);
  await run(20);
  await eventually(() => lane.truncatedBelow > before);
  expect(lane.truncatedBelow).toBe(before + 1);
  // Others go on, and are checkpointed or in history at once; nothing but the backlog needs these frames.
  bench.historyWaiting = 0;
  bench.storesAtOnce = true;
  await eventually(() => lane.backlog === 0, { timeoutMs: 10_000 });
  await run(20);
  await eventually(async () => (await log.first()) > before + 1, { timeoutMs: 10_000 });
  expect(bench.finished.length).toBe(60);
}, 30_000);

test('starts of a lane whose log is over its budget are refused with a reason, running ones finish, and starts are taken again', async () => {
  bench.historyWaiting = BACKLOG_CHARACTERS;
  let answer = (): void => undefined;
  const held = new Promise<void>((settle) => (answer = settle));
  const { onStep } = bench;
  bench.onStep = (step) => void held.then(() => onStep(step));
  const running = Array.from({ length: 20 }, (_, n) => startIn(lane, CHAIN, { n }));
  await Promise.all(running.map(({ accepted }) => accepted));
  bench.logBytesMax = 1;
  await eventually(() => lane.refusesStarts() !== undefined, { timeoutMs: 5_000 });
  expect(lane.refusesStarts()).toMatch(/^The log of lane \d+ takes \d+ bytes of its 1; starts are taken again once history has caught up$/);
  expect(await startIn(lane, CHAIN, { n: 1 }).refused).toBe('log-budget-exceeded');
  answer();
  expect((await Promise.all(running.map(({ ended }) => ended))).every(({ status }) => status === 'completed')).toBe(true);
  bench.historyWaiting = 0;
  bench.storesAtOnce = true;
  bench.logBytesMax = 100_000;
  await eventually(() => lane.backlog === 0 && lane.refusesStarts() === undefined, { timeoutMs: 10_000 });
  expect(await startIn(lane, CHAIN, { n: 1 }).ended).toMatchObject({ status: 'completed' });
}, 30_000);
