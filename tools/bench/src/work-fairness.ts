/**
 * What a noisy organisation does to others, and whether weights give the shares that they promise.
 *
 * Round 1: 49 organisations of equal weight, without limits, together offer a fifth of the capacity that was measured
 * first; alone, then beside one that offers twice the capacity. Round 2: the noisy one sends heavy payloads and
 * expressions. Round 3: three organisations with weights 1, 2 and 4 offer more than the machine carries.
 *
 * Wait is from ready to dispatched, read from the traces of executions picked at random; beside it what the clients
 * see from start to end.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { credentials } from '@grpc/grpc-js';
import { ExecutionServiceClient } from '@millrace/contracts/gateway/v1/gateway';
import type { Trace } from '@millrace/contracts/execution/v1/execution';
import type { BenchCluster } from './bench-cluster.ts';
import { chain, heavy, PAYLOAD } from './documents.ts';
import { laneCounts } from './measured-cluster.ts';
import type { OfferedFigures } from './offered-client.ts';
import { runClient } from './run-client.ts';
import { startOffering, type Offering } from './run-offered.ts';
import { quantile, round } from './statistics.ts';
import type { BenchFigures, WorkRun } from './work.ts';

const QUIET = Array.from({ length: 49 }, (_, index) => `quiet-${index + 1}`);
const NOISY = 'noisy';
const WEIGHTED = [['weight-1', 1], ['weight-2', 2], ['weight-4', 4]] as const;
/** Of the measured capacity. */
const QUIET_SHARE = 0.2;
const NOISY_SHARE = 2;
/** What a flooding client holds open at most. */
const NOISY_OPEN_MAX = 20_000;
const HEAVY_OPEN_MAX = 2_000;
const WEIGHTED_OPEN_MAX = 10_000;
const WEIGHTED_SETTLE_SECONDS = 6;
const QUIET_OPEN_MAX = 10_000;
/** Characters of text in a heavy input. */
const HEAVY_CHARACTERS = 16 * 1024;
/** Traces that are read for one figure. */
const TRACES_MAX = 400;
const SETTLE_SECONDS = 2;
/** How long the backlog of a flood may take to be worked off, in milliseconds. */
const CALM_MS_MAX = 120_000;

interface Phase {
  readonly clients: OfferedFigures;
  readonly waitP99Ms: number;
  readonly waitP50Ms: number;
  readonly traces: number;
}

export async function runFairness(run: WorkRun): Promise<BenchFigures> {
  const { bed, meter } = run;
  for (const organisation of [...QUIET, NOISY, ...WEIGHTED.map(([name]) => name)]) {
    await bed.applyResource({ kind: 'organisation', name: organisation, organisation, spec: {} });
    await bed.apply(chain(10), organisation);
    await bed.apply(chain(1), organisation);
  }
  await bed.apply(heavy(), NOISY);
  for (const [organisation, weight] of WEIGHTED) await bed.applyResource({ kind: 'limits', name: 'default', organisation, spec: { weight } });
  const capacity = await measureCapacity(run);
  process.stderr.write(`  capacity ${Math.round(capacity)} executions/s\n`);
  await meter.begin();
  const light = await noisyRound(run, capacity, { workflow: 'chain-10', inputJson: JSON.stringify(PAYLOAD), openMax: NOISY_OPEN_MAX }, 'noisy');
  const weighty = await noisyRound(run, capacity, { workflow: 'heavy', inputJson: JSON.stringify({ a: 0, text: 'y'.repeat(HEAVY_CHARACTERS) }), openMax: HEAVY_OPEN_MAX }, 'heavy');
  const shares = await weightedShares(run, capacity);
  await meter.stop();
  return {
    executionsPerSecond: [capacity],
    stepsPerSecond: [capacity * 10],
    latencyMs: { p50: light.loaded.clients.p50Ms, p99: light.loaded.clients.p99Ms },
    payloadBytes: JSON.stringify(PAYLOAD).length,
    own: {
      capacityExecutionsPerSecond: round(capacity),
      ...figuresOf(light),
      withHeavyNeighbour: figuresOf(weighty),
      ...shares,
      note: 'latencyMs is from start to end of the 49 beside the noisy one; executionsPerSecond and stepsPerSecond are the measured capacity',
    },
  };
}

async function measureCapacity({ bed, options, endings }: WorkRun): Promise<number> {
  const load = { kind: 'one', workflow: 'chain-10', organisation: NOISY, inputJson: JSON.stringify(PAYLOAD), steps: 10 } as const;
  const { rounds } = await runClient({ address: bed.cluster.addresses.gatewayGrpc, key: bed.key, load, inFlight: options.inFlight, warmUpSeconds: 5, seconds: options.seconds, rounds: 1 }, { endings, label: 'capacity' });
  const [only] = rounds;
  if (only === undefined || only.executions === 0) throw new Error('no execution ended while the capacity was measured');
  return only.executions / only.seconds;
}

async function noisyRound(run: WorkRun, capacity: number, noise: { readonly workflow: string; readonly inputJson: string; readonly openMax: number }, label: string): Promise<{ readonly quiet: Phase; readonly loaded: Phase; readonly noisy: OfferedFigures }> {
  const { bed, options, endings } = run;
  const common = { address: bed.cluster.addresses.gatewayGrpc, key: bed.key };
  const others = await startOffering({ ...common, organisations: QUIET, workflow: 'chain-10', inputJson: JSON.stringify(PAYLOAD), perSecond: QUIET_SHARE * capacity, openMax: QUIET_OPEN_MAX }, endings);
  const quiet = await phaseOf(bed, others, options.seconds, `${label}: 49 alone`);
  const flood = await startOffering({ ...common, organisations: [NOISY], workflow: noise.workflow, inputJson: noise.inputJson, perSecond: NOISY_SHARE * capacity, openMax: noise.openMax }, endings);
  await delay(SETTLE_SECONDS * 1000);
  await flood.mark();
  let noisy: OfferedFigures | undefined;
  const loaded = await phaseOf(bed, others, options.seconds, `${label}: 49 beside a flood`, async () => {
    noisy = await flood.mark();
    await flood.stop();
  });
  await others.stop();
  await untilCalm(bed);
  if (noisy === undefined) throw new Error('the flood has no figures');
  return { quiet, loaded, noisy };
}

