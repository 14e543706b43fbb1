/** Events that come through `in.<lane>` and the executions that listen for them, on a real NATS. */
import { startNats, type NatsServer } from '@millrace/servers';
import { eventually, temporaryFolder, type TemporaryFolder } from '@millrace/testkit';
import type { CloudEvent } from '@millrace/engine';
import type { Lane } from '@millrace/lane';
import { digest, openBench, programOf, startIn, type Bench } from '../testing/lane-bench.ts';

const TWO = programOf('  - l:\n      listen: { to: { any: [ { with: { type: a.happened } } ], until: ". | length >= 2" } }\n');
const event = (id: string, data: number, type = 'a.happened'): CloudEvent => ({ specversion: '1.0', id, source: 'urn:test', type, data });

let folder: TemporaryFolder;
let nats: NatsServer;
let bench: Bench;

beforeAll(async () => {
  folder = await temporaryFolder('lane-listen');
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

/** Posts an event and resolves once all that it caused is durable. */
const send = (lane: Lane, given: CloudEvent, organisation = 'acme'): Promise<void> => {
  lane.post({ kind: 'event', organisation, event: given });
  return new Promise((run) => lane.post({ kind: 'query', run }));
};

test('an execution takes the events of its organisation that it listens for, each once, also after its lane was taken over', async () => {
  let lane = await bench.take(0, 1, [TWO]);
  const { id, accepted } = startIn(lane, TWO, null);
  await accepted;
  await send(lane, event('0', 0), 'other');
  await send(lane, event('0', 0, 'b.happened'));
  await send(lane, event('1', 1));
  await send(lane, event('1', 1));
  expect(lane.actors.get(id)?.execution.end).toBeUndefined();
  const before = digest(lane);
  await lane.stop();
  lane = await bench.take(0, 2, [TWO]);
  expect(digest(lane)).toEqual(before);
  await send(lane, event('1', 1));
  await send(lane, event('2', 2));
  await eventually(() => bench.finished.length === 1);
  expect(bench.finished[0]).toMatchObject({ id, end: { status: 'completed', outputText: '[1,2]' } });
});

test('every execution that listens takes the event', async () => {
  const ONE = programOf('  - l:\n      listen: { to: { one: { with: { type: a.happened } } } }\n');
  const lane = await bench.take(1, 1, [ONE]);
  const started = Array.from({ length: 20 }, () => startIn(lane, ONE, null));
  await Promise.all(started.map(({ accepted }) => accepted));
  await send(lane, event('1', 7));
  expect((await Promise.all(started.map(({ ended }) => ended))).map((end) => end.outputText)).toEqual(Array.from({ length: 20 }, () => '[7]'));
});
