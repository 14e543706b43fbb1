/**
 * Schedules in MongoDB: the only file that knows their documents and indexes.
 *
 * S1 A schedule that is due is worked on under a lease, by a token; whoever lost it changes nothing any more.
 * S2 A change of what a schedule says takes the lease away: what was started under the old content stays, and counts.
 */
import { randomUUID } from 'node:crypto';
import { MillraceError } from '@millrace/errors';
import { isDuplicateKey, storeFailureOf, type Store } from '@millrace/store';
import { firstDue } from '../schedules/schedule-machine.ts';
import type { ScheduleRecord, ScheduleSpec } from '../schedules/schedule.ts';

/** How long a due schedule is one instance's alone, milliseconds; longer than an append may take. */
export const LEASE_MS = 30_000;
/** Tries of a write that meets another writer. */
const WRITE_TRIES_MAX = 8;
/** Most schedules of an organisation that are listed. */
export const SCHEDULES_LISTED_MAX = 1_000;

/** Numbers are 0 and texts empty where the record has none, so that indexes are simple. */
interface ScheduleDocument extends Omit<ScheduleRecord, 'dueMs' | 'waitsFor' | 'waitsSinceMs'> {
  readonly _id: string;
  readonly dueMs: number;
  readonly waitsFor: string;
  readonly waitsSinceMs: number;
  readonly leaseToken: string;
  readonly leaseUntilMs: number;
  readonly updatedAtMs: number;
}

export type PutOutcome = 'created' | 'changed' | 'unchanged';

/** A schedule that is due, and this instance's for LEASE_MS. */
export interface ClaimedSchedule {
  readonly record: ScheduleRecord;
  readonly dueMs: number;
  readonly token: string;
}

export interface ScheduleStore {
  /** @param paused absent: as it is, and running when it is new. @throws MillraceError `store-failed`, as all of them. */
  put(place: { readonly organisation: string; readonly name: string }, spec: ScheduleSpec, options: { readonly nowMs: number; readonly paused?: boolean; readonly documentOf?: ScheduleRecord['documentOf'] }): Promise<{ readonly record: ScheduleRecord; readonly outcome: PutOutcome }>;
  find(organisation: string, name: string): Promise<ScheduleRecord | undefined>;
  list(organisation: string): Promise<readonly ScheduleRecord[]>;
  /** Times that pass while it is paused are not made up for. Undefined: there is none. */
  setPaused(organisation: string, name: string, paused: boolean, nowMs: number): Promise<ScheduleRecord | undefined>;
  /** False: there was none. With `read` only one that was read from an older revision of the workflow's versions. */
  remove(organisation: string, name: string, read?: number): Promise<boolean>;
  claimDue(nowMs: number, limit: number): Promise<readonly ClaimedSchedule[]>;
  /** What was planned has been started. */
  advance(claimed: ClaimedSchedule, to: { readonly nextMs: number | undefined; readonly execution: string | undefined; readonly startedMs: number | undefined; readonly started: number; readonly missed: number }): Promise<void>;
  /** Before the start: the end may be heard of before the start's acknowledgement. False: the lease is lost. */
  awaitEnd(claimed: ClaimedSchedule, execution: string, nowMs: number): Promise<boolean>;
  /** It is taken up again at that time. */
  release(claimed: ClaimedSchedule, againMs: number): Promise<void>;
  /** The execution has ended: who waited for it is due after its pause. */
  ended(executions: ReadonlyMap<string, number>): Promise<void>;
  /** Schedules that have waited since before that time, with the executions that they wait for. */
  waitingSince(beforeMs: number, limit: number): Promise<readonly { readonly organisation: string; readonly execution: string }[]>;
  /** Organisations with a schedule that runs after its last execution. */
  organisationsThatWait(): Promise<readonly string[]>;
  /** The earliest due time; undefined when none is. */
  nextDueMs(): Promise<number | undefined>;
  ensureIndexes(): Promise<void>;
}

