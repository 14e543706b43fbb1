import { BUCKETS, connectBus, joinRegistry, openBucket, watchRegistry, type Bucket, type Bus } from '@millrace/bus';
import { startNats, type NatsServer } from '@millrace/servers';
import { eventually, temporaryFolder, type TemporaryFolder } from '@millrace/testkit';
import { logger, openBench, type Bench } from '../testing/lane-bench.ts';
import { systemClock } from '@millrace/clock';
import { createLanes, keepLanes, type Claim, type LaneKeeper, type Lanes } from '@millrace/lane';

const LANES = 4;

interface Keeper {
  readonly lanes: Lanes;
  readonly keeper: LaneKeeper;
  /** Lane and epoch of every taking. */
  readonly takings: string[];
  leave(): Promise<void>;
}

let folder: TemporaryFolder;
let nats: NatsServer;
let bench: Bench;
let keepers: Keeper[];

beforeEach(async () => {
  folder = await temporaryFolder('lane-keeper');
  nats = await startNats({ dataDir: folder.path });
  bench = await openBench(nats.url);
  keepers = [];
}, 30_000);

afterEach(async () => {
  await Promise.all(keepers.map((each) => each.leave()));
  await bench.close();
  await nats.stop();
  await folder.remove();
}, 30_000);

interface Faults {
  /** Which takings reject. */
  readonly fails?: (lane: number) => boolean;
  /** Has run before a taking is known. */
  readonly taken?: (lane: number, epoch: number) => Promise<void>;
  /** What stands between the keeper and its claims. */
  readonly around?: (bucket: Bucket) => Bucket;
}

/** A keeper with a bus, a place in the registry and lanes of its own. */
async function keeperOf(instance: string, { fails = () => false, taken = () => Promise.resolve(), around = (bucket) => bucket }: Faults = {}): Promise<Keeper> {
  const bus: Bus = await connectBus({ url: nats.url, name: instance, logger });
  const registration = await joinRegistry(bus, { service: 'orchestrator', instance, version: '0.1.0', addresses: { grpc: `${instance}:1` } });
  const registry = await watchRegistry(bus);
  const lanes = createLanes();
  const takings: string[] = [];
  const keeper = await keepLanes({
    bucket: around(await openBucket(bus, BUCKETS.lanes)),
    clock: systemClock,
    registry,
    registration,
    instance,
    address: `${instance}:1`,
    lanes,
    initialLanes: LANES,
    logger,
    async take(lane, epoch) {
      takings.push(`${lane}/${epoch}`);
      if (fails(lane)) throw new Error('this one cannot be taken here');
      const running = await bench.take(lane, epoch, []);
      await taken(lane, epoch);
      return running;
    },
    released: () => undefined,
  });
  let left = false;
  const made: Keeper = {
    lanes,
    keeper,
    takings,
    async leave() {
      if (left) return;
      left = true;
      await keeper.close();
      await registration.leave();
      registry.close();
      await bus.close();
    },
  };
  keepers.push(made);
  return made;
}

const numbers = ({ lanes }: Keeper): readonly number[] => lanes.all().map(({ number }) => number).toSorted();
const all = (): readonly number[] => keepers.flatMap(numbers).toSorted();

test('one process takes every lane, a second one gets half of them, and those of one that leaves come back', async () => {
  const first = await keeperOf('one');
  await eventually(() => numbers(first).length === LANES && first.keeper.settled());
  const second = await keeperOf('two');
  await eventually(() => numbers(first).length === 2 && numbers(second).length === 2 && second.keeper.settled(), { timeoutMs: 15_000 });
  expect(all()).toEqual([0, 1, 2, 3]);
  await second.leave();
  await eventually(() => numbers(first).length === LANES, { timeoutMs: 2_000 });
  // Every taking was made under an epoch of its own.
  const takings = [...first.takings, ...second.takings];
  expect(new Set(takings).size).toBe(takings.length);
}, 40_000);

