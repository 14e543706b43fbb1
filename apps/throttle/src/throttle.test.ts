/** The throttle as real processes, with real NATS and MongoDB; owners with the real lease client. */
import { connectBus, openBucket, watchRegistry, type Bus, type Registry } from '@millrace/bus';
import { LimitsClient, type OrganisationLimits } from '@millrace/contracts/throttle/v1/throttle';
import { AUTHORITY_KEY, decodeAuthority, type AuthorityEntry } from '@millrace/lease';
import { createChannelPool, type ChannelPool } from '@millrace/rpc';
import { freePort, startMongod, startNats, type MongoServer, type NatsServer } from '@millrace/servers';
import { createLogger } from '@millrace/telemetry';
import { eventually, startService, temporaryFolder, waitUntilReady, type ServiceProcess, type TemporaryFolder } from '@millrace/testkit';
import { setTimeout as sleep } from 'node:timers/promises';
import { createTally, startOwner, type Owner, type Tally } from './testing/owner.ts';

const logger = createLogger({ service: 'test', instance: 'test-1', level: 'silent', destination: { write: () => undefined } });
const STEP_MS = 15;

let folder: TemporaryFolder;
let nats: NatsServer;
let mongo: MongoServer;
let mongoPort: number;
let bus: Bus;
let registry: Registry;
let pool: ChannelPool;
let tally: Tally;
const throttles = new Map<string, { readonly process: ServiceProcess; readonly http: string }>();
const owners: Owner[] = [];

beforeAll(async () => {
  folder = await temporaryFolder('throttle');
  mongoPort = await freePort();
  [nats, mongo] = await Promise.all([startNats({ dataDir: `${folder.path}/nats` }), startMongod({ dataDir: `${folder.path}/mongo`, port: mongoPort })]);
  bus = await connectBus({ url: nats.url, name: 'test', logger });
  registry = await watchRegistry(bus);
  pool = createChannelPool({ registry, service: 'throttle', logger });
}, 60_000);

beforeEach(() => {
  tally = createTally();
});

afterEach(async () => {
  await Promise.all(owners.splice(0).map((owner) => owner.close()));
});

afterAll(async () => {
  await Promise.all([...throttles.values()].map(({ process }) => process.kill()));
  pool.close();
  registry.close();
  await bus.close();
  await Promise.all([nats.stop(), mongo.stop()]);
  await folder.remove();
}, 60_000);

async function startThrottle(name: string, environment: Record<string, string> = {}): Promise<void> {
  const port = await freePort();
  const started = startService({
    name,
    entry: 'apps/throttle/src/main.ts',
    environment: { MILLRACE_INSTANCE: name, MILLRACE_NATS_URL: nats.url, MILLRACE_MONGODB_URL: mongo.url, MILLRACE_HTTP_PORT: String(port), ...environment },
  });
  const http = `http://127.0.0.1:${port}`;
  throttles.set(name, { process: started, http });
  await waitUntilReady(started, `${http}/readyz`);
  await eventually(() => registry.list('throttle').some(({ instance }) => instance === name));
}

async function killThrottle(name: string): Promise<void> {
  await throttles.get(name)?.process.kill();
  throttles.delete(name);
}

const put = (organisation: string, limits: Partial<OrganisationLimits>): Promise<OrganisationLimits> =>
  pool.unary(LimitsClient, 'put', { organisation, concurrency: 0, startsPerSecond: 0, weight: 0, revision: 0, strict: false, ...limits }, { idempotent: true });

async function authority(): Promise<AuthorityEntry | undefined> {
  const stored = await (await openBucket(bus, 'limits')).get(AUTHORITY_KEY);
  return stored?.value === undefined ? undefined : decodeAuthority(stored.value);
}

async function newOwner(name: string): Promise<Owner> {
  const owner = await startOwner({ bus, registry, logger, name, tally, stepMs: STEP_MS });
  owners.push(owner);
  return owner;
}

const leased = (owner: Owner): Promise<boolean> => eventually(() => owner.leases.state() === 'leased', { what: 'leases', timeoutMs: 15_000 });

/** Peaks of an organisation in windows of `windowMs`, `count` of them. */
async function peaks(organisation: string, windowMs: number, count: number): Promise<number[]> {
  tally.takePeak(organisation);
  const found: number[] = [];
  for (let n = 0; n < count; n++) {
    await sleep(windowMs);
    found.push(tally.takePeak(organisation));
  }
  return found;
}

