import { BUCKETS, connectBus, encodeJson, joinRegistry, openBucket, watchRegistry, type Bucket, type Bus, type Registration, type Registry } from '@millrace/bus';
import { systemClock } from '@millrace/clock';
import { FORMAT_NEWEST, FORMAT_OLDEST } from '@millrace/engine';
import type { MillraceError } from '@millrace/errors';
import { initialSlotTable } from '@millrace/identity';
import { agreeOnFormat, SETTLE_MS, type FormatAgreement } from '@millrace/lane';
import { startNats, type NatsServer } from '@millrace/servers';
import { eventually, temporaryFolder, type TemporaryFolder } from '@millrace/testkit';
import { logger } from '../testing/lane-bench.ts';

let folder: TemporaryFolder;
let nats: NatsServer;
let bus: Bus;
let bucket: Bucket;
let registry: Registry;
let agreements: FormatAgreement[];
let registrations: Registration[];
/** Added to the monotonic clock, so that nobody waits for SETTLE_MS. */
let aheadMs: number;

beforeEach(async () => {
  folder = await temporaryFolder('format-agreement');
  nats = await startNats({ dataDir: folder.path });
  bus = await connectBus({ url: nats.url, name: 'format test', logger });
  bucket = await openBucket(bus, BUCKETS.lanes);
  registry = await watchRegistry(bus);
  agreements = [];
  registrations = [];
  aheadMs = 0;
}, 30_000);

afterEach(async () => {
  for (const agreement of agreements) agreement.close();
  registry.close();
  await Promise.all(registrations.map((each) => each.leave()));
  await bus.close();
  await nats.stop();
  await folder.remove();
}, 30_000);

async function agree(instance: string, allows = FORMAT_NEWEST, onUnreadable: (error: MillraceError) => void = () => undefined): Promise<FormatAgreement> {
  const agreement = await agreeOnFormat({ bucket, registry, instance, allows, clock: { ...systemClock, monotonicMs: () => systemClock.monotonicMs() + aheadMs }, logger, onUnreadable });
  agreements.push(agreement);
  return agreement;
}

async function join(instance: string, attributes: Readonly<Record<string, unknown>>): Promise<Registration> {
  const registration = await joinRegistry(bus, { service: 'orchestrator', instance, version: '0.1.0', addresses: { grpc: `${instance}:1` }, attributes });
  registrations.push(registration);
  await eventually(() => registry.list('orchestrator').some((each) => each.instance === instance));
  return registration;
}

test('a new installation begins with the newest format that everyone there allows', async () => {
  expect((await agree('one')).agreed()).toBe(FORMAT_NEWEST);
  expect((await agree('two', FORMAT_OLDEST)).agreed()).toBe(FORMAT_NEWEST);
  expect(await bucket.getJson('format')).toMatchObject({ value: { format: FORMAT_NEWEST } });
});

test('an installation that has a slot table and no agreement is of the first release', async () => {
  await bucket.put('table', encodeJson(initialSlotTable(2)));
  expect((await agree('one')).agreed()).toBe(FORMAT_OLDEST);
});

test('a format is agreed once everyone has allowed it for a while; who says nothing is of the first release', async () => {
  await bucket.put('table', encodeJson(initialSlotTable(2)));
  const silent = await join('silent', { lanes: [1] });
  const one = await agree('one');
  one.follow();
  aheadMs = 2 * SETTLE_MS;
  await systemClock.sleep(1_500);
  expect(one.agreed()).toBe(FORMAT_OLDEST);
  await silent.leave();
  await eventually(() => registry.list('orchestrator').length === 0);
  await systemClock.sleep(1_500);
  expect(one.agreed()).toBe(FORMAT_OLDEST);
  aheadMs = 4 * SETTLE_MS;
  await eventually(() => one.agreed() === FORMAT_NEWEST);
  // A newcomer of the first release lowers nothing.
  await join('silent', {});
  expect((await agree('two')).agreed()).toBe(FORMAT_NEWEST);
});

test('what is agreed beyond what is read refuses a newcomer, and tells who is there', async () => {
  const errors: MillraceError[] = [];
  const one = await agree('one', FORMAT_NEWEST, (error) => errors.push(error));
  one.follow();
  await bucket.putJson('format', { format: FORMAT_NEWEST + 1 });
  await eventually(() => errors.length === 1);
  expect(errors[0]).toMatchObject({ reason: 'format-unreadable' });
  // It goes on to write what it did until it has left.
  expect(one.agreed()).toBe(FORMAT_NEWEST);
  await expect(agree('two')).rejects.toMatchObject({ reason: 'format-unreadable' });
  await bucket.putJson('format', 'of another kind');
  await expect(agree('three')).rejects.toMatchObject({ reason: 'format-unreadable' });
});
