/**
 * Checkpoints and journal segments in MongoDB.
 *
 * Indexes: `{slot, asleep, _id}` for taking a lane, where the ids of sleepers are read from the index alone;
 * `{dueMs, _id, slot}` over sleepers for their timers, in the order they are due.
 */
import type { AnyBulkWriteOperation, Collection, Filter, OptionalUnlessRequiredId, WithId } from 'mongodb';
import type { CheckpointDocument, CheckpointDocuments, Progress, SegmentDocument, SleepingSummary } from '@millrace/lane';
import type { Store } from '@millrace/store';
import { SEARCH_MS_MAX, sleeperCondition } from './mongo-filter.ts';
import { ignoringDuplicates, isDuplicate } from './ignoring-duplicates.ts';

/** Ids of one portion of the sleepers. */
const PORTION = 20_000;
/** An index that an earlier release made. */
const INDEX_BEFORE = 'slot_1_dueMs_1';
const BY_DUE = { dueMs: 1, _id: 1, slot: 1 } as const;
const BY_SLOT = { slot: 1, asleep: 1, _id: 1 } as const;

export function mongoCheckpoints(store: Store): CheckpointDocuments {
  const checkpoints = (): Collection<CheckpointDocument> => store.collection<CheckpointDocument>('checkpoints');
  const segments = (): Collection<SegmentDocument> => store.collection<SegmentDocument>('segments');
  return {
    async prepare() {
      const asleep = { partialFilterExpression: { asleep: true } };
      await checkpoints().createIndex(BY_SLOT);
      await checkpoints().createIndex(BY_DUE, asleep);
      await checkpoints().createIndex({ organisation: 1, acceptedAt: -1, _id: -1 }, asleep);
      await checkpoints().createIndex({ organisation: 1, 'fields.name': 1, 'fields.value': 1, acceptedAt: -1, _id: -1 }, { name: 'organisation_fields', partialFilterExpression: { asleep: true, fields: { $exists: true } } });
      await segments().createIndex({ execution: 1, number: 1 });
      const names = await checkpoints().indexes();
      if (names.some(({ name }) => name === INDEX_BEFORE)) await checkpoints().dropIndex(INDEX_BEFORE);
    },
    async putCheckpoints(documents, first = new Set()) {
      // Most are written once: an insert costs half of a replacement that finds nothing.
      const fresh = documents.filter(({ _id }) => first.has(_id));
      const there = fresh.length === 0 ? new Set<string>() : await insertNew(checkpoints(), fresh);
      const writes = documents
        .filter(({ _id }) => !first.has(_id) || there.has(_id))
        .map((document): AnyBulkWriteOperation<CheckpointDocument> => ({ replaceOne: { filter: { _id: document._id, ...older<CheckpointDocument>(document, { $lt: document.sequence }) }, replacement: document, upsert: true } }));
      if (writes.length > 0) await ignoringDuplicates(() => checkpoints().bulkWrite(writes, { ordered: false }));
    },
    async addSegments(documents) {
      const there = await insertNew(segments(), documents);
      return there.size === 0 ? [] : segments().find({ _id: { $in: [...there] } }).toArray();
    },
    async putSegments(documents) {
      // Not `$lte`: one without a sequence is older than any.
      const writes = documents.map((document): AnyBulkWriteOperation<SegmentDocument> => ({ replaceOne: { filter: { _id: document._id, ...older<SegmentDocument>(document, { $not: { $gt: document.sequence } }) }, replacement: document, upsert: true } }));
      await ignoringDuplicates(() => segments().bulkWrite(writes, { ordered: false }));
    },
    awake(slots) {
      return checkpoints().find({ slot: { $in: [...slots] }, asleep: { $ne: true } }).toArray();
    },
    async *asleep(slots) {
      const found = checkpoints().find({ slot: { $in: [...slots] }, asleep: true }, { projection: { _id: 1 }, batchSize: PORTION, hint: BY_SLOT });
      while (await found.hasNext()) yield found.readBufferedDocuments().map(({ _id }) => _id);
    },
    get(ids) {
      return checkpoints().find({ _id: { $in: [...ids] } }).toArray();
    },
    async due(slots, after, untilMs, limit) {
      // A part of the index, said as such: with a filter over this and another index the planner may sort a million.
      const found = await checkpoints()
        .find({ asleep: true, slot: { $in: [...slots] } }, { projection: { dueMs: 1 } })
        .hint(BY_DUE)
        .min({ dueMs: Math.max(after.dueMs, 0), _id: `${after.id}\u0000`, slot: 0 })
        .max({ dueMs: Math.min(untilMs, Number.MAX_SAFE_INTEGER - 1) + 1, _id: '', slot: 0 })
        .limit(limit)
        .toArray();
      return found.map(({ _id, dueMs }) => ({ id: _id, dueMs: dueMs ?? 0 }));
    },
    async listAsleep({ organisation, status, workflow, where, before, limit }) {
      const filter: Filter<CheckpointDocument> = {
        organisation: organisation === '' ? { $in: await checkpoints().distinct('organisation', { asleep: true }) } : organisation,
        asleep: true,
        ...(where === undefined ? {} : { $and: [sleeperCondition(where)] }),
        ...(status === undefined ? {} : status === 'suspended' ? { paused: true as const } : { paused: { $exists: false } }),
        ...(workflow === undefined ? {} : { workflow }),
        ...(before === undefined ? {} : { $or: [{ acceptedAt: { $lt: new Date(before.acceptedAtMs) } }, { acceptedAt: new Date(before.acceptedAtMs), _id: { $lt: before.id } }] }),
      };
      return checkpoints().find(filter).project<SleepingSummary>({ organisation: 1, workflow: 1, version: 1, acceptedAt: 1, paused: 1, fields: 1 }).sort({ acceptedAt: -1, _id: -1 }).limit(limit).maxTimeMS(SEARCH_MS_MAX).toArray();
    },
    async remove(ids) {
      const found = await checkpoints().find({ _id: { $in: [...ids] }, reference: { $exists: true } }, { projection: { reference: 1 } }).toArray();
      await checkpoints().deleteMany({ _id: { $in: [...ids] } });
      return found.flatMap(({ reference }) => (reference === undefined ? [] : [reference]));
    },
    async removeSegments(executions) {
      await segments().deleteMany({ execution: { $in: [...executions] } });
    },
    segments: (execution, below, from = 0) => segments().find({ execution, number: { $gte: from, $lt: below } }).sort({ number: 1 }).toArray(),
  };
}

/** Inserts those that are not there; yields the ids of the others. */
async function insertNew<T extends { readonly _id: string }>(collection: Collection<T>, documents: readonly T[]): Promise<ReadonlySet<string>> {
  try {
    await collection.insertMany([...documents] as OptionalUnlessRequiredId<T>[], { ordered: false });
    return new Set();
  } catch (error) {
    if (!isDuplicate(error)) throw error;
    // All of them: a replacement by itself changes nothing.
    return new Set(documents.map(({ _id }) => _id));
  }
}

/** What is older than a document by its hop, or by its sequence within the same (see `compareProgress`); an absent hop is 0. */
function older<T extends { readonly hop?: number; readonly sequence: number }>({ hop = 0 }: Progress, sequence: object): Filter<WithId<T>> {
  // Without a choice of filters, where there is none: most have not moved.
  if (hop === 0) return { hop: { $in: [null, 0] }, sequence } as Filter<WithId<T>>;
  const same = [{ hop, sequence }, { hop: null }];
  return { $or: [{ hop: { $lt: hop } }, ...same] as Filter<WithId<T>>[] } as Filter<WithId<T>>;
}
