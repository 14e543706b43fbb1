/**
 * What the worker runtime needs from its host: something that executes steps, and the two directories
 * that say which orchestrators live and which of them owns a lane.
 */

/** One attempt of one step, as it was dispatched. Key: execution/run/activation; key and attempt name it for ever (E5). */
export interface Step {
  readonly organisation: string;
  readonly execution: string;
  readonly lane: number;
  readonly epoch: number;
  readonly run: number;
  readonly activation: number;
  readonly attempt: number;
  /** Connector, operation, version and catalog, such as `http.request:1.0.0@default`. */
  readonly operation: string;
  /** The organisation's connection by name; empty when the step names none. */
  readonly connection: string;
  readonly argumentsJson: string;
  /** 0: the operation's own default. */
  readonly timeoutMs: number;
  /** Empty when the execution began without a trace; `traceparentOf` derives it then. */
  readonly traceparent: string;
  readonly dispatchedAtMs: number;
}

/** A failure in the form of the DSL's errors. */
export interface StepFailure {
  /** A URI reference, such as `https://serverlessworkflow.io/spec/1.0.0/errors/communication`. */
  readonly type: string;
  readonly status: number;
  readonly title: string;
  readonly detail: string;
}

/** How an attempt ended. `json` is the output as JSON text. */
export type StepOutcome = { readonly kind: 'output'; readonly json: string } | { readonly kind: 'failure'; readonly failure: StepFailure };

/** What a running step may ask of the runtime. */
export interface StepControl {
  /** Aborted when the owner cancels the step. Made on first use: most steps never look. */
  readonly signal: AbortSignal;
}

/**
 * Executes steps. An answer that is not a promise takes the cheap path: it leaves in the same batch as
 * the other steps that came together. What it throws is reported as a failure of the step.
 */
export interface StepHandler {
  /** Operations this worker runs, told to every owner. */
  readonly operations: readonly string[];
  execute(step: Step, control: StepControl): StepOutcome | Promise<StepOutcome>;
}

/** An orchestrator that can be dialled. */
export interface OwnerAddress {
  readonly instance: string;
  /** `host:port` of its gRPC server. */
  readonly address: string;
}

/** The orchestrators that live. */
export interface OwnerDirectory {
  list(): readonly OwnerAddress[];
  /** Calls back after every change; returns how to stop that. */
  onChange(changed: () => void): () => void;
}

/** Which instance owns a lane, as the claims say. */
export interface LaneDirectory {
  ownerOf(lane: number): string | undefined;
  /** The lane of an execution as the slot table has it; undefined while that is not known. */
  laneOf(execution: string): number | undefined;
  /** Calls back with the lane whose owner changed, without one when slots have moved; returns how to stop that. */
  onChange(changed: (lane: number | undefined) => void): () => void;
}

/** The part of a logger that the runtime uses. */
export interface WorkerLog {
  debug(message: string, attributes?: Readonly<Record<string, unknown>>): void;
  info(message: string, attributes?: Readonly<Record<string, unknown>>): void;
  warn(message: string, attributes?: Readonly<Record<string, unknown>>): void;
}
