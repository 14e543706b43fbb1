/**
 * Journal records: the outcomes that make up an execution.
 *
 * R1 A record holds outcomes only: branches taken, values of expressions, absolute times, numbers given.
 *    Applying it evaluates nothing, so an old journal survives a changed core.
 * R2 `next` says where control goes: a node number, SCOPE_END or WORKFLOW_END.
 * R3 Headers are plain; user data stands in payloads alone, which a codec may encrypt.
 */
import type { Payload } from './payload.ts';
import type { JsonValue } from './program.ts';
import type { Problem } from './problem.ts';
import type { RerunOrigin } from './reuse.ts';

/** `next` of a task after which its scope is complete. */
export const SCOPE_END = -1;
/** `next` of a task after which the workflow is complete. */
export const WORKFLOW_END = -2;

/** The execution exists: its start was accepted. Always an execution's first record. */
export interface StartedRecord {
  readonly kind: 'started';
  readonly definition: string;
  readonly workflow: string;
  readonly version: string;
  readonly input: Payload;
  readonly acceptedAtMs: number;
  readonly acceptedBy: string;
  readonly key?: string;
  readonly traceparent?: string;
  readonly replyTo?: string;
  /** The execution that this one was made from by hand. Format 2. */
  readonly origin?: RerunOrigin;
  /** What it takes over from that, by place. Format 2. */
  readonly reuse?: Payload;
}
/** The execution may run; `input` is the transformed workflow input where it differs from the raw one. */
export interface BegunRecord {
  readonly kind: 'begun';
  readonly input?: Payload;
}
/** A task was entered and goes on beyond this transition. */
export interface EnteredRecord {
  readonly kind: 'entered';
  readonly activation: number;
  readonly node: number;
  readonly parent: number;
  readonly attempt: number;
  /** The transformed input where it differs from the raw one. */
  readonly input?: Payload;
  /** `call`: the operation's arguments. A step is outstanding from here until its `resolved` or `failed`. */
  readonly arguments?: Payload;
  /** `wait`: when it ends. */
  readonly dueMs?: number;
  /** `for`: the collection. */
  readonly items?: Payload;
  /** When the task's time is over. Format 2. */
  readonly deadlineMs?: number;
  /** `try`: when the time of its first attempt is over. Format 2. */
  readonly attemptDeadlineMs?: number;
}
/** A task was entered and left in one transition (`set`, `switch`, an empty block). */
export interface PassedRecord {
  readonly kind: 'passed';
  readonly activation: number;
  readonly node: number;
  readonly parent: number;
  /** The transformed output where it differs from the raw input. */
  readonly output?: Payload;
  readonly context?: Payload;
  readonly next: number;
  /** It did nothing itself: `raw` was taken over from another execution, absent of a wait. Format 2. */
  readonly reused?: true;
  readonly raw?: Payload;
}
/** A task's `if` was false. */
export interface SkippedRecord {
  readonly kind: 'skipped';
  readonly activation: number;
  readonly node: number;
  readonly parent: number;
  readonly next: number;
}
/** A step's result, with the worker's times, and the task left by it unless `next` is absent. */
export interface ResolvedRecord {
  readonly kind: 'resolved';
  readonly activation: number;
  readonly attempt: number;
  readonly dispatchedAtMs: number;
  readonly startedAtMs: number;
  readonly endedAtMs: number;
  readonly worker: string;
  /** The operation's result. */
  readonly result: Payload;
  /** The transformed output where `output.as` changed it. */
  readonly output?: Payload;
  readonly context?: Payload;
  readonly next: number;
}
/** A task that had been entered is complete. */
export interface ExitedRecord {
  readonly kind: 'exited';
  readonly activation: number;
  /** The transformed output where it differs from what the task produced by itself. */
  readonly output?: Payload;
  readonly context?: Payload;
  readonly next: number;
}
/** The next iteration of a loop begins. */
export interface IteratedRecord {
  readonly kind: 'iterated';
  readonly activation: number;
  readonly index: number;
}
/** A task ended with an error, which goes to its scope. */
export interface FailedRecord {
  readonly kind: 'failed';
  readonly activation: number;
  readonly node: number;
  readonly parent: number;
  readonly attempt: number;
  /** Absent on a scope that the error of a task inside it ended. */
  readonly error?: Problem;
  /** The worker's times, when a step's failure is the cause. */
  /** The error was taken over from another execution. Format 2. */
  readonly reused?: true;
  readonly step?: { readonly dispatchedAtMs: number; readonly startedAtMs: number; readonly endedAtMs: number; readonly worker: string };
}
/** A `try` has caught the error and will run its block again. */
export interface RetryingRecord {
  readonly kind: 'retrying';
  readonly activation: number;
  /** How many times the block has been run again, counting this one. */
  readonly retry: number;
  readonly dueMs: number;
}
/** The delay is over; the block runs again. */
export interface ResumedRecord {
  readonly kind: 'resumed';
  readonly activation: number;
  /** When the time of this attempt is over. Format 2. */
  readonly attemptDeadlineMs?: number;
}
/** The time of an attempt of a `try` is over: what is inside ends without a result, and the error reaches the `try`. */
export interface ExpiredRecord {
  readonly kind: 'expired';
  readonly activation: number;
  readonly error: Problem;
}
/** A `try` has caught the error; its handler runs, or the task is complete when it has none. */
export interface CaughtRecord {
  readonly kind: 'caught';
  readonly activation: number;
}
/** A listening task has taken an event. */
export interface HeardRecord {
  readonly kind: 'heard';
  readonly activation: number;
  /** The event's source and id. */
  readonly key: string;
  /** Which of the filters it matched. */
  readonly filter: number;
  /** What the task reads of the event; absent when it only ends the listening. */
  readonly event?: Payload;
  /** It matched a filter of `until`. */
  readonly isUntil?: true;
  /** What correlations expect from now on. */
  readonly correlations?: Payload;
  /** The task takes no more. */
  readonly done: boolean;
}
/** The tasks for one event of a `listen` are done. */
export interface CollectedRecord {
  readonly kind: 'collected';
  readonly activation: number;
  /** The item's output where it differs from what its tasks have made. */
  readonly output?: Payload;
  readonly context?: Payload;
}
/** Everything inside this activation is over without a result: the other branches of a fork that is decided, the content of a task whose time is over. */
export interface CutRecord {
  readonly kind: 'cut';
  readonly activation: number;
}
/** Somebody operates the execution. What it causes stands in the records after it, but for `pause` and `resume`, which are the state. Format 2. */
export interface OperatedRecord {
  readonly kind: 'operated';
  /** Counts what was done to this execution by hand, from 1. */
  readonly number: number;
  readonly act: OperatorAct | ApprovalAct;
  /** Who: the id of the key, and whom its bearer named. */
  readonly by: string;
  readonly reason?: string;
  /** The approval that was acted on. */
  readonly activation?: number;
  /** `delegate`: to whom it was given. */
  readonly to?: string;
}
/** How an execution is made from another: from its failed task, from a chosen one, or with other input or another version. */
export type RerunAct = 'retry' | 'restart' | 'fork';
/** What a person does with an approval. */
export type ApprovalAct = 'approve' | 'reject' | 'delegate';
export type OperatorAct = 'pause' | 'resume' | 'cancel';
/** The end; always an execution's last record, and the only one of its kind. */
export interface EndedRecord {
  readonly kind: 'ended';
  readonly status: 'completed' | 'faulted' | 'cancelled';
  readonly output?: Payload;
  readonly error?: Problem;
}

export type JournalRecord =
  | StartedRecord
  | BegunRecord
  | EnteredRecord
  | PassedRecord
  | SkippedRecord
  | ResolvedRecord
  | ExitedRecord
  | IteratedRecord
  | FailedRecord
  | RetryingRecord
  | ResumedRecord
  | CaughtRecord
  | HeardRecord
  | CollectedRecord
  | CutRecord
  | ExpiredRecord
  | OperatedRecord
  | EndedRecord;

/** Records of one transition of one execution, with the moment it happened at. */
export interface JournalEntry {
  /** Entries in front of this one were left out by who read the journal. */
  readonly afterGap?: true;
  readonly atMs: number;
  readonly records: readonly JournalRecord[];
}

export type { JsonValue };
