/** One work from beginning to end: its cluster, its rounds, its report. */
import { mkdirSync } from 'node:fs';
import path from 'node:path';
import { readDurability } from '@millrace/servers';
import { startBenchCluster, type BenchCluster } from './bench-cluster.ts';
import type { Endings } from './endings.ts';
import { machine, probeFsync, versions } from './machine.ts';
import { createMeter, type Measured } from './measured-cluster.ts';
import type { BenchOptions } from './options.ts';
import { round, spreadOf } from './statistics.ts';
import type { Work } from './work.ts';

/** Where profiles are written, in the folder that the bench is started in. */
export const PROFILES = 'profiles';

export interface WorkResult {
  /** As benchmarks are reported. */
  readonly report: Readonly<Record<string, unknown>>;
  readonly measured: Measured;
}

/** @throws Error when the work cannot be done: executions that fail, servers that are missing. */
export async function runWork(name: string, work: Work, options: BenchOptions, endings: Endings): Promise<WorkResult> {
  const profiles = path.resolve(PROFILES);
  if (options.profile !== undefined) mkdirSync(profiles, { recursive: true });
  const bed = await startBenchCluster({
    endings,
    fsyncDelayMs: options.fsyncDelayMs,
    natsServers: options.natsServers,
    ...(await work.cluster?.(endings)),
    ...(options.profile === undefined ? {} : { nodeArgs: { [options.profile]: ['--cpu-prof', `--cpu-prof-dir=${profiles}`] } }),
  });
  const durability = await durabilityOf(bed);
  process.stderr.write(`bench ${name}: ${options.inFlight} in flight, ${options.rounds} rounds of ${options.seconds} s, fsync p50 ${durability.fsyncMs.p50} ms\n`);
  const meter = createMeter(bed);
  const figures = await work.run({ bed, meter, options, endings });
  const { processes, eventsPerFrame, measured } = await meter.end();
  const rounded = (list: readonly number[]): ReturnType<typeof spreadOf> => spreadOf(list.map((value) => round(value)));
  return {
    measured,
    report: {
      work: name,
      inflight: options.inFlight,
      rounds: options.rounds,
      ...(figures.stepsPerSecond === undefined ? {} : { stepsPerSecond: rounded(figures.stepsPerSecond) }),
      executionsPerSecond: rounded(figures.executionsPerSecond),
      latencyMs: { p50: round(figures.latencyMs.p50, 2), p99: round(figures.latencyMs.p99, 2) },
      payloadBytes: figures.payloadBytes,
      durability,
      eventsPerFrame,
      tracing: 'journal spans always, export of faulted, slow and 1 in 100 (no endpoint set)',
      lifecycleEvents: 'workflow level, batched',
      processes,
      machine: machine(),
      versions: versions(durability.servers?.nats.version ?? 'outside', durability.servers?.mongo.version ?? 'outside'),
      ...figures.own,
    },
  };
}

/** What the servers say of themselves, and how long a synced write takes beside them. */
export async function durabilityOf(bed: BenchCluster): Promise<{ readonly servers: Awaited<ReturnType<typeof readDurability>> | undefined; readonly replicas: number; readonly lanes: number; readonly fsyncMs: { readonly p50: number; readonly p99: number } }> {
  const { nats, mongo } = bed.cluster.servers;
  const servers = nats.monitorUrl === undefined ? undefined : await readDurability(nats.monitorUrl, mongo.url);
  return { servers, replicas: bed.replicas, lanes: bed.cluster.of('orchestrator').length, fsyncMs: probeFsync(bed.folder, bed.launcher) };
}