test('a lane that one process cannot take holds up no other, and another process takes it', async () => {
  const first = await keeperOf('one', { fails: (lane) => lane === 0 });
  await eventually(() => numbers(first).length === 3);
  expect(first.keeper.settled()).toBe(false);
  await keeperOf('two');
  await eventually(() => all().length === LANES && keepers.every(({ keeper }) => keeper.settled()), { timeoutMs: 15_000 });
  expect(numbers(first)).not.toContain(0);
}, 40_000);

test('when the claims are lost the log\'s epoch is learnt, and the lane taken above it', async () => {
  const lane = await bench.take(0, 41, []);
  await lane.stop();
  const only = await keeperOf('one');
  await eventually(() => numbers(only).length === LANES, { timeoutMs: 10_000 });
  const claim = await (await openBucket(bench.bus, BUCKETS.lanes)).getJson('claim.0');
  expect(claim?.value as Claim).toMatchObject({ owner: 'one', epoch: 42, address: 'one:1' });
  expect(only.takings.filter((each) => each.startsWith('0/'))).toEqual(['0/1', '0/42']);
}, 40_000);

test('a lane that somebody else has claimed while it was being taken does not stay here', async () => {
  const bucket = await openBucket(bench.bus, BUCKETS.lanes);
  const seen = new Set<string>();
  await bucket.watch(({ key, value }) => void seen.add(`${key} ${Buffer.from(value ?? []).toString()}`));
  const only = await keeperOf('one', { taken: async (lane, epoch) => {
    if (lane !== 0 || epoch !== 1) return;
    const stored = await bucket.get('claim.0');
    const claim: Claim = { lane, owner: 'gone', incarnation: 'gone#1', epoch: 2, address: 'gone:1' };
    await bucket.update('claim.0', Buffer.from(JSON.stringify(claim)), stored?.revision ?? 0);
    await eventually(() => [...seen].some((each) => each.startsWith('claim.0 ') && each.includes('gone')));
    // By now the keeper's own watch has it as well, or has it in a moment.
    await bucket.get('table');
  } });
  // The lane of the first claim is ended, though nothing was ever written to it; nobody has the second, so it comes back.
  await eventually(() => only.lanes.get(0)?.epoch === 3, { timeoutMs: 10_000 });
  expect(only.takings.filter((each) => each.startsWith('0/'))).toEqual(['0/1', '0/3']);
}, 40_000);

/** The bucket of one who never hears that a claim was written. */
function unanswered(bucket: Bucket): Bucket {
  const lost = async (key: string, write: Promise<number>): Promise<number> => {
    const revision = await write;
    if (key.startsWith('claim.')) throw new Error('no answer came');
    return revision;
  };
  return { ...bucket, create: (key, value) => lost(key, bucket.create(key, value)), update: (key, value, revision) => lost(key, bucket.update(key, value, revision)) };
}

test('a claim that was written but not answered is taken under that very claim', async () => {
  const only = await keeperOf('one', { around: unanswered });
  await eventually(() => numbers(only).length === LANES && only.keeper.settled());
  expect(only.takings.toSorted()).toEqual(['0/1', '1/1', '2/1', '3/1']);
}, 40_000);

test('a claim that lands long after it was given up is left free by one that has its share, and another takes it', async () => {
  const first = await keeperOf('one');
  const second = await keeperOf('two');
  await eventually(() => numbers(first).length === 2 && numbers(second).length === 2 && second.keeper.settled(), { timeoutMs: 15_000 });
  const bucket = await openBucket(bench.bus, BUCKETS.lanes);
  const [ours, theirs] = [numbers(first)[0] ?? -1, numbers(second)[0] ?? -1];
  const [held, late] = await Promise.all([bucket.getJson(`claim.${ours}`), bucket.getJson(`claim.${theirs}`)]);
  const epoch = (late?.value as Claim).epoch + 1;
  await bucket.update(`claim.${theirs}`, Buffer.from(JSON.stringify({ ...(held?.value as Claim), lane: theirs, epoch })), late?.revision ?? 0);
  // Nobody takes what a living process has claimed: it is for that process to say that it does not have it.
  await eventually(() => second.lanes.get(theirs)?.epoch === epoch + 1, { timeoutMs: 10_000 });
  expect(numbers(first)).toHaveLength(2);
}, 40_000);
