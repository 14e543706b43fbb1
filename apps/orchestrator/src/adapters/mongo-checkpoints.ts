/** Checkpoints and journal segments in MongoDB. */
import type { AnyBulkWriteOperation, Collection } from 'mongodb';
import type { CheckpointDocument, CheckpointDocuments, SegmentDocument } from '@millrace/lane';
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
      const writes = documents.map((document): AnyBulkWriteOperation<CheckpointDocument> => ({ replaceOne: { filter: { _id: document._id, sequence: { $lt: document.sequence } }, replacement: document, upsert: true } }));
      await ignoringDuplicates(() => checkpoints().bulkWrite(writes, { ordered: false }));
    },
    async putSegments(documents) {
      // Not `$gte`: one without a sequence is older than any.
      const writes = documents.map((document): AnyBulkWriteOperation<SegmentDocument> => ({ replaceOne: { filter: { _id: document._id, sequence: { $not: { $gt: document.sequence } } }, replacement: document, upsert: true } }));
      await ignoringDuplicates(() => segments().bulkWrite(writes, { ordered: false }));
    },
    ofSlots: (slots) => checkpoints().find({ slot: { $in: [...slots] } }).toArray(),
    async remove(ids) {
      await checkpoints().deleteMany({ _id: { $in: [...ids] } });
    },
    segments: (execution, below) => segments().find({ execution, number: { $lt: below } }).sort({ number: 1 }).toArray(),
  };
}
