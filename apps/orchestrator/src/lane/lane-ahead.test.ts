/** One frame is being appended while the next one is filled: what may be seen of the second before the first is durable. */
import { startNats, type NatsServer } from '@millrace/servers';
import { eventually, temporaryFolder, type TemporaryFolder } from '@millrace/testkit';
import { CHAIN, openBench, startIn, type Bench } from '../testing/lane-bench.ts';
import type { Lane, LaneLog } from '@millrace/lane';

let folder: TemporaryFolder;
let nats: NatsServer;
let bench: Bench;
let lane: Lane;
let lanes = 0;
/** Appends that wait to be let through, the oldest first. */
let held: (() => void)[];

function holding(log: LaneLog): LaneLog {
  return {
    ...log,
    async append(frame, epoch) {
      const bytes = Uint8Array.from(frame);
      await new Promise<void>((settle) => held.push(settle));
      return log.append(bytes, epoch);
    },
  };
}

/** Lets the one frame through that is being appended, once there is one. */
async function letThrough(): Promise<void> {
  await eventually(() => held.length === 1);
  held.shift()?.();
}

beforeAll(async () => {
  folder = await temporaryFolder('lane-ahead');
  nats = await startNats({ dataDir: folder.path });
}, 60_000);

afterAll(async () => {
  await nats.stop();
  await folder.remove();
});

beforeEach(async () => {
  held = [];
  bench = await openBench(nats.url);
  bench.wrapLog = holding;
  lane = await bench.take(lanes++, 1, [CHAIN]);
});

afterEach(async () => {
  for (const through of held) through();
  await bench.close();
});

test('the next frame is decided while one is appended, and its effects wait for its own append (E1)', async () => {
  const first = startIn(lane, CHAIN, { n: 0 });
  await eventually(() => held.length === 1);
  const second = startIn(lane, CHAIN, { n: 0 });
  await eventually(() => lane.actors.has(second.id));
  expect(held).toHaveLength(1);
  expect(bench.steps).toEqual([]);
  await letThrough();
  await first.accepted;
  await eventually(() => held.length === 1);
  expect(bench.steps.map(({ execution }) => execution.id)).toEqual([first.id]);
  await letThrough();
  await second.accepted;
  await eventually(() => bench.steps.length === 2);
});

test('what reads the lane sees what the log says: nothing is decided between its own frame and the reading', async () => {
  const first = startIn(lane, CHAIN, { n: 0 });
  await eventually(() => held.length === 1);
  const seen = new Promise<readonly string[]>((settle) => lane.post({ kind: 'query', run: () => settle([...lane.actors.keys()]) }));
  const second = startIn(lane, CHAIN, { n: 0 });
  await letThrough();
  await eventually(() => held.length === 1);
  const third = startIn(lane, CHAIN, { n: 0 });
  // Turns of the event loop in which the third would be decided if it might be.
  for (let turn = 0; turn < 20; turn++) await new Promise((settle) => setImmediate(settle));
  expect(lane.actors.has(third.id)).toBe(false);
  await letThrough();
  expect(await seen).toEqual([first.id, second.id]);
  await letThrough();
  await third.accepted;
});

test('a lane that stops appends what it has decided, and refuses what came later', async () => {
  const first = startIn(lane, CHAIN, { n: 0 });
  await eventually(() => held.length === 1);
  const second = startIn(lane, CHAIN, { n: 0 });
  await eventually(() => lane.actors.has(second.id));
  const stopped = lane.stop();
  const third = startIn(lane, CHAIN, { n: 0 });
  expect(await third.refused).toBe('lane-displaced');
  await letThrough();
  await letThrough();
  await Promise.all([first.accepted, second.accepted, stopped]);
});

test('when a frame is lost to a new owner, whoever is in it or in the one behind it is told', async () => {
  const first = startIn(lane, CHAIN, { n: 0 });
  await eventually(() => held.length === 1);
  const second = startIn(lane, CHAIN, { n: 0 });
  await eventually(() => lane.actors.has(second.id));
  bench.wrapLog = (log) => log;
  await bench.take(lane.number, 2, [CHAIN]);
  await letThrough();
  expect(await lane.ended).toEqual({ kind: 'displaced' });
  expect(await Promise.all([first.refused, second.refused])).toEqual(['lane-displaced', 'lane-displaced']);
  expect(bench.steps).toEqual([]);
});
