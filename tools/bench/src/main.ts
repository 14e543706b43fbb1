/**
 * `npm run bench -- WORK [--inflight N] [--seconds N] [--rounds N] [--json] [--profile SERVICE]`
 *
 * Starts its own servers and services in a temporary folder, measures, prints, and ends what it started.
 */
import { mkdirSync } from 'node:fs';
import path from 'node:path';
import { parseArgs } from 'node:util';
import type { ServiceName } from '@millrace/cluster';
import { readDurability } from '@millrace/servers';
import { startBenchCluster, type BenchCluster } from './bench-cluster.ts';
import { machine, probeFsync, versions } from './machine.ts';
import { createMeter, type Meter } from './measured-cluster.ts';
import type { BenchFigures, BenchOptions } from './options.ts';
import { round, spreadOf } from './statistics.ts';
import { runRecovery } from './work-recovery.ts';
import { runChain, runHttp } from './work-stream.ts';
import { runWebhook } from './work-webhook.ts';

interface Work {
  readonly inFlight: number;
  run(bed: BenchCluster, meter: Meter, options: BenchOptions): Promise<BenchFigures>;
}

const WORKS: Readonly<Record<string, Work>> = {
  'chain-10': { inFlight: 200, run: (bed, meter, options) => runChain(10, bed, meter, options) },
  ping: { inFlight: 200, run: (bed, meter, options) => runChain(1, bed, meter, options) },
  http: { inFlight: 100, run: runHttp },
  webhook: { inFlight: 50, run: runWebhook },
  recovery: { inFlight: 10_000, run: runRecovery },
};

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { inflight: { type: 'string' }, seconds: { type: 'string', default: '10' }, rounds: { type: 'string', default: '3' }, json: { type: 'boolean', default: false }, profile: { type: 'string' } },
});
const name = positionals[0] ?? '';
const work = WORKS[name];
if (work === undefined) {
  process.stderr.write(`bench: there is no work ${JSON.stringify(name)}; choose one of ${Object.keys(WORKS).join(', ')}\n`);
  process.exit(1);
}
const options: BenchOptions = { inFlight: Number(values.inflight ?? work.inFlight), seconds: Number(values.seconds), rounds: Number(values.rounds), profile: values.profile };
const profiles = path.resolve('profiles');
if (options.profile !== undefined) mkdirSync(profiles, { recursive: true });
const bed = await startBenchCluster(options.profile === undefined ? {} : { nodeArgs: { [options.profile as ServiceName]: ['--cpu-prof', `--cpu-prof-dir=${profiles}`] } });
let stopped = false;
const stop = async (): Promise<void> => {
  if (stopped) return;
  stopped = true;
  await bed.stop();
};
process.once('SIGINT', () => void stop().then(() => process.exit(130)));
process.once('SIGTERM', () => void stop().then(() => process.exit(143)));
try {
  const { nats, mongo } = bed.cluster.servers;
  const durability = nats.monitorUrl === undefined ? undefined : await readDurability(nats.monitorUrl, mongo.url);
  const fsyncMs = probeFsync(bed.folder);
  process.stderr.write(`bench ${name}: ${options.inFlight} in flight, ${options.rounds} rounds of ${options.seconds} s, fsync p50 ${fsyncMs.p50} ms\n`);
  const meter = createMeter(bed);
  const figures = await work.run(bed, meter, options);
  const { processes, eventsPerFrame } = await meter.end();
  const rounded = (list: readonly number[]): ReturnType<typeof spreadOf> => spreadOf(list.map((value) => round(value)));
  const report = {
    work: name,
    inflight: options.inFlight,
    rounds: options.rounds,
    ...(figures.stepsPerSecond === undefined ? {} : { stepsPerSecond: rounded(figures.stepsPerSecond) }),
    executionsPerSecond: rounded(figures.executionsPerSecond),
    latencyMs: { p50: round(figures.latencyMs.p50, 2), p99: round(figures.latencyMs.p99, 2) },
    payloadBytes: figures.payloadBytes,
    durability: { servers: durability, replicas: 1, lanes: bed.cluster.of('orchestrator').length, fsyncMs },
    eventsPerFrame,
    tracing: 'journal spans always, export of faulted, slow and 1 in 100 (no endpoint set)',
    lifecycleEvents: 'workflow level, batched',
    processes,
    machine: machine(),
    versions: versions(durability?.nats.version ?? 'outside', durability?.mongo.version ?? 'outside'),
    ...figures.own,
  };
  process.stdout.write(values.json ? `${JSON.stringify(report)}\n` : `${JSON.stringify(report, null, 2)}\n`);
} finally {
  await stop();
}
process.exit(0);
