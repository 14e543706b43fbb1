/**
 * Checkpoints of running executions and segments of their journals, in MongoDB.
 *
 * - Written in bulk, never awaited on the step path.
 * - A checkpoint is replaced only by a later one: an older owner's late write changes nothing.
 * - The segment of a journal is written before the checkpoint that covers it, under a name that a replay
 *   from the checkpoint before would give it too.
 */
import { MongoBulkWriteError, type AnyBulkWriteOperation, type Collection } from 'mongodb';
import type { Store } from '@millrace/store';
import { SLOT_COUNT, laneOfSlot, slotOf, type SlotTable } from '@millrace/identity';
import { snapshotOf, type Snapshot } from '@millrace/engine';
import type { Actor } from '../lane/actor.ts';

export interface StoredCheckpoint {
  readonly id: string;
  readonly organisation: string;
  readonly sequence: number;
  readonly segments: number;
  readonly snapshot: Snapshot;
}

interface CheckpointDocument {
  readonly _id: string;
  readonly organisation: string;
  readonly slot: number;
  readonly sequence: number;
  readonly segments: number;
  /** JSON text: keys of user data may hold what field names may not. */
  readonly state: string;
  /** The earliest timer, for waking without loading. */
  readonly dueMs: number | null;
}

export interface SegmentDocument {
  readonly _id: string;
  readonly execution: string;
  readonly number: number;
  /** JSON texts of journal entries. */
  readonly entries: readonly string[];
}

export interface CheckpointStore {
  prepare(): Promise<void>;
  write(actors: readonly Actor[]): Promise<void>;
  load(table: SlotTable, lane: number): Promise<readonly StoredCheckpoint[]>;
  remove(ids: readonly string[]): Promise<void>;
  /** Entries of the first `count` segments of a journal; a later one is left over from a checkpoint that came too late. */
  segments(execution: string, count: number): Promise<readonly string[]>;
}

export function createCheckpointStore(store: Store): CheckpointStore {
  const checkpoints = (): Collection<CheckpointDocument> => store.collection<CheckpointDocument>('checkpoints');
  const segments = (): Collection<SegmentDocument> => store.collection<SegmentDocument>('segments');
  return {
    async prepare() {
      await checkpoints().createIndex({ slot: 1, dueMs: 1 });
      await segments().createIndex({ execution: 1, number: 1 });
    },
    async write(actors) {
      // Everything is read from the actors before the first await: they go on changing.
      const written = actors.map((actor) => ({ actor, document: documentOf(actor), segment: segmentOf(actor), entries: actor.entries.length }));
      const journal = written.flatMap(({ segment }): AnyBulkWriteOperation<SegmentDocument>[] => (segment === undefined ? [] : [{ replaceOne: { filter: { _id: segment._id }, replacement: segment, upsert: true } }]));
      if (journal.length > 0) await segments().bulkWrite(journal, { ordered: false });
      const states = written.map(({ document }): AnyBulkWriteOperation<CheckpointDocument> => ({ replaceOne: { filter: { _id: document._id, sequence: { $lt: document.sequence } }, replacement: document, upsert: true } }));
      await ignoringDuplicates(() => checkpoints().bulkWrite(states, { ordered: false }));
      for (const { actor, segment, entries } of written) {
        actor.checkpointed = true;
        if (segment !== undefined) actor.segments = segment.number + 1;
        actor.entries = actor.entries.slice(entries);
      }
    },
    async load(table, lane) {
      const slots = Array.from({ length: SLOT_COUNT }, (_, slot) => slot).filter((slot) => laneOfSlot(table, slot) === lane);
      const found = await checkpoints().find({ slot: { $in: slots } }).toArray();
      return found.map(({ _id, organisation, sequence, segments: count, state }) => ({ id: _id, organisation, sequence, segments: count, snapshot: JSON.parse(state) as Snapshot }));
    },
    async remove(ids) {
      await checkpoints().deleteMany({ _id: { $in: [...ids] } });
    },
    async segments(execution, count) {
      const found = await segments().find({ execution, number: { $lt: count } }).sort({ number: 1 }).toArray();
      return found.flatMap((segment) => segment.entries);
    },
  };
}

/**
 * Runs an unordered bulk write in which some documents may be there already: an upsert whose filter asks for
 * an older sequence collides with the newer document, a repeated insert with itself. Anything else fails,
 * above all a write of which it is not known whether it is durable.
 */
export async function ignoringDuplicates(write: () => Promise<unknown>): Promise<void> {
  try {
    await write();
  } catch (error) {
    if (!(error instanceof MongoBulkWriteError)) throw error;
    const errors = Array.isArray(error.writeErrors) ? error.writeErrors : [error.writeErrors];
    const unsure = error.result.getWriteConcernError() !== undefined;
    if (unsure || errors.length === 0 || !errors.every((each) => each.code === DUPLICATE_KEY)) throw error;
  }
}

const DUPLICATE_KEY = 11_000;

function documentOf(actor: Actor): CheckpointDocument {
  const { execution } = actor;
  let dueMs: number | null = null;
  for (const activation of execution.activations.values()) if (activation.dueMs !== undefined && (dueMs === null || activation.dueMs < dueMs)) dueMs = activation.dueMs;
  return {
    _id: execution.id,
    organisation: execution.organisation,
    slot: slotOf(execution.id),
    sequence: actor.lastSequence,
    segments: actor.segments + (actor.entries.length > 0 ? 1 : 0),
    state: JSON.stringify(snapshotOf(execution)),
    dueMs,
  };
}

function segmentOf(actor: Actor): SegmentDocument | undefined {
  if (actor.entries.length === 0) return undefined;
  const { id } = actor.execution;
  return { _id: `${id}/${actor.segments}`, execution: id, number: actor.segments, entries: actor.entries };
}
