/**
 * MongoDB away for long, under a steady rate of steps: executions go on, the lanes' logs grow within their budget, memory
 * does not grow with them, and all of it comes to history afterwards without a stall of what runs.
 *
 * Open loop: so many executions of ten steps are started a second, whatever becomes of them. Refused ones are counted
 * with their reason; a start that is refused is not sent again.
 */
import { credentials, type ClientDuplexStream } from '@grpc/grpc-js';
import { MongoClient } from 'mongodb';
import { setTimeout as delay } from 'node:timers/promises';
import { ExecutionServiceClient, type StartExecutionsRequest, type StartExecutionsResponse } from '@millrace/contracts/gateway/v1/gateway';
import type { BenchCluster } from './bench-cluster.ts';
import { chain, PAYLOAD } from './documents.ts';
import { readMetrics } from './measured-cluster.ts';
import { usageOf } from './process-usage.ts';
import { quantile, round } from './statistics.ts';
import type { BenchFigures, WorkRun } from './work.ts';

const STEPS = 10;
/** Starts are sent so often, in milliseconds. */
const TICK_MS = 50;
/** Before MongoDB goes, and once everything is in history. */
const QUIET_MS = 30_000;
const SAMPLE_MS = 10_000;
/** How long catching up may take, in milliseconds. */
const CATCH_UP_MS_MAX = 3_600_000;
const PAYLOAD_TEXT = JSON.stringify(PAYLOAD);

interface Sample {
  readonly atSeconds: number;
  readonly phase: string;
  readonly residentMiB: number;
  readonly logMiB: number;
  readonly waitingMiB: number;
  readonly backlog: number;
  readonly stepsPerSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly maxMs: number;
  readonly refused: number;
}

export async function runLongOutage({ bed, meter, options, endings }: WorkRun): Promise<BenchFigures> {
  await bed.apply(chain(STEPS));
  await meter.begin();
  const load = startLoad(bed, options.rate / STEPS);
  endings.add(() => load.stop());
  const began = performance.now();
  const samples: Sample[] = [];
  let phase = 'before';
  const sample = async (): Promise<void> => {
    const each = { atSeconds: Math.round((performance.now() - began) / 1_000), phase, ...(await stateOf(bed)), ...load.take() };
    samples.push(each);
    process.stderr.write(`  ${String(each.atSeconds).padStart(5)} s ${phase.padEnd(8)} ${Math.round(each.stepsPerSecond)} steps/s, p50 ${each.p50Ms.toFixed(1)} p99 ${each.p99Ms.toFixed(1)} max ${Math.round(each.maxMs)} ms, ${each.residentMiB} MiB resident, log ${each.logMiB} MiB, waiting ${each.waitingMiB} MiB, backlog ${each.backlog}${each.refused > 0 ? `, ${each.refused} refused` : ''}\n`);
  };
  const during = async (name: string, holds: () => boolean): Promise<void> => {
    phase = name;
    while (holds()) {
      await delay(SAMPLE_MS);
      await sample();
    }
  };
  const lasting = (ms: number): (() => boolean) => {
    const until = performance.now() + ms;
    return () => performance.now() < until;
  };
  await during('before', lasting(QUIET_MS));
  const mongo = bed.cluster.servers.mongo.process;
  if (mongo === undefined) throw new Error('long-outage needs a mongod of the bench\'s own: unset MILLRACE_MONGODB_URL');
  await mongo.kill();
  await during('away', lasting(options.mongoMinutes * 60_000));
  await mongo.restart();
  const backAt = performance.now();
  await during('catch-up', () => {
    const last = samples.at(-1);
    return (last?.phase !== 'catch-up' || last.backlog > 0 || last.waitingMiB > 1) && performance.now() - backAt < CATCH_UP_MS_MAX;
  });
  const caughtUpMs = performance.now() - backAt;
  await during('after', lasting(QUIET_MS));
  const outcome = await load.finish();
  const kept = await historyOf(bed, outcome.ended);
  const of = (name: string): readonly Sample[] => samples.filter((each) => each.phase === name);
  const before = of('before').at(-1);
  return {
    stepsPerSecond: of('away').map((each) => each.stepsPerSecond),
    executionsPerSecond: of('away').map((each) => each.stepsPerSecond / STEPS),
    latencyMs: { p50: before?.p50Ms ?? 0, p99: before?.p99Ms ?? 0 },
    payloadBytes: PAYLOAD_TEXT.length,
    own: {
      mongoMinutes: options.mongoMinutes,
      rate: options.rate,
      started: outcome.started,
      ended: outcome.ended,
      refused: outcome.refused,
      reasons: outcome.reasons,
      inHistory: kept,
      caughtUpSeconds: round(caughtUpMs / 1_000),
      residentMiB: { before: before?.residentMiB, mostWhileAway: most(of('away'), 'residentMiB'), mostInCatchUp: most(of('catch-up'), 'residentMiB'), after: of('after').at(-1)?.residentMiB },
      logMiB: { before: before?.logMiB, mostWhileAway: most(of('away'), 'logMiB'), after: of('after').at(-1)?.logMiB },
      p99Ms: { before: most(of('before'), 'p99Ms'), away: most(of('away'), 'p99Ms'), catchUp: most(of('catch-up'), 'p99Ms'), after: most(of('after'), 'p99Ms') },
      samples: samples.filter((_, index) => index % Math.ceil(samples.length / 60) === 0),
      note: 'latencyMs is that before MongoDB went; p99Ms are the worst of ten seconds in each phase',
    },
  };
}

