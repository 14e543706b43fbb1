/**
 * Deliveries in MongoDB: the only file that knows documents and indexes.
 *
 * A document is the record, with the state machine's fields at its top; `by` names the instance that made the last
 * change, so that of two instances which decided the same change one knows that it was not the one.
 */
import { MongoBulkWriteError, type Collection, type Filter } from 'mongodb';
import type { Delivery, DeliveryState, RenderedMessage } from '@millrace/delivery';
import { MillraceError } from '@millrace/errors';
import { storeFailureOf } from '@millrace/store';
import type { Change, DeliveryPage, DeliveryQuery, DeliveryRecord, DeliveryStore } from '../ports.ts';

/** Name of the collection. */
export const DELIVERIES = 'deliveries';
const DUPLICATE_KEY = 11_000;
/** Lists show what became of a message, not the message. */
const WITHOUT_BODY = { 'source': 0, 'message.text': 0, 'message.html': 0 } as const;

/** `_id` is the delivery's id, which begins with its organisation. */
export interface DeliveryDocument extends Delivery, Omit<DeliveryRecord, 'id' | 'delivery'> {
  readonly _id: string;
  readonly by: string;
  /** How often the same key was asked for again. */
  readonly repeats: number;
}

/** `by` is unique to this process. */
export function createMongoDeliveries(collection: Collection<DeliveryDocument>, by: string): DeliveryStore {
  return {
    accept: (records) => guarded('store deliveries', () => accept(collection, records, by)),
    advance: (changes) => guarded('change deliveries', () => advance(collection, changes, by)),
    due: (states, nowMs, limit) =>
      guarded('read due deliveries', async () => {
        const documents = await collection.find(dueFilter(states, nowMs)).sort({ dueAtMs: 1 }).limit(limit).toArray();
        return documents.map(recordOf);
      }),
    nextDueMs: (states) =>
      guarded('read the next due time', async () => {
        const next = await collection.find(dueFilter(states, Number.MAX_SAFE_INTEGER)).sort({ dueAtMs: 1 }).limit(1).project<{ dueAtMs: number }>({ dueAtMs: 1 }).next();
        return next?.dueAtMs;
      }),
    find: (id) =>
      guarded('read a delivery', async () => {
        const document = await collection.findOne({ _id: id });
        return document === null ? undefined : recordOf(document);
      }),
    list: (query) => guarded('list deliveries', () => list(collection, query)),
    ofExecution: (organisation, execution, limit) =>
      guarded('read an execution’s deliveries', async () => {
        const documents = await collection.find({ organisation, execution }, { projection: WITHOUT_BODY }).sort({ createdAtMs: 1, _id: 1 }).limit(limit).toArray();
        return documents.map(recordOf);
      }),
  };
}

/** Makes the indexes that the queries above need; idempotent. */
export async function ensureDeliveryIndexes(collection: Collection<DeliveryDocument>): Promise<void> {
  await guarded('create indexes', async () => {
    await collection.createIndexes([
      // Only what is not over is in it: it stays as small as the work that is left.
      { key: { state: 1, dueAtMs: 1 }, name: 'due', partialFilterExpression: { dueAtMs: { $gt: 0 } } },
      { key: { organisation: 1, createdAtMs: -1, _id: -1 }, name: 'newest' },
      { key: { organisation: 1, execution: 1, createdAtMs: 1 }, name: 'execution', partialFilterExpression: { execution: { $exists: true } } },
    ]);
  });
}

async function accept(collection: Collection<DeliveryDocument>, records: readonly DeliveryRecord[], by: string): ReturnType<DeliveryStore['accept']> {
  const documents = records.map((record) => documentOf(record, by));
  let refused: readonly number[] = [];
  try {
    await collection.insertMany(documents, { ordered: false });
  } catch (error) {
    if (!(error instanceof MongoBulkWriteError)) throw error;
    const failures = [error.writeErrors].flat();
    if (failures.length === 0 || failures.some(({ code }) => code !== DUPLICATE_KEY) || writeConcernFailed(error)) throw error;
    refused = failures.map(({ index }) => index);
  }
  if (refused.length > 0) {
    // A majority write after the other's insert: once it is acknowledged, so is what was found there already.
    const times = new Map<string, number>();
    for (const index of refused) {
      const { id } = records[index] as DeliveryRecord;
      times.set(id, (times.get(id) ?? 0) + 1);
    }
    await collection.bulkWrite(
      [...times].map(([id, repeats]) => ({ updateOne: { filter: { _id: id }, update: { $inc: { repeats } } } })),
      { ordered: false },
    );
  }
  const repeated = new Set(refused);
  return { stored: records.filter((_record, index) => !repeated.has(index)), repeated: refused.length };
}

