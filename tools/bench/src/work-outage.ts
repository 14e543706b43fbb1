/**
 * Each of four things away in turn, under load: MongoDB, the throttle, the notification service, the gateway.
 *
 * The first three while a client keeps executions in flight through the gateway; the gateway while senders call a
 * webhook that replies with the end, since they need no gateway. Three equal times for each: before, away (killed),
 * and after it has come back.
 */
import { hooked, chain, PAYLOAD } from './documents.ts';
import { laneCounts } from './measured-cluster.ts';
import { runClient } from './run-client.ts';
import { round } from './statistics.ts';
import { applyHook, fire } from './work-webhook.ts';
import type { BenchFigures, WorkRun } from './work.ts';

const AWAY = ['mongodb', 'throttle', 'notification'] as const;
type Away = (typeof AWAY)[number] | 'gateway';
const READY_MS = 60_000;
/** Webhooks under way. */
const SENDERS = 50;

interface Phase {
  readonly stepsPerSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly failed: number;
  readonly firstFailure: string;
}

interface Outage {
  readonly before: Phase;
  readonly away: Phase;
  readonly after: Phase;
}

export async function runOutage(run: WorkRun): Promise<BenchFigures> {
  const { bed, meter } = run;
  await bed.apply(chain(10));
  await bed.apply(hooked(10));
  await applyHook(bed, 'replying', 'output');
  await meter.begin();
  const phases = await throughGateway(run);
  const outages = new Map<Away, Outage>(AWAY.map((name, index) => [name, outageOf(phases.slice(3 * index, 3 * index + 3))]));
  outages.set('gateway', outageOf(await withoutGateway(run)));
  await meter.stop();
  const befores = [...outages.values()].map(({ before }) => before);
  const middle = [...befores].sort((a, b) => a.stepsPerSecond - b.stepsPerSecond)[befores.length >> 1];
  return {
    stepsPerSecond: befores.map((each) => each.stepsPerSecond),
    executionsPerSecond: befores.map((each) => each.stepsPerSecond / 10),
    latencyMs: { p50: middle?.p50Ms ?? 0, p99: middle?.p99Ms ?? 0 },
    payloadBytes: JSON.stringify(PAYLOAD).length,
    own: {
      awaySeconds: run.options.awaySeconds,
      awayToBefore: Object.fromEntries([...outages].map(([name, { before, away }]) => [name, round(away.stepsPerSecond / Math.max(1, before.stepsPerSecond), 3)])),
      outages: Object.fromEntries([...outages].map(([name, { before, away, after }]) => [name, { before: rounded(before), away: rounded(away), after: rounded(after) }])),
      note: 'stepsPerSecond and latencyMs are those before each outage; the gateway\'s are under webhooks with a reply, the others under the gateway\'s stream',
    },
  };
}

async function throughGateway({ bed, options, endings }: WorkRun): Promise<readonly Phase[]> {
  const load = { kind: 'one', workflow: 'chain-10', organisation: '', inputJson: JSON.stringify(PAYLOAD), steps: 10 } as const;
  const { rounds, left } = await runClient(
    { address: bed.cluster.addresses.gatewayGrpc, key: bed.key, load, inFlight: options.inFlight, warmUpSeconds: 5, seconds: options.awaySeconds, rounds: 3 * AWAY.length },
    {
      endings,
      label: 'phase',
      async before(number) {
        const name = AWAY[Math.floor(number / 3)] as Away;
        process.stderr.write(`  ${name}: ${['before', 'away', 'back'][number % 3]}\n`);
        if (number % 3 === 1) await takeAway(bed, name);
        if (number % 3 === 2) await bringBack(bed, name);
      },
    },
  );
  if (left > 0) process.stderr.write(`  ${left} executions did not end\n`);
  return rounds.map(({ steps, seconds, p50Ms, p99Ms, failed, firstFailure }) => ({ stepsPerSecond: steps / seconds, p50Ms, p99Ms, failed, firstFailure }));
}

async function withoutGateway({ bed, options }: WorkRun): Promise<readonly Phase[]> {
  const phases: Phase[] = [];
  for (const number of [0, 1, 2]) {
    process.stderr.write(`  gateway: ${['before', 'away', 'back'][number]}\n`);
    if (number === 1) await takeAway(bed, 'gateway');
    if (number === 2) await bringBack(bed, 'gateway');
    const before = await laneCounts(bed.cluster);
    const since = performance.now();
    const fired = await fire(`${bed.cluster.addresses.triggerHttp}/v1/hooks/default/replying`, SENDERS, options.awaySeconds, 200, true);
    const seconds = (performance.now() - since) / 1000;
    const steps = (await laneCounts(bed.cluster)).steps - before.steps;
    const phase = { stepsPerSecond: steps / seconds, p50Ms: fired.p50, p99Ms: fired.p99, failed: fired.failed, firstFailure: fired.firstFailure };
    process.stderr.write(`  phase: ${Math.round(phase.stepsPerSecond)} steps/s, p50 ${phase.p50Ms.toFixed(1)} ms, p99 ${phase.p99Ms.toFixed(1)} ms${phase.failed > 0 ? `, ${phase.failed} FAILED (${phase.firstFailure})` : ''}\n`);
    phases.push(phase);
  }
  return phases;
}

async function takeAway({ cluster }: WorkRun['bed'], name: Away): Promise<void> {
  if (name !== 'mongodb') await Promise.all(cluster.of(name).map((each) => each.kill()));
  else if (cluster.servers.mongo.process === undefined) throw new Error('outage needs a mongod of the bench\'s own: unset MILLRACE_MONGODB_URL');
  else await cluster.servers.mongo.process.kill();
}

async function bringBack({ cluster }: WorkRun['bed'], name: Away): Promise<void> {
  if (name === 'mongodb') return cluster.servers.mongo.process?.restart();
  for (const each of cluster.of(name)) {
    each.start();
    await each.ready(READY_MS);
  }
}

function outageOf(phases: readonly Phase[]): Outage {
  const [before, away, after] = phases;
  if (before === undefined || away === undefined || after === undefined) throw new Error('the client ended before the outages were over');
  return { before, away, after };
}

function rounded({ stepsPerSecond, p50Ms, p99Ms, failed, firstFailure }: Phase): Readonly<Record<string, unknown>> {
  return { stepsPerSecond: round(stepsPerSecond), p50Ms: round(p50Ms), p99Ms: round(p99Ms), failed, ...(firstFailure === '' ? {} : { firstFailure }) };
}
