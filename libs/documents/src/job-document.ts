/** Jobs as people see them. */
import type { Job } from '@millrace/contracts/gateway/v1/gateway';
import { isoTime } from './value.ts';

export interface JobDocument {
  readonly job: string;
  /** Null: all. */
  readonly organisation: string | null;
  /** cancel, pause, resume or retry. */
  readonly act: string;
  readonly where: string;
  readonly reason: string | null;
  readonly by: string;
  /** running, completed or cancelled. */
  readonly state: string;
  readonly createdAt: string | null;
  readonly endedAt: string | null;
  readonly done: number;
  readonly skipped: number;
  readonly failed: number;
  /** The first of those that failed. */
  readonly failures: readonly { readonly execution: string; readonly message: string }[];
  /** What it waits for. */
  readonly note: string | null;
  /** How many of the newest stay, with remove and measure. */
  readonly keep: number;
  /** Of what was removed, before the database's compression. */
  readonly bytes: number;
}

export function jobDocument(job: Job): JobDocument {
  return {
    job: job.job,
    organisation: job.organisation === '' ? null : job.organisation,
    act: job.act,
    where: job.where,
    reason: job.reason === '' ? null : job.reason,
    by: job.by,
    state: job.state,
    createdAt: isoTime(job.createdAtMs),
    endedAt: isoTime(job.endedAtMs),
    done: job.done,
    skipped: job.skipped,
    failed: job.failed,
    failures: job.failures.map(({ execution, message }) => ({ execution, message })),
    note: job.note === '' ? null : job.note,
    keep: job.keep,
    bytes: job.bytes,
  };
}
