import { connectBus, ensureStream, laneStream, laneSubject, packFrame, type Bus } from '@millrace/bus';
import { createFrameWriter } from '@millrace/engine';
import { startNats, type NatsServer } from '@millrace/servers';
import { createLogger } from '@millrace/telemetry';
import { eventually, temporaryFolder, type TemporaryFolder } from '@millrace/testkit';
import { watchLanes } from './lane-watch.ts';

let folder: TemporaryFolder;
let nats: NatsServer;
let bus: Bus;

beforeAll(async () => {
  folder = await temporaryFolder('lane-watch');
  nats = await startNats({ dataDir: folder.path });
  bus = await connectBus({ url: nats.url, name: 'test', logger: createLogger({ service: 'faults', instance: 'test', level: 'silent' }) });
}, 60_000);

afterAll(async () => {
  await bus.close();
  await nats.stop();
  await folder.remove();
});

test('a frame of an older epoch after one of a newer is found (E2)', async () => {
  await ensureStream(bus, { name: laneStream(0), subjects: [laneSubject(0)] });
  for (const epoch of [1, 2, 1]) await bus.jetstream.publish(laneSubject(0), packFrame(Buffer.from(createFrameWriter(epoch).finish({ lane: 0, epoch, inputSequence: 0 }).text)));
  const watch = await watchLanes(nats.url, 1);
  await eventually(() => watch.frames.get(0) === 3);
  expect(watch.violations).toEqual(['lane 0: frame 3 of epoch 1 stands after a frame of epoch 2']);
  await watch.close();
});
