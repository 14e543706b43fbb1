/**
 * What a connector is: a description of its operations that people, the catalogue and the worker all read.
 *
 * Owns the shape. A connector is data but for its actions, where TypeScript says what an operation does;
 * an OpenAPI document compiles to the same shape.
 */
import type { Step, StepControl, StepFailure, StepOutcome } from '@millrace/worker';
import type { StepSecrets } from './secret-handles.ts';

export type JsonValue = null | boolean | number | string | readonly JsonValue[] | { readonly [key: string]: JsonValue };
export type JsonObject = { readonly [key: string]: JsonValue };
/** A JSON Schema (2020-12). */
export type JsonSchema = JsonObject;

/**
 * What sending the same step twice does: nothing more (`safe`), nothing more because the target honours the
 * idempotency key (`keyed`), or it happens twice (`unsafe`): those are claimed before they are performed.
 */
export type RetryClass = 'safe' | 'keyed' | 'unsafe';

/** How a connection may identify itself to the target. */
export type AuthKind = 'none' | 'basic' | 'bearer' | 'header';

/** What the target is known to allow; a starting point for learned budgets. */
export interface RateHints {
  readonly perSecond?: number;
  readonly concurrent?: number;
}

/** How a list operation goes on: where the next page's mark stands in the output and which argument takes it. */
export interface Pagination {
  readonly items: string;
  readonly nextMark: string;
  readonly markArgument: string;
}

/** Values of an argument that are asked of the target: the operation to call and where its output has them. */
export interface DynamicOptions {
  readonly argument: string;
  readonly operation: string;
  readonly values: string;
  readonly labels?: string;
}

/** How events of the target arrive: by asking again, or by a subscription that has to be renewed. */
export type TriggerManifest = { readonly summary: string; readonly event: JsonSchema } & (
  | { readonly kind: 'poll'; readonly operation: string; readonly everyMs: number; readonly cursor: string }
  | { readonly kind: 'subscription'; readonly subscribe: string; readonly renew?: string; readonly unsubscribe: string }
);

/** A connection with its secrets opened, for the time of one call. */
export interface OpenConnection {
  readonly name: string;
  readonly connector: string;
  readonly baseUrl: string;
  readonly auth: OpenAuth;
}

export type OpenAuth =
  | { readonly kind: 'none' }
  | { readonly kind: 'basic'; readonly username: string; readonly password: string }
  | { readonly kind: 'bearer'; readonly token: string }
  | { readonly kind: 'header'; readonly header: string; readonly value: string };

/** One call of an operation, its arguments valid. */
export interface OperationCall {
  readonly step: Step;
  readonly arguments: JsonObject;
  readonly connection: OpenConnection | undefined;
  /** The organisation's secrets, for credentials that the arguments name. */
  readonly secrets: StepSecrets;
  /** Aborted at the time limit and when the step is cancelled. */
  readonly signal: AbortSignal;
  readonly timeoutMs: number;
}

/** `up`: it answered, whatever it said. `down`: such failures open its breaker. `unasked`: nothing was learned. */
export type TargetHealth = 'up' | 'down' | 'unasked';

/** How a call ended. */
export type Performed =
  | { readonly kind: 'output'; readonly value: JsonValue }
  | {
      readonly kind: 'failure';
      readonly failure: StepFailure;
      /** Whether it is certain that the target did nothing. Only `none` lets an unsafe operation be tried again. */
      readonly effect: 'none' | 'unknown';
      /** What it says about the target's health. */
      readonly target: TargetHealth;
    };

export type Action =
  /** Answers at once from the step alone, without its arguments being read: the worker's cheapest path. */
  | { readonly kind: 'answer'; readonly answer: (step: Step, control: StepControl) => StepOutcome }
  /** Does whatever TypeScript can. What it throws is a defect, unless the signal was aborted. */
  | { readonly kind: 'run'; readonly run: (call: OperationCall) => Promise<Performed> };

export interface OperationManifest {
  readonly summary: string;
  readonly arguments: JsonSchema;
  readonly output: JsonSchema;
  readonly retryClass: RetryClass;
  /** Milliseconds; a step may ask for another one. */
  readonly timeoutMs: number;
  /** The most that a step may ask for, milliseconds; `TIMEOUT_MS_MAX` unless stated. */
  readonly timeoutMsMax?: number;
  readonly rate?: RateHints;
  readonly pagination?: Pagination;
  readonly options?: readonly DynamicOptions[];
  /** Names what shares a circuit breaker when no connection is named, such as a host; nothing: no breaker. */
  readonly target?: (args: JsonObject) => string | undefined;
  readonly action: Action;
}

export interface ConnectorManifest {
  /** The first part of an operation's name: `http` in `http.request:1.0.0@default`. */
  readonly id: string;
  readonly version: string;
  readonly title: string;
  readonly auth: readonly AuthKind[];
  /** Other connectors whose connections its operations take too. */
  readonly borrows?: readonly string[];
  /** Where the target is unless a connection says otherwise. */
  readonly baseUrl?: string;
  readonly operations: Readonly<Record<string, OperationManifest>>;
  readonly triggers?: Readonly<Record<string, TriggerManifest>>;
}

/** The name by which a workflow calls an operation of the default catalog. */
export function operationName(connector: ConnectorManifest, operation: string): string {
  return `${connector.id}.${operation}:${connector.version}@default`;
}