/** Figures of so many seconds, after some in which the change is over. */
async function phaseOf(bed: BenchCluster, clients: Offering, seconds: number, label: string, after?: () => Promise<void>): Promise<Phase> {
  await delay(SETTLE_SECONDS * 1000);
  await clients.mark();
  const { steps: stepsBefore } = await laneCounts(bed.cluster);
  await delay(seconds * 1000);
  const figures = await clients.mark();
  const { steps } = await laneCounts(bed.cluster);
  await after?.();
  const waits = await queueTimes(bed, figures);
  const phase = { clients: figures, waitP99Ms: quantile(waits, 0.99), waitP50Ms: quantile(waits, 0.5), traces: waits.length };
  process.stderr.write(`  ${label}: all together ${Math.round((steps - stepsBefore) / figures.seconds)} steps/s; ${Math.round(figures.sent / figures.seconds)} sent/s, ${Math.round(figures.completed / figures.seconds)} done/s, p99 ${figures.p99Ms.toFixed(1)} ms, wait p99 ${phase.waitP99Ms} ms${figures.failed > 0 ? `, ${figures.failed} FAILED (${figures.firstFailure})` : ''}\n`);
  return phase;
}

/** From ready to dispatched, of every step of the sampled executions, in ms, sorted. */
async function queueTimes(bed: BenchCluster, { samples }: OfferedFigures): Promise<readonly number[]> {
  const client = new ExecutionServiceClient(bed.cluster.addresses.gatewayGrpc, credentials.createInsecure());
  const every = Math.max(1, Math.ceil(samples.length / TRACES_MAX));
  const waits: number[] = [];
  try {
    for (const { organisation, execution } of samples.filter((_, index) => index % every === 0)) {
      const trace = await new Promise<Trace | undefined>((settle) => client.getTrace({ execution }, bed.metadata(organisation), (error, found) => settle(error === null ? found : undefined)));
      for (const { name, startedAtMs, endedAtMs } of trace?.spans ?? []) if (name === 'queue' && endedAtMs > 0) waits.push(endedAtMs - startedAtMs);
    }
  } finally {
    client.close();
  }
  return waits.sort((a, b) => a - b);
}

/**
 * Three clients that keep more open than may be under way at once, so that the queue decides. One step an execution:
 * what ends in a while is then what the queue has served in it.
 */
async function weightedShares({ bed, options, endings }: WorkRun, capacity: number): Promise<Readonly<Record<string, unknown>>> {
  const clients = await Promise.all(
    WEIGHTED.map(([organisation]) => startOffering({ address: bed.cluster.addresses.gatewayGrpc, key: bed.key, organisations: [organisation], workflow: 'chain-1', inputJson: JSON.stringify(PAYLOAD), perSecond: 10 * capacity, openMax: WEIGHTED_OPEN_MAX }, endings)),
  );
  await delay(WEIGHTED_SETTLE_SECONDS * 1000);
  await Promise.all(clients.map((client) => client.mark()));
  await delay(options.seconds * 1000);
  const figures = await Promise.all(clients.map((client) => client.mark()));
  await Promise.all(clients.map((client) => client.stop()));
  const done = figures.map(({ completed }) => completed);
  const all = Math.max(1, done.reduce((sum, each) => sum + each, 0));
  const weights = WEIGHTED.reduce((sum, [, weight]) => sum + weight, 0);
  const errors = WEIGHTED.map(([, weight], index) => Math.abs((done[index] ?? 0) / all / (weight / weights) - 1) * 100);
  process.stderr.write(`  weights 1:2:4 got ${done.join(' : ')}\n`);
  return { weightedShares: Object.fromEntries(WEIGHTED.map(([name], index) => [name, round((done[index] ?? 0) / all, 4)])), weightedShareErrorPercent: round(Math.max(...errors), 1) };
}

async function untilCalm(bed: BenchCluster): Promise<void> {
  for (const until = performance.now() + CALM_MS_MAX; performance.now() < until; await delay(250)) {
    if ((await laneCounts(bed.cluster)).executions === 0) return;
  }
}

function figuresOf({ quiet, loaded, noisy: flood }: { readonly quiet: Phase; readonly loaded: Phase; readonly noisy: OfferedFigures }): Readonly<Record<string, unknown>> {
  return {
    othersWaitMs: { quietP99: round(quiet.waitP99Ms), loadedP99: round(loaded.waitP99Ms), quietP50: round(quiet.waitP50Ms), loadedP50: round(loaded.waitP50Ms), stepsLookedAt: { quiet: quiet.traces, loaded: loaded.traces } },
    othersLatencyMs: { quietP50: round(quiet.clients.p50Ms), quietP99: round(quiet.clients.p99Ms), loadedP50: round(loaded.clients.p50Ms), loadedP99: round(loaded.clients.p99Ms) },
    othersThroughputRatio: round(loaded.clients.completed / Math.max(1, loaded.clients.sent), 4),
    othersFailed: quiet.clients.failed + loaded.clients.failed,
    noisy: { offeredPerSecond: round(flood.offered / flood.seconds), sentPerSecond: round(flood.sent / flood.seconds), completedPerSecond: round(flood.completed / flood.seconds), p99Ms: round(flood.p99Ms) },
  };
}
