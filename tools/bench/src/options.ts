/** What every work takes. */
export interface BenchOptions {
  readonly inFlight: number;
  /** Of one round. */
  readonly seconds: number;
  readonly rounds: number;
  /** A service to profile (`--cpu-prof`), and the folder for the profile. */
  readonly profile: string | undefined;
}

/** What a work reports; `own` are figures of that work alone. */
export interface BenchFigures {
  readonly stepsPerSecond?: readonly number[];
  readonly executionsPerSecond: readonly number[];
  readonly latencyMs: { readonly p50: number; readonly p99: number };
  readonly payloadBytes: number;
  readonly own?: Readonly<Record<string, unknown>>;
}