function writeConcernFailed(error: MongoBulkWriteError): boolean {
  return error.result.getWriteConcernError() !== undefined;
}

async function advance(collection: Collection<DeliveryDocument>, changes: readonly Change[], by: string): Promise<ReadonlySet<string>> {
  const result = await collection.bulkWrite(
    changes.map(({ id, from, to, message }) => ({
      updateOne: { filter: { _id: id, revision: from.revision, state: from.state }, update: updateOf(to, by, message) },
    })),
    { ordered: false },
  );
  if (result.matchedCount === changes.length) return new Set(changes.map(({ id }) => id));
  const found = await collection
    .find({ _id: { $in: changes.map(({ id }) => id) }, by })
    .project<{ _id: string; revision: number }>({ revision: 1 })
    .toArray();
  const revisions = new Map(found.map(({ _id, revision }) => [_id, revision]));
  return new Set(changes.filter(({ id, to }) => revisions.get(id) === to.revision).map(({ id }) => id));
}

function updateOf({ lease, dueAtMs, lastError, createdAtMs: _createdAtMs, ...fields }: Delivery, by: string, message: RenderedMessage | undefined): object {
  const absent = [
    ...(lease === undefined ? ['lease'] : []),
    ...(dueAtMs === undefined ? ['dueAtMs'] : []),
    ...(message === undefined ? [] : ['source']),
  ];
  return {
    $set: {
      ...fields,
      by,
      ...(lease === undefined ? {} : { lease }),
      ...(dueAtMs === undefined ? {} : { dueAtMs }),
      ...(lastError === undefined ? {} : { lastError }),
      ...(message === undefined ? {} : { message }),
    },
    ...(absent.length === 0 ? {} : { $unset: Object.fromEntries(absent.map((name) => [name, ''])) }),
  };
}

function dueFilter(states: readonly DeliveryState[], nowMs: number): Filter<DeliveryDocument> {
  return { state: { $in: [...states] }, dueAtMs: { $gt: 0, $lte: nowMs } };
}

async function list(collection: Collection<DeliveryDocument>, { organisation, state, execution, cursor, limit }: DeliveryQuery): Promise<DeliveryPage> {
  const after = cursor === undefined ? undefined : readCursor(cursor);
  const filter: Filter<DeliveryDocument> = {
    organisation,
    ...(state === undefined ? {} : { state }),
    ...(execution === undefined ? {} : { execution }),
    ...(after === undefined ? {} : { $or: [{ createdAtMs: { $lt: after.createdAtMs } }, { createdAtMs: after.createdAtMs, _id: { $lt: after.id } }] }),
  };
  const documents = await collection.find(filter, { projection: WITHOUT_BODY }).sort({ createdAtMs: -1, _id: -1 }).limit(limit + 1).toArray();
  const records = documents.slice(0, limit).map(recordOf);
  const last = records.at(-1);
  return { records, cursor: documents.length > limit && last !== undefined ? writeCursor(last) : '' };
}

function writeCursor({ id, delivery }: DeliveryRecord): string {
  return Buffer.from(JSON.stringify([delivery.createdAtMs, id])).toString('base64url');
}

function readCursor(cursor: string): { readonly createdAtMs: number; readonly id: string } {
  try {
    const [createdAtMs, id] = JSON.parse(Buffer.from(cursor, 'base64url').toString('utf8')) as readonly unknown[];
    if (typeof createdAtMs === 'number' && typeof id === 'string') return { createdAtMs, id };
  } catch {
    // Falls through: it is not one of ours.
  }
  throw new MillraceError('argument-invalid', { message: 'The cursor is not one that a list of deliveries gave; leave it out to begin at the newest' });
}

function documentOf({ id, delivery, ...rest }: DeliveryRecord, by: string): DeliveryDocument {
  return { _id: id, ...rest, ...delivery, by, repeats: 0 };
}

function recordOf(document: DeliveryDocument): DeliveryRecord {
  const { _id, by: _by, repeats: _repeats, state, revision, createdAtMs, updatedAtMs, dueAtMs, attempts, unknowns, lease, tries, lastError, ...rest } = document;
  return {
    id: _id,
    ...rest,
    delivery: {
      state,
      revision,
      createdAtMs,
      updatedAtMs,
      attempts,
      unknowns,
      tries,
      ...(dueAtMs === undefined ? {} : { dueAtMs }),
      ...(lease === undefined ? {} : { lease }),
      ...(lastError === undefined ? {} : { lastError }),
    },
  };
}

async function guarded<T>(what: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw storeFailureOf(error, what);
  }
}
