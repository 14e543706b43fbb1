/** Jobs: one operation on all executions that a filter means. */
import type { MillraceError } from '@millrace/errors';

export const JOB_ACTS = ['cancel', 'pause', 'resume', 'retry', 'remove', 'measure'] as const;
export type JobAct = (typeof JOB_ACTS)[number];

/** Executions that ended less than this ago are not removed, in milliseconds: the log may still tell of them. */
export const REMOVED_AGE_MS_MIN = 3_600_000;

/** Longest filter of a job, in characters; the statuses that its act is for are added to it. */
export const JOB_FILTER_CHARACTERS_MAX = 1_800;
/** Longest reason of a job, in characters: the job's id stands before it in histories. */
export const JOB_REASON_CHARACTERS_MAX = 900;
/** Failures that a job names. */
export const JOB_FAILURES_MAX = 20;
/** Jobs of one organisation that run at once. */
export const JOBS_RUNNING_MAX = 20;
/** Jobs of one list. */
export const JOBS_LISTED_MAX = 100;

export interface Job {
  readonly id: string;
  /** Empty: all. */
  readonly organisation: string;
  readonly act: JobAct;
  readonly where: string;
  readonly reason: string;
  readonly by: string;
  /** With remove and measure: how many of the newest stay. */
  readonly keep: number;
  readonly state: 'running' | 'completed' | 'cancelled';
  readonly createdAtMs: number;
  /** 0: not yet. */
  readonly endedAtMs: number;
  readonly progress: JobProgress;
}

/** What is written after every page: a runner that takes over goes on from here. */
export interface JobProgress {
  /** Where its list of executions goes on. */
  readonly cursor: string;
  /** Rounds over the list before this one, and what was done in this one. */
  readonly rounds: number;
  readonly doneInRound: number;
  readonly done: number;
  readonly skipped: number;
  readonly failed: number;
  /** Executions that stayed because the job keeps the newest. */
  readonly kept: number;
  /** Of what was removed. */
  readonly bytes: number;
  readonly failures: readonly { readonly execution: string; readonly message: string }[];
  /** What it waits for; empty: nothing. */
  readonly note: string;
}

export interface JobStore {
  prepare(): Promise<void>;
  /** @throws MillraceError `store-failed`, as all of these. */
  insert(job: Job): Promise<void>;
  get(id: string): Promise<Job | undefined>;
  /** The newest first; those of every organisation for an empty one. */
  list(organisation: string, limit: number): Promise<readonly Job[]>;
  running(organisation: string): Promise<number>;
  /** Ends a job that runs; undefined when it does not. */
  cancel(id: string, nowMs: number): Promise<Job | undefined>;
  /** A job that runs and that nobody works on, now for `runner` until `untilMs`. */
  claim(runner: string, nowMs: number, untilMs: number): Promise<Job | undefined>;
  /** Says that the runner is still there. False when the job is no longer its. */
  renew(id: string, runner: string, untilMs: number): Promise<boolean>;
  /** Keeps what was done; `endedAtMs` completes the job. False when the job is no longer its. */
  advance(id: string, runner: string, progress: JobProgress, endedAtMs?: number): Promise<boolean>;
  /** Lets others take it at once. */
  release(id: string, runner: string): Promise<void>;
}

/** What became of one execution. */
export type JobEffect = 'done' | 'skipped' | MillraceError;

/** The filter with the statuses that the act is for: others are not looked at. */
export function filterOf({ act, where }: Pick<Job, 'act' | 'where'>): string {
  return `(${where}) and status in (${STATUSES[act]})`;
}

const STATUSES: Readonly<Record<JobAct, string>> = {
  cancel: 'pending, running, waiting, suspended',
  pause: 'pending, running, waiting',
  resume: 'suspended',
  retry: 'faulted, cancelled',
  remove: 'completed, faulted, cancelled',
  measure: 'completed, faulted, cancelled',
};