export function createScheduleStore(store: Store): ScheduleStore {
  const schedules = store.collection<ScheduleDocument>('schedules');
  const idOf = (organisation: string, name: string): string => `${organisation}/${name}`;

  async function writeOnce(id: string, record: ScheduleRecord, replaces: ScheduleDocument | null, nowMs: number): Promise<boolean> {
    const document = documentOf(id, record, nowMs);
    try {
      if (replaces === null) {
        await schedules.insertOne(document);
        return true;
      }
      const { matchedCount } = await schedules.replaceOne({ _id: id, revision: replaces.revision, leaseToken: replaces.leaseToken, dueMs: replaces.dueMs, waitsFor: replaces.waitsFor }, document);
      return matchedCount === 1;
    } catch (error) {
      if (isDuplicateKey(error)) return false;
      throw error;
    }
  }

  /** Reads, lets `change` say what shall be, and writes it unless somebody else did meanwhile. */
  async function change<T>(id: string, nowMs: number, decide: (present: ScheduleRecord | undefined) => { readonly record?: ScheduleRecord; readonly result: T }): Promise<T> {
    for (let tries = 0; tries < WRITE_TRIES_MAX; tries += 1) {
      const present = await schedules.findOne({ _id: id });
      const { record, result } = decide(present === null ? undefined : recordOf(present));
      if (record === undefined || (await writeOnce(id, record, present, nowMs))) return result;
    }
    throw new MillraceError('store-failed', { message: `The schedule ${id} is being changed by others all the time; try again` });
  }

  return {
    put: ({ organisation, name }, spec, { nowMs, paused, documentOf: origin }) =>
      guarded('store a schedule', () =>
        change<{ readonly record: ScheduleRecord; readonly outcome: PutOutcome }>(idOf(organisation, name), nowMs, (present) => {
          const rests = paused ?? present?.paused ?? false;
          if (present !== undefined && isSame(present, spec) && present.paused === rests && present.documentOf?.workflow === origin?.workflow && (present.documentOf?.revision ?? 0) >= (origin?.revision ?? 0)) {
            return { result: { record: present, outcome: 'unchanged' } };
          }
          // An older reading of the workflow's versions, from an instance that is behind.
          if (present?.documentOf !== undefined && origin !== undefined && present.documentOf.revision > origin.revision) return { result: { record: present, outcome: 'unchanged' } };
          const keepsTime = present !== undefined && JSON.stringify(present.rule) === JSON.stringify(spec.rule) && present.paused === rests;
          const { dueMs: _due, waitsFor: _waits, waitsSinceMs: _since, ...rest } = present ?? { organisation, name, started: 0, missed: 0, revision: 0 };
          const due = rests ? undefined : keepsTime ? present.dueMs : firstDue(spec.rule, nowMs);
          const record: ScheduleRecord = {
            ...rest,
            ...spec,
            paused: rests,
            revision: rest.revision + 1,
            ...(origin === undefined ? {} : { documentOf: origin }),
            ...(due === undefined ? {} : { dueMs: due }),
            ...(keepsTime && present.waitsFor !== undefined ? { waitsFor: present.waitsFor, waitsSinceMs: present.waitsSinceMs ?? nowMs } : {}),
          };
          return { record, result: { record, outcome: present === undefined ? 'created' : 'changed' } };
        }),
      ),
    find: (organisation, name) =>
      guarded('read a schedule', async () => {
        const found = await schedules.findOne({ _id: idOf(organisation, name) });
        return found === null ? undefined : recordOf(found);
      }),
    list: (organisation) => guarded('list schedules', async () => (await schedules.find({ organisation }).sort({ _id: 1 }).limit(SCHEDULES_LISTED_MAX).toArray()).map(recordOf)),
    setPaused: (organisation, name, paused, nowMs) =>
      guarded('pause a schedule', () =>
        change<ScheduleRecord | undefined>(idOf(organisation, name), nowMs, (present) => {
          if (present === undefined || present.paused === paused) return { result: present };
          const { dueMs: _due, waitsFor: _waits, waitsSinceMs: _since, ...rest } = present;
          const due = paused ? undefined : firstDue(present.rule, nowMs);
          const record: ScheduleRecord = { ...rest, paused, ...(due === undefined ? {} : { dueMs: due }) };
          return { record, result: record };
        }),
      ),
    remove: (organisation, name, read) =>
      guarded('remove a schedule', async () => (await schedules.deleteOne({ _id: idOf(organisation, name), ...(read === undefined ? {} : { 'documentOf.revision': { $lt: read } }) })).deletedCount === 1),
    claimDue: (nowMs, limit) =>
      guarded('claim due schedules', async () => {
        const due = { dueMs: { $gt: 0, $lte: nowMs }, leaseUntilMs: { $lte: nowMs } };
        const found = await schedules.find(due, { projection: { _id: 1 } }).sort({ dueMs: 1 }).limit(limit).toArray();
        if (found.length === 0) return [];
        const token = randomUUID();
        await schedules.updateMany({ _id: { $in: found.map(({ _id }) => _id) }, ...due }, { $set: { leaseToken: token, leaseUntilMs: nowMs + LEASE_MS } });
        const claimed = await schedules.find({ leaseToken: token }).toArray();
        return claimed.map((document) => ({ record: recordOf(document), dueMs: document.dueMs, token }));
      }),
    advance: ({ record, token }, { nextMs, execution, startedMs, started, missed }) =>
      guarded('advance a schedule', async () => {
        await schedules.updateOne(
          { _id: idOf(record.organisation, record.name), leaseToken: token },
          { $set: { dueMs: nextMs ?? 0, leaseToken: '', leaseUntilMs: 0, ...(execution === undefined ? {} : { lastExecution: execution }), ...(startedMs === undefined ? {} : { lastDueMs: startedMs }) }, $inc: { started, missed } },
        );
      }),
    awaitEnd: ({ record, token }, execution, nowMs) =>
      guarded('advance a schedule', async () => (await schedules.updateOne({ _id: idOf(record.organisation, record.name), leaseToken: token }, { $set: { waitsFor: execution, waitsSinceMs: nowMs } })).matchedCount === 1),
    release: ({ record, token }, againMs) =>
      guarded('release a schedule', async () => void (await schedules.updateOne({ _id: idOf(record.organisation, record.name), leaseToken: token }, { $set: { leaseToken: '', leaseUntilMs: againMs } }))),
    ended: (executions) =>
      guarded('advance schedules', async () => {
        const waiting = await schedules.find({ waitsFor: { $in: [...executions.keys()] } }).toArray();
        for (const { _id, waitsFor, rule, dueMs, lastDueMs, started } of waiting) {
          const endedMs = executions.get(waitsFor);
          if (endedMs === undefined || rule.kind !== 'after') continue;
          // Heard of before the start was noted: the start counts all the same.
          const early = dueMs > 0 ? { lastDueMs: dueMs, started: started + 1 } : { started, ...(lastDueMs === undefined ? {} : { lastDueMs }) };
          await schedules.updateOne({ _id, waitsFor }, { $set: { dueMs: endedMs + rule.afterMs, waitsFor: '', waitsSinceMs: 0, leaseToken: '', leaseUntilMs: 0, lastExecution: waitsFor, ...early } });
        }
      }),
    waitingSince: (beforeMs, limit) =>
      guarded('read waiting schedules', async () =>
        (await schedules.find({ waitsFor: { $gt: '' }, waitsSinceMs: { $lte: beforeMs } }).limit(limit).toArray()).map(({ organisation, waitsFor }) => ({ organisation, execution: waitsFor })),
      ),
    organisationsThatWait: () => guarded('read schedules', async () => schedules.distinct('organisation', { 'rule.kind': 'after' })),
    nextDueMs: () => guarded('read the next due time', async () => (await schedules.find({ dueMs: { $gt: 0 } }, { projection: { dueMs: 1 } }).sort({ dueMs: 1 }).limit(1).next())?.dueMs),
    ensureIndexes: () =>
      guarded('create indexes', async () => {
        await schedules.createIndexes([
          { key: { dueMs: 1 }, name: 'due', partialFilterExpression: { dueMs: { $gt: 0 } } },
          { key: { waitsFor: 1 }, name: 'waits', partialFilterExpression: { waitsFor: { $gt: '' } } },
          { key: { leaseToken: 1 }, name: 'lease', partialFilterExpression: { leaseToken: { $gt: '' } } },
        ]);
      }),
  };
}

function isSame(present: ScheduleRecord, { workflow, rule, input, catchUp }: ScheduleSpec): boolean {
  return JSON.stringify([present.workflow, present.rule, present.input, present.catchUp]) === JSON.stringify([workflow, rule, input, catchUp]);
}

function documentOf(id: string, record: ScheduleRecord, nowMs: number): ScheduleDocument {
  return { ...record, _id: id, dueMs: record.dueMs ?? 0, waitsFor: record.waitsFor ?? '', waitsSinceMs: record.waitsSinceMs ?? 0, leaseToken: '', leaseUntilMs: 0, updatedAtMs: nowMs };
}

function recordOf({ _id, leaseToken: _token, leaseUntilMs: _until, updatedAtMs: _updated, dueMs, waitsFor, waitsSinceMs, ...rest }: ScheduleDocument): ScheduleRecord {
  return { ...rest, ...(dueMs > 0 ? { dueMs } : {}), ...(waitsFor === '' ? {} : { waitsFor, waitsSinceMs }) };
}

async function guarded<T>(what: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw storeFailureOf(error, what);
  }
}
