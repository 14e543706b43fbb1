/**
 * What is known after a run, from every side: what clients sent and were told, what the target and the mail server
 * saw arrive, what history says, what was announced, and when something was broken. The checks compare the sides.
 *
 * Owns nothing but the shapes. All times are wall clock of the machine in milliseconds since the Unix epoch; times
 * inside journals are those of the process that wrote them, whose clock a fault may have moved.
 */

/** One answer to a start that named an execution. */
export interface StartAnswer {
  readonly execution: string;
  readonly atMs: number;
  /** pending, or how the execution ended. */
  readonly status: string;
  /** Of a completed one. */
  readonly outputJson?: string;
}

/** One start as its client meant it, however often it was sent. */
export interface ClientStart {
  readonly organisation: string;
  readonly workflow: string;
  readonly key: string;
  readonly answers: StartAnswer[];
  /** Executions that were named when the key was sent again with another input; none is allowed. */
  readonly conflicts: string[];
}

/** A cancellation that was sent, again and again until something was answered. */
export interface ClientCancel {
  readonly execution: string;
  /** What the client was told last. */
  readonly status: string;
}

/** How an execution ended, as the public API says. */
export interface ReadEnd {
  readonly execution: string;
  /** completed, faulted or cancelled; `not ended` when it had not in time. */
  readonly status: string;
  readonly outputJson: string;
  readonly detail: string;
}

/** A journal record, as far as checks look at it; see docs/record-format.md. */
export interface JournalRecord {
  /** The kind without its version. */
  readonly kind: string;
  readonly activation?: number;
  readonly attempt: number;
  readonly dueMs?: number;
  readonly status?: string;
  /** The worker's name, on the outcome of a step. */
  readonly worker?: string;
}

export interface Journal {
  readonly execution: string;
  readonly organisation: string;
  readonly workflow: string;
  readonly status: string;
  readonly key: string | undefined;
  readonly entries: readonly { readonly atMs: number; readonly records: readonly JournalRecord[] }[];
}

/** One copy of a lifecycle event. */
export interface SeenEvent {
  readonly id: string;
  /** started, completed, faulted or cancelled. */
  readonly kind: string;
  readonly execution: string;
}

/** A request at the target. */
export interface StepArrival {
  readonly organisation: string;
  readonly workflow: string;
  readonly step: string;
  /** The key of the start that it belongs to. */
  readonly startKey: string;
  /** `Idempotency-Key`: execution/run/activation. */
  readonly key: string | undefined;
  readonly attempt: string;
  readonly atMs: number;
  /** When it was answered, or its connection was gone; Infinity while neither has happened. */
  readonly endedAtMs: number;
}

export interface ArrivedMail {
  readonly subject: string;
  readonly messageId: string;
  readonly atMs: number;
}

/** A time in which something was broken. */
export interface FaultWindow {
  readonly name: string;
  readonly fromMs: number;
  toMs: number;
  /** Who may have run more steps of an organisation than its limit, as T1 allows. */
  readonly beyondLimits: BeyondLimits;
  /** A process's clock was moved, so its timers are early or late by the target's clock. */
  readonly clockMoved: boolean;
}

/**
 * `never`: nobody. `static-share`: owners that the throttle does not reach, by a rounding each. `dead-owner`: an owner
 * that lost its lease, by what it was running.
 */
export type BeyondLimits = 'never' | 'static-share' | 'dead-owner';

export interface OrganisationLimit {
  readonly organisation: string;
  readonly concurrency: number;
  readonly strict: boolean;
}

export interface Evidence {
  readonly starts: readonly ClientStart[];
  readonly cancels: readonly ClientCancel[];
  readonly ends: readonly ReadEnd[];
  readonly journals: readonly Journal[];
  readonly events: readonly SeenEvent[];
  readonly arrivals: readonly StepArrival[];
  readonly mails: readonly ArrivedMail[];
  readonly faults: readonly FaultWindow[];
  readonly limits: readonly OrganisationLimit[];
  /** Orchestrators, for the static share. */
  readonly owners: number;
}

/** What a check found: sentences, one a violation, and figures worth printing. */
export interface Findings {
  readonly violations: readonly string[];
  readonly figures?: Readonly<Record<string, number>>;
}

/** Whether something was broken at some time between the two. */
export function brokenBetween(faults: readonly FaultWindow[], fromMs: number, toMs: number): boolean {
  return faults.some((fault) => fault.fromMs <= toMs && fault.toMs >= fromMs);
}
