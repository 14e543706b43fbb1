import { jetstreamManager, StorageType } from '@nats-io/jetstream';
import { startNats, startNatsCluster } from '@millrace/servers';
import { createLogger } from '@millrace/telemetry';
import { eventually, temporaryFolder, type TemporaryFolder } from '@millrace/testkit';
import { busShortfalls, connectBus, ensureStream, openBucket, type Bus } from './index.ts';

const logger = createLogger({ service: 'test', instance: 'test-1', level: 'silent' });
let folder: TemporaryFolder;
const closing: (() => Promise<unknown>)[] = [];

beforeEach(async () => {
  folder = await temporaryFolder('durability');
});
afterEach(async () => {
  for (const step of closing.splice(0).reverse()) await step();
  await folder.remove();
});

async function connected(url: string, replicas: number): Promise<Bus> {
  const bus = await connectBus({ url, name: 'test', logger, replicas });
  closing.push(() => bus.close());
  return bus;
}
const textsOf = async (bus: Bus, monitors: readonly string[]): Promise<readonly string[]> => (await busShortfalls(bus, monitors)).map(({ text }) => text);

test('one server that syncs every two minutes and takes small messages lacks all of it, each with what to do', async () => {
  const nats = await startNats({ dataDir: folder.path, syncInterval: '2m', maxPayloadBytes: 1024 * 1024 });
  closing.push(() => nats.stop());
  const bus = await connected(nats.url, 1);
  await ensureStream(bus, { name: 'LANE_0', subjects: ['lane.0'] });
  await (await jetstreamManager(bus.connection)).streams.add({ name: 'LOST', subjects: ['lost'], storage: StorageType.Memory });
  expect(await textsOf(bus, [nats.monitorUrl])).toEqual([
    'NATS takes messages of up to 1048576 bytes, and 8388608 are needed: set max_payload: 8388608 in the configuration of every nats-server',
    'The nats-server millrace acknowledges before it syncs: set sync_interval: always in its jetstream block',
    'Streams are made with one copy: set MILLRACE_NATS_REPLICAS=3, with at least as many nats-servers',
    'The streams LANE_0, LOST have fewer than 3 copies: nats stream edit NAME --replicas 3',
    'The streams LOST are kept in memory: make them anew, on disk',
  ]);
});

test('what cannot be read is missing', async () => {
  const nats = await startNats({ dataDir: folder.path });
  closing.push(() => nats.stop());
  const bus = await connected(nats.url, 3);
  expect(await textsOf(bus, [])).toEqual(['Whether nats-servers sync before they acknowledge cannot be read: name the monitoring address of each in MILLRACE_NATS_MONITOR_URL']);
  expect(await textsOf(bus, ['http://127.0.0.1:9'])).toEqual([expect.stringContaining('The nats-server monitored at http://127.0.0.1:9 cannot be asked whether it syncs')]);
  expect(await textsOf(bus, [nats.monitorUrl])).toEqual([]);
});

test('three servers with three copies lack nothing when all are asked, also while one of them is down', async () => {
  const cluster = await startNatsCluster({ dataDir: folder.path });
  closing.push(() => cluster.stop());
  const bus = await connected(cluster.url, 3);
  await openBucket(bus, 'lanes');
  const monitors = cluster.servers.map(({ monitorUrl }) => monitorUrl);
  expect(await textsOf(bus, monitors)).toEqual([]);
  expect(await textsOf(bus, monitors.slice(1))).toEqual(['2 of 3 nats-servers could be asked whether they sync: name the monitoring address of each in MILLRACE_NATS_MONITOR_URL']);
  await cluster.servers[2]?.kill();
  await eventually(async () => (await textsOf(bus, monitors)).length === 0, { timeoutMs: 40_000, intervalMs: 500, what: 'the two others elect a leader, and it misses the third' });
}, 90_000);
