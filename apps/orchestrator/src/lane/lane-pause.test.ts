/** Pausing and resuming executions by command, on a real NATS. */
import { startNats, type NatsServer } from '@millrace/servers';
import { eventually, temporaryFolder, type TemporaryFolder } from '@millrace/testkit';
import type { OperatorAct } from '@millrace/engine';
import type { Lane } from '@millrace/lane';
import { CHAIN, digest, echoOf, openBench, programOf, startIn, type Bench } from '../testing/lane-bench.ts';

let folder: TemporaryFolder;
let nats: NatsServer;
let bench: Bench;

beforeAll(async () => {
  folder = await temporaryFolder('lane-pause');
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

const act = (lane: Lane, execution: string, what: OperatorAct, organisation = 'acme'): Promise<string> =>
  new Promise((answer) => lane.post({ kind: 'operate', act: what, operator: { by: 'acme/k1', reason: 'maintenance' }, organisation, execution, answer, refused: answer }));

const answer = (lane: Lane): Promise<void> => {
  const step = bench.steps.at(-1);
  return new Promise((durable) => (step === undefined ? durable() : lane.post({ kind: 'result', execution: step.execution.id, result: echoOf(step), durable })));
};

test('a pause survives its owner: what ran is taken, nothing new leaves, and a resume goes on from there', async () => {
  let lane = await bench.take(0, 1, [CHAIN]);
  const { id, accepted } = startIn(lane, CHAIN, { n: 0 });
  await accepted;
  await eventually(() => bench.steps.length === 1);
  expect(await act(lane, id, 'pause', 'other')).toBe('unknown');
  expect(await act(lane, id, 'pause')).toBe('found');
  await answer(lane);
  expect(bench.steps).toHaveLength(1);
  const before = digest(lane);
  await lane.stop();
  lane = await bench.take(0, 2, [CHAIN]);
  expect(digest(lane)).toEqual(before);
  await new Promise<void>((run) => lane.post({ kind: 'query', run }));
  expect(bench.steps).toHaveLength(1);
  expect(await act(lane, id, 'resume')).toBe('found');
  await eventually(() => bench.steps.length === 2);
  await answer(lane);
  await eventually(() => bench.steps.length === 3);
  await answer(lane);
  await eventually(() => bench.finished.length === 1);
  expect(bench.finished[0]).toMatchObject({ id, end: { status: 'completed' } });
  expect(bench.events.filter(({ kind }) => kind === 'suspended' || kind === 'resumed').map(({ kind, index }) => [kind, index])).toEqual(expect.arrayContaining([['suspended', 2], ['resumed', 3]]));
});

test('a step that had no worker yet is asked for again with the resume', async () => {
  const lane = await bench.take(1, 1, [CHAIN]);
  const { id, accepted } = startIn(lane, CHAIN, { n: 0 });
  await accepted;
  await act(lane, id, 'pause');
  await act(lane, id, 'resume');
  await eventually(() => bench.steps.length === 2);
  expect(bench.steps.map(({ activation }) => activation.number)).toEqual([2, 2]);
});

test('a paused execution whose timer is far away sleeps, and is woken by the resume', async () => {
  const WAIT = programOf('  - w:\n      wait: { hours: 1 }\n');
  bench.storeAway = false;
  const lane = await bench.take(2, 1, [WAIT]);
  const { id, accepted } = startIn(lane, WAIT, null);
  await accepted;
  await act(lane, id, 'pause');
  await eventually(() => lane.sleeps(id), { timeoutMs: 20_000 });
  expect(await act(lane, id, 'resume')).toBe('found');
  expect(lane.actors.get(id)?.execution.paused).toBeUndefined();
}, 30_000);

test('before all orchestrators can read it a pause is refused, and a cancel is as it was', async () => {
  bench.format = 1;
  const lane = await bench.take(3, 1, [CHAIN]);
  const { id, accepted, ended } = startIn(lane, CHAIN, { n: 0 });
  await accepted;
  expect(await act(lane, id, 'pause')).toBe('format-not-agreed');
  expect(await act(lane, id, 'cancel')).toBe('found');
  expect((await ended).status).toBe('cancelled');
});
