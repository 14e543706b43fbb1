/** Elections over a real NATS, some of them behind links that break. */
import { BUCKETS, connectBus, openBucket, type Bucket, type Bus } from '@millrace/bus';
import { systemClock } from '@millrace/clock';
import { AUTHORITY_KEY, createElection, decodeAuthority, TERM_MARGIN_MS, TERM_MS, type Election } from '@millrace/lease';
import { startNats, type NatsServer } from '@millrace/servers';
import { createLogger } from '@millrace/telemetry';
import { eventually, startTcpProxy, temporaryFolder, type TcpProxy, type TemporaryFolder } from '@millrace/testkit';
import { setTimeout as sleep } from 'node:timers/promises';

const logger = createLogger({ service: 'test', instance: 'test-1', level: 'silent', destination: { write: () => undefined } });

let folder: TemporaryFolder;
let nats: NatsServer;

interface Runner {
  readonly name: string;
  readonly election: Election;
  readonly bus: Bus;
  readonly proxy: TcpProxy;
  /** `elected` and `deposed`, in order; elected with whether there was a predecessor. */
  readonly events: string[];
  close(): Promise<void>;
}
const runners: Runner[] = [];

async function run(name: string): Promise<Runner> {
  const proxy = await startTcpProxy({ targetPort: Number(new URL(nats.url).port) });
  const bus = await connectBus({ url: `nats://${proxy.host}:${proxy.port}`, name, logger });
  const bucket = await openBucket(bus, BUCKETS.limits);
  const events: string[] = [];
  const election = createElection({
    bucket, logger,
    clock: systemClock,
    candidate: () => ({ instance: name, incarnation: name, address: `${name}:1` }),
    onElected: (predecessor) => void events.push(predecessor ? 'elected after another' : 'elected'),
    onDeposed: () => void events.push('deposed'),
  });
  const watch = await bucket.watch(({ key, value, revision }) => {
    if (key === AUTHORITY_KEY) election.take(value, revision);
  });
  election.start(() => watch.isFresh());
  const runner: Runner = {
    name, election, bus, proxy, events,
    async close() {
      proxy.restore();
      await election.close();
      watch.stop();
      await bus.close();
      await proxy.close();
    },
  };
  runners.push(runner);
  return runner;
}

beforeEach(async () => {
  folder = await temporaryFolder('election');
  nats = await startNats({ dataDir: folder.path });
});

afterEach(async () => {
  await Promise.all(runners.splice(0).map((runner) => runner.close()));
  await nats.stop();
  await folder.remove();
});

const leaders = (): string[] => runners.filter(({ election }) => election.leading()).map(({ name }) => name);

async function entry(bus: Bus): Promise<ReturnType<typeof decodeAuthority>> {
  const bucket: Bucket = await openBucket(bus, BUCKETS.limits);
  const stored = await bucket.get(AUTHORITY_KEY);
  return stored?.value === undefined ? undefined : decodeAuthority(stored.value);
}

/** Looks every few milliseconds for so long; answers the most leaders there were at once. */
async function mostLeaders(ms: number): Promise<number> {
  let most = 0;
  for (const endMs = performance.now() + ms; performance.now() < endMs; await sleep(5)) most = Math.max(most, leaders().length);
  return most;
}

describe('election', () => {
  test('of three that begin together one is elected, without a predecessor, and stays', async () => {
    await Promise.all([run('a'), run('b'), run('c')]);
    await eventually(() => leaders().length === 1);
    const [leader] = leaders();
    expect(await mostLeaders(2 * TERM_MS)).toBe(1);
    expect(leaders()).toEqual([leader]);
    expect(runners.flatMap(({ events }) => events)).toEqual(['elected']);
    for (const { election } of runners) expect(election.holder()?.instance).toBe(leader);
  });

  test('a leader cut off from NATS steps down before another is elected (N2)', async () => {
    const first = await run('a');
    await eventually(() => first.election.leading());
    const second = await run('b');
    first.proxy.cut();
    const most = mostLeaders(TERM_MS + TERM_MARGIN_MS + 2_000);
    await eventually(() => second.election.leading(), { timeoutMs: TERM_MS + TERM_MARGIN_MS + 2_000 });
    expect(first.events).toEqual(['elected', 'deposed']);
    expect(second.events).toEqual(['elected after another']);
    expect(await most).toBe(1);
    expect((await entry(second.bus))?.epoch).toBe(2);

    first.proxy.restore();
    expect(await mostLeaders(TERM_MS)).toBe(1);
    expect(leaders()).toEqual(['b']);
  });

  test('a link that swallows deposes the leader as well, and one that is slow does not (N2)', async () => {
    const first = await run('a');
    await eventually(() => first.election.leading());
    first.proxy.delay(150);
    expect(await mostLeaders(2 * TERM_MS)).toBe(1);
    expect(first.events).toEqual(['elected']);
    first.proxy.delay(0);
    await run('b');
    first.proxy.hold();
    expect(await mostLeaders(TERM_MS + TERM_MARGIN_MS + 2_000)).toBe(1);
    await eventually(() => leaders().includes('b'));
    expect(first.events).toEqual(['elected', 'deposed']);
  });

  test('whoever gives the seat up is followed at once', async () => {
    const first = await run('a');
    await eventually(() => first.election.leading());
    const second = await run('b');
    await first.election.close();
    expect(first.events).toEqual(['elected', 'deposed']);
    await eventually(() => second.election.leading(), { timeoutMs: TERM_MS - 500 });
    expect(second.events).toEqual(['elected after another']);
  });

  test('while NATS is away nobody leads; when it is back somebody does', async () => {
    await Promise.all([run('a'), run('b')]);
    await eventually(() => leaders().length === 1);
    for (const { proxy } of runners) proxy.cut();
    await eventually(() => leaders().length === 0, { timeoutMs: TERM_MS + 500 });
    for (const { proxy } of runners) proxy.restore();
    await eventually(() => leaders().length === 1, { timeoutMs: 15_000 });
    expect(await mostLeaders(1_000)).toBe(1);
  });
});
