/** What takes part in a comparison: the product itself, or a peer that is installed into a folder of its own. */
import type { Endings } from '../endings.ts';

/** The works that every engine does in the same way. */
export type ComparedWork = 'chain-10' | 'ping';

export interface Engine {
  readonly name: string;
  /** For people: what it is and how its steps run. */
  readonly title: string;
  /** Executions in flight at which it did best on two cores. */
  readonly inFlight: Readonly<Record<ComparedWork, number>>;
  /**
   * Makes sure that everything is there; installs what is missing into the cache.
   *
   * @throws EngineMissing with what could not be had.
   */
  prepare(): Promise<void>;
  /** Starts it fresh, on an empty store. Whatever it starts is in `endings` first. */
  start(endings: Endings): Promise<RunningEngine>;
}

export interface RunningEngine {
  /** How durable it is, read back from it where it says so. */
  readonly durability: Readonly<Record<string, unknown>>;
  readonly versions: Readonly<Record<string, string>>;
  measure(plan: MeasurePlan): Promise<Measurement>;
  stop(): Promise<void>;
}

export interface MeasurePlan {
  readonly work: ComparedWork;
  readonly inFlight: number;
  readonly warmUpSeconds: number;
  readonly seconds: number;
}

export interface Measurement {
  readonly executionsPerSecond: number;
  readonly stepsPerSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly failed: number;
  readonly firstFailure: string;
  readonly processes: readonly { readonly name: string; readonly cpuSeconds: number; readonly memoryMiB: number }[];
}

/** An engine that cannot take part here, and why. */
export class EngineMissing extends Error {}

export const STEPS_OF: Readonly<Record<ComparedWork, number>> = { 'chain-10': 10, ping: 1 };