function most(samples: readonly Sample[], field: 'residentMiB' | 'logMiB' | 'p99Ms'): number {
  return round(Math.max(0, ...samples.map((each) => each[field])));
}

interface Load {
  /** What ended since the last call. */
  take(): Pick<Sample, 'stepsPerSecond' | 'p50Ms' | 'p99Ms' | 'maxMs' | 'refused'>;
  stop(): Promise<void>;
  /** Starts nothing more, waits for what runs. */
  finish(): Promise<{ readonly started: number; readonly ended: number; readonly refused: number; readonly reasons: Readonly<Record<string, number>> }>;
}

function startLoad(bed: BenchCluster, perSecond: number): Load {
  const client = new ExecutionServiceClient(bed.cluster.addresses.gatewayGrpc, credentials.createInsecure());
  const stream: ClientDuplexStream<StartExecutionsRequest, StartExecutionsResponse> = client.startExecutions(bed.metadata());
  const open = new Map<number, number>();
  const reasons: Record<string, number> = {};
  let [started, ended, refused, refusedBefore] = [0, 0, 0, 0];
  let latencies: number[] = [];
  let takenAt = performance.now();
  const since = performance.now();
  stream.on('error', () => undefined);
  stream.on('data', ({ answers }: StartExecutionsResponse) => {
    const now = performance.now();
    for (const { number, status, reason } of answers) {
      const at = open.get(number);
      if (at === undefined || status === 'pending') continue;
      open.delete(number);
      if (status === 'completed') {
        ended++;
        latencies.push(now - at);
      } else {
        refused++;
        const named = status === 'refused' ? reason : status;
        reasons[named] = (reasons[named] ?? 0) + 1;
      }
    }
  });
  const timer = setInterval(() => {
    const due = Math.floor(((performance.now() - since) * perSecond) / 1_000) - started;
    if (due <= 0) return;
    const now = performance.now();
    const starts = Array.from({ length: due }, (_, index) => ({ number: started + index + 1, workflow: `chain-${STEPS}`, inputJson: PAYLOAD_TEXT, idempotencyKey: '', wait: true, acknowledge: false, organisation: '', traceparent: '' }));
    for (const { number } of starts) open.set(number, now);
    started += due;
    stream.write({ starts });
  }, TICK_MS);
  const stop = async (): Promise<void> => {
    clearInterval(timer);
    stream.end();
    client.close();
  };
  return {
    take() {
      const sorted = Float64Array.from(latencies).sort();
      const seconds = (performance.now() - takenAt) / 1_000;
      const taken = { stepsPerSecond: (sorted.length * STEPS) / seconds, p50Ms: quantile(sorted, 0.5), p99Ms: quantile(sorted, 0.99), maxMs: sorted.at(-1) ?? 0, refused: refused - refusedBefore };
      latencies = [];
      takenAt = performance.now();
      refusedBefore = refused;
      return taken;
    },
    stop,
    async finish() {
      clearInterval(timer);
      const until = performance.now() + 60_000;
      while (open.size > 0 && performance.now() < until) await delay(100);
      await stop();
      return { started, ended, refused, reasons };
    },
  };
}

/** Executions that history has, once it has as many as ended, or no more come. */
async function historyOf(bed: BenchCluster, ended: number): Promise<number> {
  const client = new MongoClient(bed.cluster.servers.mongo.url);
  try {
    const history = client.db('millrace_orchestrator').collection('history');
    let count = 0;
    for (let tries = 0; tries < 60; tries++) {
      count = await history.countDocuments({});
      if (count >= ended) break;
      await delay(1_000);
    }
    return count;
  } finally {
    await client.close();
  }
}

async function stateOf(bed: BenchCluster): Promise<Pick<Sample, 'residentMiB' | 'logMiB' | 'waitingMiB' | 'backlog'>> {
  let [resident, waiting, backlog] = [0, 0, 0];
  for (const { pid, addresses } of bed.cluster.of('orchestrator')) {
    resident += pid === undefined ? 0 : (usageOf(pid)?.residentMiB ?? 0);
    const metrics = await readMetrics(addresses.http);
    waiting += metrics('millrace_history_waiting_characters');
    backlog += metrics('millrace_lane_backlog_count');
  }
  return { residentMiB: round(resident, 0), waitingMiB: round(waiting / 1024 ** 2), backlog, logMiB: await logMiB(bed) };
}

async function logMiB(bed: BenchCluster): Promise<number> {
  const { monitorUrl } = bed.cluster.servers.nats;
  if (monitorUrl === undefined) return 0;
  const answer = await fetch(`${monitorUrl}/jsz?streams=true`, { signal: AbortSignal.timeout(10_000) });
  const { account_details: accounts = [] } = (await answer.json()) as { readonly account_details?: readonly { readonly stream_detail?: readonly { readonly name: string; readonly state: { readonly bytes: number } }[] }[] };
  const bytes = accounts.flatMap(({ stream_detail: streams = [] }) => streams).filter(({ name }) => name.startsWith('LANE_')).reduce((sum, { state }) => sum + state.bytes, 0);
  return round(bytes / 1024 ** 2);
}
