/** What the connector service needs from outside. */
import type { CloudEvent } from '@millrace/engine';
import type { JsonValue, OpenConnection } from './manifest.ts';
import type { StepOutcome } from '@millrace/worker';

/** Connections in use, held in memory: asking never waits for anything. */
export interface ConnectionSource {
  /**
   * The connection with its secrets opened.
   *
   * @throws MillraceError `connection-unknown`, or `resource-invalid` when its secrets cannot be opened here.
   */
  open(organisation: string, name: string): OpenConnection;
  /**
   * The value of a secret; nothing when there is none of that name.
   *
   * @throws MillraceError `resource-invalid` when it cannot be opened here.
   */
  secret(organisation: string, name: string): JsonValue | undefined;
}

/** One claim of an unsafe step. */
export interface Claim {
  /** `execution/run/activation`. */
  readonly key: string;
  readonly organisation: string;
  readonly operation: string;
  readonly attempt: number;
  /** The process that claimed it, never used by another process. */
  readonly worker: string;
  /** Unique for every try to claim, so that a lost answer can be told from another's claim. */
  readonly nonce: string;
}

/** A claim as it is stored. Without an outcome nobody but the claiming process knows what became of the step. */
export interface StoredClaim extends Claim {
  readonly outcome?: StepOutcome;
  /** Whether the target did it, whatever the outcome says: then no attempt may do it again. */
  readonly performed?: boolean;
}

/** Claims in the database. Every method rejects with MillraceError `store-failed` while it is away. */
export interface ClaimStore {
  /** Writes the claim durably unless the key is claimed; then yields what is there. */
  make(claim: Claim): Promise<StoredClaim | undefined>;
  /** Replaces the claim of that nonce; false when it is not there any more. */
  replace(nonce: string, claim: Claim): Promise<boolean>;
  /** Stores the outcome of a claim, unless it was replaced meanwhile. */
  settle(claim: Claim, outcome: StepOutcome, performed: boolean): Promise<void>;
}

/** Which worker processes live, for the claims of others. */
export interface WorkerDirectory {
  isAlive(worker: string): boolean;
}

/** Where emitted events go. */
export interface EventStream {
  /**
   * Publishes the event durably, trying until the signal is aborted; the same id twice is one event.
   *
   * @throws MillraceError `bus-failed` when trying again does not help.
   */
  publish(organisation: string, event: CloudEvent, id: string, signal: AbortSignal): Promise<void>;
}

/** The durable stream of deliveries. */
export interface DeliveryStream {
  /**
   * Appends the request durably, trying until the signal is aborted; the same key twice is one delivery. The
   * trace context also goes along as a header (W3C Trace Context).
   *
   * @throws MillraceError `bus-failed` when trying again does not help.
   */
  publish(organisation: string, key: string, request: Uint8Array, traceparent: string, signal: AbortSignal): Promise<void>;
}
