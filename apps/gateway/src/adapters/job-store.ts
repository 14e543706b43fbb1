/** Jobs in MongoDB, in a collection of their own. */
import { storeFailureOf, type Store } from '@millrace/store';
import type { Job, JobProgress, JobStore } from '../jobs/job.ts';

/** How long jobs are kept after their end, in seconds. */
const KEPT_SECONDS = 30 * 86_400;

interface JobDocument extends Omit<Job, 'id'> {
  readonly _id: string;
  readonly runner: string;
  readonly leasedUntilMs: number;
  /** For the index that forgets. */
  readonly endedAt?: Date;
}

export function mongoJobs(store: Store): JobStore {
  const jobs = () => store.collection<JobDocument>('jobs');
  const asked = async <T>(what: string, ask: () => Promise<T>): Promise<T> => {
    try {
      return await ask();
    } catch (error) {
      throw storeFailureOf(error, what);
    }
  };
  return {
    prepare: () =>
      asked('prepare jobs', async () => {
        await jobs().createIndex({ state: 1, leasedUntilMs: 1 });
        await jobs().createIndex({ organisation: 1, createdAtMs: -1 });
        await jobs().createIndex({ endedAt: 1 }, { expireAfterSeconds: KEPT_SECONDS });
      }),
    insert: ({ id, ...job }) => asked('create the job', async () => void (await jobs().insertOne({ _id: id, ...job, runner: '', leasedUntilMs: 0 }))),
    get: (id) => asked('read the job', async () => jobOf(await jobs().findOne({ _id: id }))),
    list: (organisation, limit) =>
      asked('list jobs', async () => {
        const found = await jobs().find(organisation === '' ? {} : { organisation }).sort({ createdAtMs: -1 }).limit(limit).toArray();
        return found.flatMap((document) => jobOf(document) ?? []);
      }),
    running: (organisation) => asked('count jobs', () => jobs().countDocuments({ organisation, state: 'running' })),
    cancel: (id, nowMs) => asked('cancel the job', async () => jobOf(await jobs().findOneAndUpdate({ _id: id, state: 'running' }, { $set: { state: 'cancelled', endedAtMs: nowMs, endedAt: new Date(nowMs) } }, { returnDocument: 'after' }))),
    claim: (runner, nowMs, untilMs) =>
      asked('take a job', async () => jobOf(await jobs().findOneAndUpdate({ state: 'running', leasedUntilMs: { $lte: nowMs } }, { $set: { runner, leasedUntilMs: untilMs } }, { sort: { leasedUntilMs: 1 }, returnDocument: 'after' }))),
    renew: (id, runner, untilMs) => asked('hold the job', async () => (await jobs().updateOne({ _id: id, runner, state: 'running' }, { $set: { leasedUntilMs: untilMs } })).matchedCount > 0),
    advance: (id, runner, progress: JobProgress, endedAtMs) =>
      asked('keep the progress of the job', async () => {
        const end = endedAtMs === undefined ? {} : { state: 'completed' as const, endedAtMs, endedAt: new Date(endedAtMs) };
        return (await jobs().updateOne({ _id: id, runner, state: 'running' }, { $set: { progress, ...end } })).matchedCount > 0;
      }),
    release: (id, runner) => asked('give the job back', async () => void (await jobs().updateOne({ _id: id, runner }, { $set: { leasedUntilMs: 0 } }))),
  };
}

function jobOf(document: JobDocument | null): Job | undefined {
  if (document === null) return undefined;
  const { _id, runner: _runner, leasedUntilMs: _lease, endedAt: _ended, ...job } = document;
  return { id: _id, ...job };
}
