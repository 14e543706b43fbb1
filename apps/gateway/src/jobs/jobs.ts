/**
 * Jobs for callers, and which of them this gateway works on.
 *
 * Owns access to jobs and their leases. Does not own the work (run-job.ts).
 *
 * - A job belongs to one runner at a time as far as clocks agree; another takes it once its lease has run out. That
 *   two work for a moment does no harm (J1), and only the holder keeps progress.
 */
import { MillraceError } from '@millrace/errors';
import type { Logger } from '@millrace/telemetry';
import { randomUUID } from 'node:crypto';
import { operatorOf, requireOperator, type Caller } from '../principal.ts';
import type { ExecutionViews } from '../ports.ts';
import { filterOf, JOB_ACTS, JOB_FILTER_CHARACTERS_MAX, JOB_REASON_CHARACTERS_MAX, JOBS_LISTED_MAX, JOBS_RUNNING_MAX, type Job, type JobAct, type JobStore } from './job.ts';
import { beginning, runJob } from './run-job.ts';

/** How long a runner has a job without saying that it is there, in milliseconds, and how often it says so. */
export const JOB_LEASE_MS = 10_000;
const RENEW_MS = 3_000;
/** Between looks for jobs that nobody works on, in milliseconds. */
const LOOK_MS = 2_000;
/** Jobs that one gateway works on at once. */
const JOBS_AT_ONCE = 4;

export interface Jobs {
  /** @throws MillraceError `argument-invalid` for a filter that cannot be read, `limit-exceeded`, `service-unavailable`, `store-failed`. */
  create(caller: Caller, order: { readonly act: string; readonly where: string; readonly reason: string; readonly keep: number }): Promise<Job>;
  /** @throws MillraceError `resource-unknown`. */
  get(caller: Caller, id: string): Promise<Job>;
  list(caller: Caller): Promise<readonly Job[]>;
  /** @throws MillraceError `resource-unknown`. One that has ended stays as it is. */
  cancel(caller: Caller, id: string): Promise<Job>;
  /** Works on jobs from now on. */
  start(): void;
  /** Stops; others go on with what was under way. */
  stop(): Promise<void>;
}

export interface JobsOptions {
  readonly store: JobStore;
  readonly views: ExecutionViews;
  readonly logger: Logger;
  nowMs(): number;
}

export function createJobs({ store, views, logger, nowMs }: JobsOptions): Jobs {
  const stopping = new AbortController();
  const underWay = new Map<string, { readonly end: AbortController; readonly ended: Promise<void> }>();
  let timer: NodeJS.Timeout | undefined;
  let looking: Promise<void> | undefined;
  let isPrepared = false;

  async function look(): Promise<void> {
    try {
      if (!isPrepared) await store.prepare();
      isPrepared = true;
      while (!stopping.signal.aborted && underWay.size < JOBS_AT_ONCE) {
        const runner = randomUUID();
        const job = await store.claim(runner, nowMs(), nowMs() + JOB_LEASE_MS);
        if (job === undefined) return;
        const end = new AbortController();
        underWay.set(job.id, { end, ended: run(job, runner, end).finally(() => underWay.delete(job.id)) });
      }
    } catch (error) {
      logger.debug('Jobs cannot be looked for', { error });
    }
  }

  const lookNow = (): void => {
    looking ??= look().finally(() => (looking = undefined));
  };

  async function run(job: Job, runner: string, end: AbortController): Promise<void> {
    const signal = AbortSignal.any([end.signal, stopping.signal]);
    const renewal = setInterval(() => {
      // A database that is away takes nothing from it, and gives it to nobody.
      store.renew(job.id, runner, nowMs() + JOB_LEASE_MS).then((isOurs) => isOurs || end.abort(), () => undefined);
    }, RENEW_MS).unref();
    try {
      await runJob(job, views, (progress, isOver) => store.advance(job.id, runner, progress, isOver ? nowMs() : undefined), signal);
    } catch (error) {
      if (!signal.aborted) logger.warn('A job goes on later', { job: job.id, error });
    } finally {
      clearInterval(renewal);
      await store.release(job.id, runner).catch(() => undefined);
    }
  }

  async function seen(caller: Caller, id: string): Promise<Job> {
    const job = await store.get(id);
    if (job === undefined || (caller.sight !== '' && job.organisation !== caller.sight)) throw new MillraceError('resource-unknown', { message: `There is no job ${JSON.stringify(id.slice(0, 64))}` });
    return job;
  }

  return {
    async create(caller, { act, where, reason, keep }) {
      if (!isAct(act)) throw new MillraceError('argument-invalid', { message: `${JSON.stringify(act.slice(0, 32))} is nothing that jobs do: ${JOB_ACTS.join(', ')}` });
      if (act === 'remove' || act === 'measure') requireOperator(caller, 'Removing executions');
      else if (keep > 0) throw new MillraceError('argument-invalid', { message: `A job that is to ${act} keeps none back` });
      if (where.trim() === '' || where.length > JOB_FILTER_CHARACTERS_MAX) throw new MillraceError('argument-invalid', { message: `A job needs a filter of at most ${JOB_FILTER_CHARACTERS_MAX} characters` });
      if (reason.length > JOB_REASON_CHARACTERS_MAX) throw new MillraceError('argument-invalid', { message: `The reason of a job has at most ${JOB_REASON_CHARACTERS_MAX} characters, not ${reason.length}` });
      const createdAtMs = nowMs();
      const job: Job = { id: randomUUID(), organisation: caller.sight, act, where, reason, keep, by: operatorOf(caller), state: 'running', createdAtMs, endedAtMs: 0, progress: beginning(createdAtMs) };
      // Whoever can search reads the filter: first as it was written, so that a message names the right place.
      for (const filter of [where, filterOf(job)]) await views.list({ organisation: job.organisation, status: '', workflow: '', where: filter, nowMs: createdAtMs, cursor: '', limit: 1, whole: true });
      if ((await store.running(job.organisation)) >= JOBS_RUNNING_MAX) throw new MillraceError('limit-exceeded', { message: `${JOBS_RUNNING_MAX} jobs run already; wait for one, or cancel it` });
      await store.insert(job);
      lookNow();
      return job;
    },
    get: seen,
    list: (caller) => store.list(caller.sight, JOBS_LISTED_MAX),
    async cancel(caller, id) {
      const job = await seen(caller, id);
      const cancelled = await store.cancel(id, nowMs());
      underWay.get(id)?.end.abort();
      return cancelled ?? (await store.get(id)) ?? job;
    },
    start() {
      timer = setInterval(lookNow, LOOK_MS).unref();
      lookNow();
    },
    async stop() {
      stopping.abort();
      clearInterval(timer);
      await looking;
      await Promise.all([...underWay.values()].map(({ ended }) => ended));
    },
  };
}

function isAct(act: string): act is JobAct {
  return (JOB_ACTS as readonly string[]).includes(act);
}
