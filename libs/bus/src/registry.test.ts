import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { startNats, type NatsServer } from '@millrace/servers';
import { createLogger } from '@millrace/telemetry';
import { LEASE_MS, connectBus, joinRegistry, watchRegistry, type Bus, type Registration, type Registry } from './index.ts';

const logger = createLogger({ service: 'test', instance: 'test-1', level: 'silent', destination: { write: () => undefined } });

let dataDir: string;
let nats: NatsServer;
let bus: Bus;
let registry: Registry;
const buses: Bus[] = [];
const registrations: Registration[] = [];

beforeAll(async () => {
  dataDir = await mkdtemp(path.join(tmpdir(), 'bus-registry-'));
  nats = await startNats({ dataDir });
  bus = await open();
  registry = await watchRegistry(bus);
});

afterAll(async () => {
  registry.close();
  await Promise.all(registrations.map((registration) => registration.leave()));
  await Promise.all(buses.map((each) => each.close()));
  await nats.stop();
  await rm(dataDir, { recursive: true, force: true });
});

async function open(): Promise<Bus> {
  const opened = await connectBus({ url: nats.url, name: 'test', logger });
  buses.push(opened);
  return opened;
}

async function join(service: string, instance: string, on = bus): Promise<Registration> {
  const registration = await joinRegistry(on, { service, instance, version: '1.2.3', addresses: { grpc: '127.0.0.1:7001' }, attributes: { lanes: 2 } });
  registrations.push(registration);
  return registration;
}

/** Resolves when the registry shows what is wanted, woken by its changes. */
const until = (condition: () => boolean): Promise<void> =>
  new Promise((resolve) => {
    const look = (): boolean => {
      if (!condition()) return false;
      off();
      resolve();
      return true;
    };
    const off = registry.onChange(look);
    look();
  });

const names = (service: string): readonly string[] => registry.list(service).map(({ instance }) => instance);

describe('the registry', () => {
  test('shows instances of a service with what they said of themselves, in the order of their names', async () => {
    await join('connector', 'connector-2');
    await join('connector', 'connector-1');
    await join('throttle', 'throttle-1');
    await until(() => names('connector').length === 2 && names('throttle').length === 1);
    expect(names('connector')).toEqual(['connector-1', 'connector-2']);
    expect(registry.list().length).toBe(3);
    expect(registry.list('throttle')[0]).toMatchObject({
      service: 'throttle', version: '1.2.3', addresses: { grpc: '127.0.0.1:7001' }, attributes: { lanes: 2 }, draining: false,
    });
  });

  test('shows who is draining, new attributes, and who has left', async () => {
    const registration = await join('leaver', 'leaver-1');
    await until(() => names('leaver').length === 1);
    await registration.setAttributes({ lanes: 5 });
    await registration.setDraining();
    await until(() => registry.list('leaver')[0]?.draining === true);
    expect(registry.list('leaver')[0]?.attributes).toEqual({ lanes: 5 });
    await registration.leave();
    await until(() => names('leaver').length === 0);
    expect(registration.leaseDeadline()).toBe(Number.NEGATIVE_INFINITY);
  });

  test('does not call back for mere heartbeats', async () => {
    await join('quiet', 'quiet-1');
    await until(() => names('quiet').length === 1);
    let changes = 0;
    const off = registry.onChange(() => void (changes += 1));
    await sleep(2_200);
    off();
    expect(changes).toBe(0);
  });

  test('takes an instance that stopped without a word for dead, after its lease has ended on its own side', async () => {
    const other = await open();
    const registration = await join('crasher', 'crasher-1', other);
    await until(() => names('crasher').length === 1);
    const deadline = registration.leaseDeadline();
    // Closing the connection under it is what a crash looks like from here.
    await other.close();
    await until(() => names('crasher').length === 0);
    expect(performance.now()).toBeGreaterThan(deadline);
    expect(performance.now() - deadline).toBeLessThan(LEASE_MS + 2_000);
  });

  test('takes nobody for dead while its bucket takes no heartbeats', async () => {
    const registration = await join('patient', 'patient-1');
    await until(() => names('patient').length === 1);
    const lost: string[] = [];
    registration.onLost((loss) => void lost.push(loss));
    // A bucket without a leader, as seen by those who write to it; the watch goes on hearing the server.
    const { config } = await bus.manager.streams.info('KV_instances');
    await bus.manager.streams.update('KV_instances', { ...config, max_msg_size: 1 });
    await sleep(LEASE_MS + 2_000);
    expect(lost).toEqual(['expired']);
    expect(names('patient')).toEqual(['patient-1']);
    await bus.manager.streams.update('KV_instances', config);
    while (registration.leaseDeadline() < performance.now()) await sleep(50);
    expect(names('patient')).toEqual(['patient-1']);
  });

  test('gives a name to the process that came last, and tells the one before', async () => {
    const first = await join('twin', 'twin-1', await open());
    const told = new Promise((resolve) => first.onLost(resolve));
    const second = await join('twin', 'twin-1', await open());
    expect(await told).toBe('replaced');
    expect(first.leaseDeadline()).toBe(Number.NEGATIVE_INFINITY);
    await until(() => registry.list('twin')[0]?.incarnation === second.incarnation);
    expect(second.leaseDeadline()).toBeGreaterThan(performance.now());
    await first.leave();
    await sleep(200);
    expect(names('twin')).toEqual(['twin-1']);
  });

  test('enters an instance again when its entry was lost', async () => {
    const registration = await join('wiped', 'wiped-1');
    await until(() => names('wiped').length === 1);
    await bus.manager.streams.purge('KV_instances', { filter: '$KV.instances.wiped.wiped-1' });
    const before = registration.leaseDeadline();
    while (registration.leaseDeadline() === before || registration.leaseDeadline() < performance.now()) await sleep(50);
    expect(registration.leaseDeadline()).toBeGreaterThan(before);
    expect(names('wiped')).toEqual(['wiped-1']);
  });
});
