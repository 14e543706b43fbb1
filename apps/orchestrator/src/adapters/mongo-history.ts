/** Executions that have ended, in MongoDB. */
import type { Collection, Filter } from 'mongodb';
import type { HistoryDocument, HistoryDocuments, PayloadDocument } from '@millrace/lane';
import type { Store } from '@millrace/store';
import { ignoringDuplicates } from './ignoring-duplicates.ts';
import { historyCondition, SEARCH_MS_MAX } from './mongo-filter.ts';
import { packJournals, unpackJournal, type JournalPack, type PackedHistoryDocument } from './journal-packs.ts';

/** Those that did not complete, by status. */
export const UNFINISHED_INDEX = 'organisation_unfinished';
/** Those that have business fields, by each of them. */
export const FIELDS_INDEX = 'organisation_fields';
/** What release 0.1 had in its place. */
const FORMER_STATUS_INDEX = 'organisation_1_status_1_acceptedAt_-1__id_-1';

export function mongoHistory(store: Store): HistoryDocuments {
  const collection = (): Collection<PackedHistoryDocument> => store.collection<PackedHistoryDocument>('history');
  const packs = (): Collection<JournalPack> => store.collection<JournalPack>('journals');
  const payloads = (): Collection<PayloadDocument> => store.collection<PayloadDocument>('payloads');
  return {
    async putPayloads(documents) {
      await ignoringDuplicates(() => payloads().insertMany([...documents], { ordered: false }));
    },
    async payload(name) {
      return (await payloads().findOne({ _id: name }))?.text;
    },
    async removePayloads(executions) {
      await payloads().deleteMany({ execution: { $in: [...executions] } });
    },
    async endedBefore(ids, organisation, beforeMs) {
      const found = await collection().find({ _id: { $in: [...ids] }, endedAt: { $lt: new Date(beforeMs) }, ...(organisation === '' ? {} : { organisation }) }, { projection: { _id: 1 } }).toArray();
      return found.map(({ _id }) => _id);
    },
    async bytesOf(ids) {
      const sum = async (name: string, match: object, size: object): Promise<number> => {
        const [found] = await store.collection(name).aggregate<{ readonly bytes: number }>([{ $match: match }, { $group: { _id: null, bytes: { $sum: size } } }]).toArray();
        return found?.bytes ?? 0;
      };
      const whole = { $bsonSize: '$$ROOT' };
      const ofExecutions = { execution: { $in: [...ids] } };
      // A journal in a pack takes the part of it that it had before the pack was compressed.
      const parts = await Promise.all([sum('history', { _id: { $in: [...ids] } }, { $add: [whole, { $ifNull: ['$pack.bytes', 0] }] }), sum('segments', ofExecutions, whole), sum('payloads', ofExecutions, whole)]);
      return parts.reduce((total, bytes) => total + bytes, 0);
    },
    async remove(ids) {
      const packed = await collection().distinct('pack.id', { _id: { $in: [...ids] }, pack: { $exists: true } });
      let removed = (await collection().deleteMany({ _id: { $in: [...ids] }, pack: { $exists: false } })).deletedCount;
      for (const pack of packed as readonly string[]) {
        const { deletedCount } = await collection().deleteMany({ _id: { $in: [...ids] }, 'pack.id': pack });
        removed += deletedCount;
        // What was deleted here is counted here alone, so a pack never goes while somebody needs it; a crash in between keeps one too long.
        await packs().updateOne({ _id: pack }, { $inc: { removed: deletedCount } });
        await packs().deleteOne({ _id: pack, $expr: { $gte: ['$removed', '$executions'] } });
      }
      return removed;
    },
    async prepare() {
      await payloads().createIndex({ execution: 1 });
      await collection().createIndex({ organisation: 1, acceptedAt: -1, _id: -1 });
      // Most complete, and are found among all of their organisation: an index of them would be written for each and read by nobody.
      await collection().createIndex({ organisation: 1, status: 1, acceptedAt: -1, _id: -1 }, { name: UNFINISHED_INDEX, partialFilterExpression: { status: { $in: ['faulted', 'cancelled'] } } });
      await collection().dropIndex(FORMER_STATUS_INDEX).catch(() => undefined);
      await collection().createIndex({ organisation: 1, workflow: 1, acceptedAt: -1, _id: -1 });
      await collection().createIndex({ organisation: 1, 'fields.name': 1, 'fields.value': 1, acceptedAt: -1, _id: -1 }, { name: FIELDS_INDEX, partialFilterExpression: { fields: { $exists: true } } });
      await collection().createIndex({ slot: 1, endedAt: -1 }, { partialFilterExpression: { key: { $type: 'string' } } });
    },
    async insert(documents) {
      const { documents: packed, packs: full } = await packJournals(documents);
      if (full.length > 0) await ignoringDuplicates(() => packs().insertMany([...full], { ordered: false }));
      await ignoringDuplicates(() => collection().insertMany([...packed], { ordered: false }));
    },
    async get(id) {
      const found = await collection().findOne({ _id: id }, { promoteBuffers: true });
      return found === null ? null : unpackJournal(found, (pack) => packs().findOne({ _id: pack }, { promoteBuffers: true }));
    },
    async list({ organisation, status, workflow, where, before, limit }) {
      const filter: Filter<PackedHistoryDocument> = {
        // Each organisation is a part of the index, and the parts are merged in their order.
        organisation: organisation === '' ? { $in: await collection().distinct('organisation') } : organisation,
        ...(where === undefined ? {} : { $and: [historyCondition(where)] }),
        ...(status === undefined ? {} : { status: status as HistoryDocument['status'] }),
        ...(workflow === undefined ? {} : { workflow }),
        ...(before === undefined ? {} : { $or: [{ acceptedAt: { $lt: new Date(before.acceptedAtMs) } }, { acceptedAt: new Date(before.acceptedAtMs), _id: { $lt: before.id } }] }),
      };
      return collection().find(filter, { projection: { entries: 0, journal: 0, pack: 0 } }).sort({ acceptedAt: -1, _id: -1 }).limit(limit).maxTimeMS(SEARCH_MS_MAX).toArray() as Promise<HistoryDocument[]>;
    },
    async present(ids) {
      const found = await collection().find({ _id: { $in: [...ids] } }, { projection: { _id: 1 } }).toArray();
      return new Set(found.map(({ _id }) => _id));
    },
    async digests(ids, limitMs) {
      const found = await collection().find({ _id: { $in: [...ids] } }, { projection: { inputDigest: 1 }, maxTimeMS: limitMs }).toArray();
      return new Map(found.map(({ _id, inputDigest }) => [_id, inputDigest]));
    },
    async definitions(ids) {
      const found = await collection().find({ _id: { $in: [...ids] } }, { projection: { definition: 1 } }).toArray();
      return new Map(found.map(({ _id, definition }) => [_id, definition]));
    },
    async keyed(slots, sinceMs, limit) {
      const since = new Date(sinceMs);
      const keyed = { slot: { $in: [...slots] }, key: { $type: 'string' as const } };
      const found = await collection()
        .find({ ...keyed, endedAt: { $gt: since } }, { projection: { inputDigest: 1, endedAt: 1 } })
        .sort({ endedAt: -1 })
        .limit(limit)
        .toArray();
      const older = found.length < limit && (await collection().findOne({ ...keyed, endedAt: { $lte: since } }, { projection: { _id: 1 } })) !== null;
      return { older, starts: found.map(({ _id, inputDigest, endedAt }) => ({ id: _id, digest: inputDigest, endedAtMs: endedAt.getTime() })) };
    },
  };
}
