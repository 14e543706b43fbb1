/** Checkpoints and journal segments in MongoDB. */
import type { AnyBulkWriteOperation, Collection, Filter, WithId } from 'mongodb';
import type { CheckpointDocument, CheckpointDocuments, Progress, SegmentDocument } from '@millrace/lane';
import type { Store } from '@millrace/store';
import { ignoringDuplicates } from './ignoring-duplicates.ts';

export function mongoCheckpoints(store: Store): CheckpointDocuments {
  const checkpoints = (): Collection<CheckpointDocument> => store.collection<CheckpointDocument>('checkpoints');
  const segments = (): Collection<SegmentDocument> => store.collection<SegmentDocument>('segments');
  return {
    async prepare() {
      await checkpoints().createIndex({ slot: 1, dueMs: 1 });
      await segments().createIndex({ execution: 1, number: 1 });
    },
    async putCheckpoints(documents) {
      const writes = documents.map((document): AnyBulkWriteOperation<CheckpointDocument> => ({ replaceOne: { filter: { _id: document._id, ...older<CheckpointDocument>(document, { $lt: document.sequence }) }, replacement: document, upsert: true } }));
      await ignoringDuplicates(() => checkpoints().bulkWrite(writes, { ordered: false }));
    },
    async putSegments(documents) {
      // Not `$lte`: one without a sequence is older than any.
      const writes = documents.map((document): AnyBulkWriteOperation<SegmentDocument> => ({ replaceOne: { filter: { _id: document._id, ...older<SegmentDocument>(document, { $not: { $gt: document.sequence } }) }, replacement: document, upsert: true } }));
      await ignoringDuplicates(() => segments().bulkWrite(writes, { ordered: false }));
    },
    ofSlots: (slots) => checkpoints().find({ slot: { $in: [...slots] } }).toArray(),
    async remove(ids) {
      await checkpoints().deleteMany({ _id: { $in: [...ids] } });
    },
    segments: (execution, below) => segments().find({ execution, number: { $lt: below } }).sort({ number: 1 }).toArray(),
  };
}

/** What is older than a document by its hop, or by its sequence within the same (see `compareProgress`); an absent hop is 0. */
function older<T extends { readonly hop?: number; readonly sequence: number }>({ hop = 0 }: Progress, sequence: object): { $or: Filter<WithId<T>>[] } {
  const same = hop === 0 ? [{ hop: { $in: [null, 0] }, sequence }] : [{ hop, sequence }, { hop: null }];
  return { $or: [{ hop: { $lt: hop } }, ...same] as Filter<WithId<T>>[] };
}
