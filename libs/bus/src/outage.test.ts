/** What survives the sudden death of nats-server: these tests kill it with SIGKILL and start it again. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { startNats, type NatsServer } from '@millrace/servers';
import { createLogger } from '@millrace/telemetry';
import { LEASE_MS, connectBus, joinRegistry, openBucket, watchRegistry, type Bus, type BusStatus } from './index.ts';

const logger = createLogger({ service: 'test', instance: 'test-1', level: 'silent', destination: { write: () => undefined } });
const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

let dataDir: string;
let nats: NatsServer;
const buses: Bus[] = [];

beforeEach(async () => {
  dataDir = await mkdtemp(path.join(tmpdir(), 'bus-outage-'));
  nats = await startNats({ dataDir });
});

afterEach(async () => {
  await Promise.all(buses.splice(0).map((bus) => bus.close()));
  await nats.stop();
  await rm(dataDir, { recursive: true, force: true });
});

async function open(): Promise<Bus> {
  const bus = await connectBus({ url: nats.url, name: 'test', logger });
  buses.push(bus);
  return bus;
}

const statusOf = (bus: Bus, wanted: BusStatus): Promise<void> =>
  new Promise((resolve) => {
    if (bus.status() === wanted) return resolve();
    const off = bus.onStatus((status) => {
      if (status !== wanted) return;
      off();
      resolve();
    });
  });

/** Polls a condition; for states that no event announces. */
async function until(condition: () => boolean, limitMs = 10_000): Promise<void> {
  const end = performance.now() + limitMs;
  while (!condition()) {
    if (performance.now() > end) throw new Error('The condition did not come true');
    await sleep(20);
  }
}

describe('when nats-server is killed and started again', () => {
  test('the connection returns by itself and writes go on', async () => {
    const bus = await open();
    const bucket = await openBucket(bus, 'survivor');
    await bucket.put('a', bytes('1'));
    await nats.kill();
    await statusOf(bus, 'disconnected');
    await nats.restart();
    await statusOf(bus, 'connected');
    expect((await bucket.get('a'))?.value).toEqual(bytes('1'));
    await bucket.put('a', bytes('2'));
  });

  test('a watch goes on, and learns of what changed and vanished while it could not see', async () => {
    const [watcher, writer] = [await open(), await open()];
    const bucket = await openBucket(watcher, 'watched');
    const current = new Map<string, string>();
    let ready = 0;
    const watch = await bucket.watch(
      ({ key, value }) => void (value === undefined ? current.delete(key) : current.set(key, new TextDecoder().decode(value))),
      { onReady: () => void (ready += 1) },
    );
    const written = await openBucket(writer, 'watched');
    for (const key of ['stays', 'changes', 'goes', 'vanishes']) await written.put(key, bytes('1'));
    await until(() => current.size === 4);
    await nats.kill();
    await statusOf(watcher, 'disconnected');
    expect(watch.isFresh()).toBe(false);
    await nats.restart();
    // The writer changes things as soon as it is back, while the watch may still be starting again.
    await statusOf(writer, 'connected');
    await written.put('changes', bytes('2'));
    await written.delete('goes');
    await writer.manager.streams.purge('KV_watched', { filter: '$KV.watched.vanishes' });
    await written.put('comes', bytes('1'));
    await until(() => ready >= 2 && current.get('changes') === '2' && !current.has('goes') && current.has('comes'));
    expect(watch.isFresh()).toBe(true);
    await written.put('later', bytes('1'));
    await until(() => current.has('later'));
    watch.stop();
  });

  test('a watch notices a consumer that the server forgot without a word', async () => {
    const bus = await open();
    const bucket = await openBucket(bus, 'silent');
    const keys = new Set<string>();
    const watch = await bucket.watch(({ key }) => void keys.add(key));
    for await (const { name } of bus.manager.consumers.list('KV_silent')) await bus.manager.consumers.delete('KV_silent', name);
    await bucket.put('unseen', bytes('1'));
    await until(() => keys.has('unseen'), 6_000);
    watch.stop();
  });

  test('a watch makes its bucket again when the server came back without it', async () => {
    const bus = await open();
    const bucket = await openBucket(bus, 'lost');
    const current = new Set<string>();
    await bucket.put('before', bytes('1'));
    await bucket.watch(({ key, value }) => void (value === undefined ? current.delete(key) : current.add(key)));
    expect([...current]).toEqual(['before']);
    await bus.manager.streams.delete('KV_lost');
    await until(() => !current.has('before'));
    await bucket.put('after', bytes('1'));
    await until(() => current.has('after'));
  });

  test('nobody in the registry is taken for dead, and leases that ran out come back', async () => {
    const [left, right] = [await open(), await open()];
    const registration = await joinRegistry(left, { service: 'echo', instance: 'echo-1', version: '1', addresses: { grpc: '127.0.0.1:1' } });
    const lost: string[] = [];
    registration.onLost((loss) => void lost.push(loss));
    const registry = await watchRegistry(right);
    let changes = 0;
    registry.onChange(() => void (changes += 1));
    expect(registry.list('echo').map(({ instance }) => instance)).toEqual(['echo-1']);

    await nats.kill();
    await sleep(LEASE_MS + 1_500);
    expect(lost).toEqual(['expired']);
    expect(registration.leaseDeadline()).toBeLessThan(performance.now());
    expect(registry.list('echo')).toHaveLength(1);

    await nats.restart();
    await until(() => registration.leaseDeadline() > performance.now());
    await sleep(LEASE_MS / 2);
    expect(registry.list('echo')).toHaveLength(1);
    expect(changes).toBe(0);
    expect(lost).toEqual(['expired']);
    await registration.leave();
    registry.close();
  });
});

test('a process that starts before nats-server waits for it', async () => {
  await nats.stop();
  const connecting = open();
  await sleep(300);
  await nats.restart();
  const bus = await connecting;
  const bucket = await openBucket(bus, 'early');
  await bucket.put('a', bytes('1'));
  expect(bus.status()).toBe('connected');
});
