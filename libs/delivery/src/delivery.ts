/**
 * What is known of a delivery, and nothing of how it is stored.
 *
 * Invariants (tests cite them by number)
 * D1 A terminal state is never left.
 * D2 At most one holder at a time may act: `lease` is there exactly in `rendering` and `sending`, and only the
 *    holder of its token can report an outcome.
 * D3 `revision` grows by one with every change, so a store that compares it performs each change at most once.
 * D4 `dueAtMs` is there exactly while the delivery is not terminal, and says when something must happen by itself.
 * D5 An outcome that nobody knows is never taken for a failure or a success: it becomes `unknown` first.
 */

/** Every state, in the order a delivery may pass through them. */
export const DELIVERY_STATES = [
  'scheduled',
  'rendering',
  'queued',
  'sending',
  'sent',
  'deferred',
  'unknown',
  'bounced',
  'suppressed',
  'failed',
] as const;

export type DeliveryState = (typeof DELIVERY_STATES)[number];

/** States that are never left. */
export const TERMINAL_STATES = ['sent', 'bounced', 'suppressed', 'failed'] as const satisfies readonly DeliveryState[];

export type TerminalState = (typeof TERMINAL_STATES)[number];

export function isTerminal(state: DeliveryState): state is TerminalState {
  return (TERMINAL_STATES as readonly DeliveryState[]).includes(state);
}

export function isDeliveryState(text: string): text is DeliveryState {
  return (DELIVERY_STATES as readonly string[]).includes(text);
}

/** The right to act on a delivery until `dueAtMs`. */
export interface Lease {
  /** Who holds it, for people. */
  readonly owner: string;
  /** Unique to this claim. */
  readonly token: string;
}

/** What became of one attempt; absent while it runs. */
export type TryOutcome = 'sent' | 'deferred' | 'bounced' | 'failed' | 'unknown';

/** One attempt to hand the message over. */
export interface Try {
  /** From 1. */
  readonly attempt: number;
  readonly owner: string;
  readonly token: string;
  readonly startedAtMs: number;
  readonly endedAtMs?: number;
  readonly outcome?: TryOutcome;
  /** The server's answer, or why there was none. */
  readonly detail?: string;
}

/** Attempts whose particulars are kept on a delivery; older ones are only counted. */
export const TRIES_KEPT_MAX = 20;

/** One message to one recipient. Times are milliseconds since the Unix epoch. */
export interface Delivery {
  readonly state: DeliveryState;
  readonly revision: number;
  readonly createdAtMs: number;
  readonly updatedAtMs: number;
  /** scheduled: begin; rendering, sending: end of the lease; queued, deferred: try; unknown: resolve. */
  readonly dueAtMs?: number;
  /** Attempts that began. */
  readonly attempts: number;
  /** Attempts whose outcome was not known. */
  readonly unknowns: number;
  readonly lease?: Lease;
  readonly tries: readonly Try[];
  readonly lastError?: string;
}

/** A delivery as accepted, to begin at `dueAtMs` (now, when it is in the past). */
export function acceptedDelivery(nowMs: number, dueAtMs: number = nowMs): Delivery {
  return {
    state: 'scheduled',
    revision: 0,
    createdAtMs: nowMs,
    updatedAtMs: nowMs,
    dueAtMs: Math.max(nowMs, dueAtMs),
    attempts: 0,
    unknowns: 0,
    tries: [],
  };
}
