/**
 * The one failure class of the product.
 *
 * Owns the closed set of codes and the rule for retrying. Does not own how an outside library's errors
 * are told apart: each adapter calls `MillraceError.from` with what it knows.
 */
import { REASONS, type Reason } from './catalogue.ts';

/** gRPC's status codes that a failure may carry (https://grpc.io/docs/guides/status-codes/). */
export type Code =
  | 'cancelled'
  | 'unknown'
  | 'invalid-argument'
  | 'deadline-exceeded'
  | 'not-found'
  | 'already-exists'
  | 'permission-denied'
  | 'resource-exhausted'
  | 'failed-precondition'
  | 'aborted'
  | 'out-of-range'
  | 'unimplemented'
  | 'internal'
  | 'unavailable'
  | 'data-loss'
  | 'unauthenticated';

/** Whether trying the same again can help: never, with the caller's own backoff, or after a stated time. */
export type Retry = { readonly kind: 'never' } | { readonly kind: 'backoff' } | { readonly kind: 'after'; readonly ms: number };

export interface FailureOptions {
  /** Overrides the catalogue's sentence; says what is wrong, where, and what to do. */
  readonly message?: string;
  readonly retry?: Retry;
  readonly details?: Readonly<Record<string, unknown>>;
  readonly cause?: unknown;
}

/** A failure that a caller can act on. Broken invariants are not failures: they throw `Defect`. */
export class MillraceError extends Error {
  override readonly name = 'MillraceError';
  readonly code: Code;
  readonly reason: Reason;
  readonly retry: Retry;
  readonly details: Readonly<Record<string, unknown>>;

  constructor(reason: Reason, options: FailureOptions = {}) {
    const entry = REASONS[reason];
    super(options.message ?? entry.summary, options.cause === undefined ? undefined : { cause: options.cause });
    this.reason = reason;
    this.code = entry.code;
    this.retry = options.retry ?? entry.retry;
    this.details = options.details ?? {};
  }

  /** Lets a foreign error in at an adapter: itself when it is one of ours, else `reason` with the cause kept. */
  static from(error: unknown, reason: Reason = 'internal', options: Omit<FailureOptions, 'cause'> = {}): MillraceError {
    if (error instanceof MillraceError) return error;
    const text = error instanceof Error ? error.message : String(error);
    return new MillraceError(reason, { ...options, message: options.message ?? `${REASONS[reason].summary}: ${text}`, cause: error });
  }
}

/** A broken invariant. It crashes the actor that finds it; nobody catches it to go on. */
export class Defect extends Error {
  override readonly name = 'Defect';
}