describe('throttle', () => {
  test('two owners together keep a limit while it is raised and lowered live, and use it (T1)', async () => {
    await startThrottle('throttle-1');
    const [left, right] = [await newOwner('left'), await newOwner('right')];
    await Promise.all([leased(left), leased(right)]);
    expect((await put('acme', { concurrency: 8 })).revision).toBe(1);
    await eventually(() => left.permits.limited('acme') && right.permits.limited('acme'));
    left.load('acme', 50);
    right.load('acme', 50);
    await eventually(() => tally.running('acme') >= 7, { what: 'the limit in use' });
    for (const concurrency of [8, 20, 5, 12, 3]) {
      await put('acme', { concurrency });
      await sleep(1_000);
      const found = await peaks('acme', 100, 10);
      expect(Math.max(...found)).toBeLessThanOrEqual(concurrency);
      expect(Math.max(...found)).toBeGreaterThanOrEqual(concurrency - 1);
    }
    // Both have a part of it: neither starves the other.
    await put('acme', { concurrency: 10 });
    await eventually(() => left.running('acme') >= 3 && right.running('acme') >= 3, { what: 'a share for both' });
  }, 60_000);

  test('an organisation without limits runs as it likes and no lease is asked for', async () => {
    const owner = await newOwner('free');
    owner.load('unlimited', 300);
    await eventually(() => tally.done('unlimited') > 1_000);
    expect(tally.takePeak('unlimited')).toBe(300);
    expect(owner.permits.active()).toEqual([]);
    const metrics = await (await fetch(`${throttles.get('throttle-1')?.http}/metrics`)).text();
    expect(metrics).not.toContain('organisation="unlimited"');
    expect(metrics).toMatch(/millrace_throttle_granted_permits_total\{organisation="acme"[^}]*\} [1-9]/);
  });

  test('a limit that is set while the organisation runs takes effect at every owner within a second', async () => {
    const [left, right] = [await newOwner('left'), await newOwner('right')];
    await Promise.all([leased(left), leased(right)]);
    left.load('sudden', 40);
    right.load('sudden', 40);
    await eventually(() => tally.running('sudden') >= 80);
    await put('sudden', { concurrency: 4 });
    await sleep(1_000);
    expect(Math.max(...(await peaks('sudden', 100, 5)))).toBeLessThanOrEqual(4);
    await put('sudden', { concurrency: 0 });
    await eventually(() => tally.running('sudden') >= 70, { timeoutMs: 1_000, what: 'the limit lifted' });
  });

  test('limits are answered and refused in words, and the same limits again change nothing', async () => {
    const before = await put('words', { concurrency: 3, startsPerSecond: 2.5, weight: 4, strict: true });
    expect(before).toMatchObject({ organisation: 'words', concurrency: 3, startsPerSecond: 2.5, weight: 4, strict: true, revision: 1 });
    expect(await put('words', { concurrency: 3, startsPerSecond: 2.5, weight: 4, strict: true })).toEqual(before);
    expect(await pool.unary(LimitsClient, 'get', { organisation: 'words' })).toEqual(before);
    expect((await pool.unary(LimitsClient, 'list', {})).limits.map(({ organisation }) => organisation)).toContain('words');
    await expect(pool.unary(LimitsClient, 'get', { organisation: 'nobody' })).rejects.toMatchObject({ reason: 'resource-unknown' });
    await expect(put('No.Good', { concurrency: 1, weight: 10_000 })).rejects.toMatchObject({ reason: 'argument-invalid', message: expect.stringMatching(/No\.Good.*weight/) });
  });

  test('throttle killed: work goes on within the bounds; back again: the limit is kept exactly as before (T1)', async () => {
    const [left, right] = [await newOwner('left'), await newOwner('right')];
    await put('survivor', { concurrency: 5 });
    await Promise.all([leased(left), leased(right)]);
    left.load('survivor', 50);
    right.load('survivor', 50);
    await eventually(() => tally.running('survivor') >= 4);
    await killThrottle('throttle-1');

    const away = await peaks('survivor', 500, 16);
    // At most what was leased, then two owners times the limit halved and rounded up, for leases ending at other times.
    expect(Math.max(...away)).toBeLessThanOrEqual(2 * Math.ceil(5 / 2));
    const done = tally.done('survivor');
    await sleep(500);
    expect(tally.done('survivor')).toBeGreaterThan(done);
    expect(left.leases.state()).toBe('away');

    await startThrottle('throttle-1');
    await Promise.all([leased(left), leased(right)]);
    await sleep(300);
    const back = await peaks('survivor', 100, 20);
    expect(Math.max(...back)).toBeLessThanOrEqual(5);
    expect(Math.max(...back)).toBeGreaterThanOrEqual(4);
  }, 60_000);

  test('of two instances one is the authority; when it is killed the other takes over and work never stops', async () => {
    await startThrottle('throttle-2');
    const before = await authority();
    expect(before).toMatchObject({ instance: 'throttle-1', released: false });
    const [left, right] = [await newOwner('left'), await newOwner('right')];
    await put('moving', { concurrency: 6 });
    await Promise.all([leased(left), leased(right)]);
    left.load('moving', 50);
    right.load('moving', 50);
    await eventually(() => tally.running('moving') >= 5);

    await killThrottle('throttle-1');
    const stalls: number[] = [];
    let done = tally.done('moving');
    for (let n = 0; n < 16; n++) {
      await sleep(500);
      stalls.push(tally.done('moving') - done);
      done = tally.done('moving');
    }
    expect(Math.min(...stalls)).toBeGreaterThan(0);
    expect(tally.takePeak('moving')).toBeLessThanOrEqual(6);
    await Promise.all([leased(left), leased(right)]);
    expect(await authority()).toMatchObject({ instance: 'throttle-2', epoch: (before?.epoch ?? 0) + 1 });
    expect(Math.max(...(await peaks('moving', 100, 10)))).toBeLessThanOrEqual(6);

    // Any instance changes limits, not only the authority.
    await startThrottle('throttle-1');
    await put('moving', { concurrency: 2 });
    await sleep(1_000);
    expect(Math.max(...(await peaks('moving', 100, 5)))).toBeLessThanOrEqual(2);
  }, 90_000);

  test('an authority that is told to stop hands over at once', async () => {
    const owner = await newOwner('left');
    await leased(owner);
    const before = await authority();
    const name = before?.instance ?? '';
    const exit = await throttles.get(name)?.process.stop();
    throttles.delete(name);
    expect(exit).toEqual({ code: 0, signal: null });
    await eventually(async () => {
      const now = await authority();
      return now !== undefined && !now.released && now.instance !== name;
    }, { timeoutMs: 2_000, what: 'another authority' });
    await leased(owner);
    await startThrottle(name);
  }, 30_000);

  test('an authority that was stopped for longer than its term grants nothing when it continues', async () => {
    const [left, right] = [await newOwner('left'), await newOwner('right')];
    await put('frozen', { concurrency: 4 });
    await Promise.all([leased(left), leased(right)]);
    left.load('frozen', 50);
    right.load('frozen', 50);
    await eventually(() => tally.running('frozen') >= 3);
    const before = await authority();
    const frozen = throttles.get(before?.instance ?? '')?.process;
    frozen?.pause();
    await eventually(async () => (await authority())?.instance !== before?.instance, { timeoutMs: 15_000, what: 'another authority' });
    await Promise.all([leased(left), leased(right)]);
    tally.takePeak('frozen');
    frozen?.resume();
    const found = await peaks('frozen', 100, 20);
    expect(Math.max(...found)).toBeLessThanOrEqual(4);
    expect(Math.max(...found)).toBeGreaterThanOrEqual(3);
  }, 60_000);

  test('with MongoDB away leases go on and a restarted throttle knows the limits; changes are refused until it is back', async () => {
    const owner = await newOwner('left');
    await put('storeless', { concurrency: 3 });
    await leased(owner);
    await mongo.stop();
    for (const name of [...throttles.keys()]) await killThrottle(name);
    await startThrottle('throttle-1');
    expect(await pool.unary(LimitsClient, 'get', { organisation: 'storeless' }, { idempotent: true })).toMatchObject({ concurrency: 3 });
    await leased(owner);
    owner.load('storeless', 20);
    await eventually(() => tally.running('storeless') === 3);
    expect(Math.max(...(await peaks('storeless', 100, 5)))).toBe(3);
    await expect(put('storeless', { concurrency: 1 })).rejects.toMatchObject({ reason: 'store-failed' });
    mongo = await startMongod({ dataDir: `${folder.path}/mongo`, port: mongoPort });
    await eventually(() => put('storeless', { concurrency: 1 }).catch(() => false), { timeoutMs: 20_000 });
    await eventually(() => tally.running('storeless') === 1);
  }, 90_000);

  test('starts a second are kept by two owners together', async () => {
    const [left, right] = [await newOwner('left'), await newOwner('right')];
    await put('starting', { startsPerSecond: 20 });
    await Promise.all([leased(left), leased(right)]);
    await eventually(() => left.permits.limited('starting') && right.permits.limited('starting'));
    let starts = 0;
    const beganMs = performance.now();
    while (performance.now() - beganMs < 4_000) {
      for (const owner of [left, right]) while (owner.permits.tryTakeStart('starting', performance.now())) starts++;
      await sleep(10);
    }
    expect(starts).toBeLessThanOrEqual(20 * 5 + 2);
    expect(starts).toBeGreaterThan(40);
  }, 30_000);
});
