/** What a work is given and what it gives back. */
import type { ClusterOptions } from '@millrace/cluster';
import type { BenchCluster } from './bench-cluster.ts';
import type { Endings } from './endings.ts';
import type { Meter } from './measured-cluster.ts';
import type { BenchOptions, WorkRules } from './options.ts';

export interface WorkRun {
  readonly bed: BenchCluster;
  readonly meter: Meter;
  readonly options: BenchOptions;
  readonly endings: Endings;
}

export interface Work extends WorkRules {
  /** One line, for people. */
  readonly what: string;
  /** Of the cluster, where they are not the usual; may start what the services need. */
  readonly cluster?: (endings: Endings) => Promise<Pick<ClusterOptions, 'environment' | 'serviceEnvironment' | 'scale'>>;
  run(run: WorkRun): Promise<BenchFigures>;
}

/** What a work reports; `own` are figures of that work alone. */
export interface BenchFigures {
  readonly stepsPerSecond?: readonly number[];
  readonly executionsPerSecond: readonly number[];
  readonly latencyMs: { readonly p50: number; readonly p99: number };
  readonly payloadBytes: number;
  readonly own?: Readonly<Record<string, unknown>>;
}
