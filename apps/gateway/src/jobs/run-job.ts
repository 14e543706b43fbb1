/**
 * Working through one job.
 *
 * Owns the order and what is counted. Does not own who runs it (jobs.ts) nor how it is kept (the store).
 *
 * J1 A page is worked through before its progress is kept: a runner that takes over does the page again, and each act
 *    asked for twice changes nothing (a retry has the job as its key).
 * J2 Only executions that had started when the job was created: the list begins there, and runs to the oldest. What
 *    moves between lanes meanwhile may be missed by one round, so rounds follow until one finds nothing to do.
 * J3 What passes (a lane without an owner, a database that is away) is waited for; what does not is counted as failed.
 */
import { encodeListPosition, type ListPosition } from '@millrace/documents';
import { MillraceError } from '@millrace/errors';
import { setTimeout as sleep } from 'node:timers/promises';
import { mergeLists } from '../execution-list.ts';
import type { ExecutionViews } from '../ports.ts';
import { filterOf, JOB_FAILURES_MAX, REMOVED_AGE_MS_MIN, type Job, type JobEffect, type JobProgress } from './job.ts';

/** Executions of one page, and how many of them are operated on at once. */
const PAGE = 100;
const AT_ONCE = 8;
/** Rounds over the executions. */
const ROUNDS_MAX = 3;
/** Executions that a runner remembers, so that later rounds, which may read what is a moment old, leave them alone. */
const SETTLED_MAX = 200_000;
/** Before what has failed for now is tried again, in milliseconds, and how often an execution is. */
const PAUSE_MS = 1_000;
const TRIES_MAX = 5;
/** Failures of the installation, which say nothing about the execution. */
const WAITED_FOR: ReadonlySet<string> = new Set(['lane-unowned', 'lane-displaced', 'service-unavailable', 'service-draining', 'store-failed', 'bus-failed', 'deadline-exceeded']);
const TOO_LATE: ReadonlySet<string> = new Set(['execution-ended', 'execution-running', 'execution-unknown']);
/** Sorts behind every id. */
const LAST_ID = 'z'.repeat(64);

/** Where the list of a job created at that time begins. */
export function beginning(createdAtMs: number): JobProgress {
  return { cursor: encodeListPosition({ startedAtMs: createdAtMs, execution: LAST_ID }), rounds: 0, doneInRound: 0, done: 0, skipped: 0, failed: 0, kept: 0, bytes: 0, failures: [], note: '' };
}

/** Runs until the job is done, `keep` says that it is no longer ours, or the signal. `isOver` comes with the last progress. */
export async function runJob(job: Job, views: ExecutionViews, keep: (progress: JobProgress, isOver: boolean) => Promise<boolean>, signal: AbortSignal): Promise<void> {
  let progress = job.progress;
  const settled = new Set<string>();
  const wait = async (error: unknown): Promise<void> => {
    progress = { ...progress, note: MillraceError.from(error).message };
    await keep(progress, false);
    await sleep(PAUSE_MS, undefined, { signal });
  };
  while (!signal.aborted) {
    const query = { organisation: job.organisation, status: '', workflow: '', where: filterOf(job), nowMs: job.createdAtMs, cursor: progress.cursor, limit: PAGE, whole: true } as const;
    let page: ReturnType<typeof mergeLists>;
    try {
      page = mergeLists(await views.list(query), PAGE);
    } catch (error) {
      await wait(error);
      continue;
    }
    if (isRemoval(job)) {
      try {
        progress = await removed(job, progress, page.executions, views);
      } catch (error) {
        await wait(error);
        continue;
      }
    } else {
      const effects = await effectsOn(job, page.executions.filter(({ execution }) => !settled.has(execution)), views, wait, signal);
      if (signal.aborted) return;
      for (const execution of effects.keys()) if (settled.size < SETTLED_MAX) settled.add(execution);
      progress = counted(progress, effects);
    }
    const isRoundOver = page.cursor === '';
    const isOver = isRoundOver && (job.act === 'retry' || isRemoval(job) || progress.doneInRound === 0 || progress.rounds + 1 >= ROUNDS_MAX);
    if (isRoundOver) progress = { ...progress, cursor: beginning(job.createdAtMs).cursor, rounds: progress.rounds + 1, doneInRound: 0 };
    else progress = { ...progress, cursor: page.cursor };
    if (!(await keep(progress, isOver)) || isOver) return;
  }
}

async function effectsOn(job: Job, executions: readonly ListPosition[], views: ExecutionViews, wait: (error: unknown) => Promise<void>, signal: AbortSignal): Promise<ReadonlyMap<string, JobEffect>> {
  const effects = new Map<string, JobEffect>();
  const waiting = [...executions];
  const work = async (): Promise<void> => {
    for (let next = waiting.shift(); next !== undefined && !signal.aborted; next = waiting.shift()) {
      for (let tries = 1; !signal.aborted; tries++) {
        const effect = await effectOn(job, next.execution, views);
        effects.set(next.execution, effect);
        if (typeof effect === 'string' || effect.retry.kind === 'never') break;
        if (!WAITED_FOR.has(effect.reason) && tries >= TRIES_MAX) break;
        await wait(effect);
      }
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
  return effects;
}

function isRemoval({ act }: Job): boolean {
  return act === 'remove' || act === 'measure';
}

/** The list begins with the newest: the first so many of it stay. */
async function removed(job: Job, progress: JobProgress, executions: readonly ListPosition[], views: ExecutionViews): Promise<JobProgress> {
  const kept = Math.min(executions.length, job.keep - progress.kept);
  const older = executions.slice(kept).map(({ execution }) => execution);
  const found = older.length === 0 ? { removed: 0, bytes: 0 } : await views.remove({ organisation: job.organisation, executions: older, endedBeforeMs: job.createdAtMs - REMOVED_AGE_MS_MIN, dryRun: job.act === 'measure' });
  return { ...progress, kept: progress.kept + kept, done: progress.done + found.removed, skipped: progress.skipped + older.length - found.removed, bytes: progress.bytes + found.bytes, note: '' };
}

async function effectOn(job: Job, execution: string, views: ExecutionViews): Promise<JobEffect> {
  const reference = { organisation: job.organisation, execution };
  const reason = job.reason === '' ? `job ${job.id}` : `job ${job.id}: ${job.reason}`;
  try {
    if (job.act === 'retry') await views.rerun(reference, { act: 'retry', from: '', workflow: '', inputJson: '', idempotencyKey: `job/${job.id}`, dryRun: false, by: job.by, reason });
    else if (job.act === 'cancel' || job.act === 'pause' || job.act === 'resume') await views.operate(reference, { act: job.act, by: job.by, reason });
    return 'done';
  } catch (error) {
    const failure = MillraceError.from(error);
    return TOO_LATE.has(failure.reason) ? 'skipped' : failure;
  }
}

function counted(progress: JobProgress, effects: ReadonlyMap<string, JobEffect>): JobProgress {
  let { doneInRound, done, skipped, failed } = progress;
  const failures = [...progress.failures];
  for (const [execution, effect] of effects) {
    if (effect === 'done') {
      done++;
      doneInRound++;
    } else if (effect === 'skipped') {
      // Later rounds may see what this job has ended where history is still behind.
      if (progress.rounds === 0) skipped++;
    } else {
      failed++;
      if (failures.length < JOB_FAILURES_MAX) failures.push({ execution, message: effect.message });
    }
  }
  return { ...progress, doneInRound, done, skipped, failed, failures, note: '' };
}
