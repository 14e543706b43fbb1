/**
 * Checkpoints of running executions and segments of their journals, in MongoDB.
 *
 * - Written in bulk, never awaited on the step path.
 * - A checkpoint is replaced only by a later one: an older owner's late write changes nothing.
 * - The segments of a journal are written before the checkpoint that covers them, under names that a replay
 *   from the checkpoint before would give them too; as with checkpoints, a later one stays.
 * - Documents stay far below MongoDB's 16 MiB: a journal is cut into segments of SEGMENT_CHARACTERS_MAX, a state
 *   over STATE_CHARACTERS_MAX stands by reference.
 */
import { MongoBulkWriteError, type AnyBulkWriteOperation, type Collection } from 'mongodb';
import type { Store } from '@millrace/store';
import { SLOT_COUNT, laneOfSlot, slotOf, type SlotTable } from '@millrace/identity';
import { snapshotOf, type Snapshot } from '@millrace/engine';
import type { Actor } from '../lane/actor.ts';
import type { PayloadStore } from './payload-store.ts';
import { within, WRITE_MS_MAX } from './within.ts';

/** Longest state kept in a document, in characters. */
const STATE_CHARACTERS_MAX = 2 * 1024 * 1024;
/** Journal text of one segment, in characters; a single longer entry is one by itself. */
export const SEGMENT_CHARACTERS_MAX = 2 * 1024 * 1024;

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
  /** JSON text: keys of user data may hold what field names may not. Empty when it stands by reference. */
  readonly state: string;
  /** The name of the state's text in the object bucket. */
  readonly reference?: string;
  /** The earliest timer, for waking without loading. */
  readonly dueMs: number | null;
}

export interface SegmentDocument {
  readonly _id: string;
  readonly execution: string;
  readonly number: number;
  /** The frame that the writer had seen; 0 on segments of earlier releases. */
  readonly sequence: number;
  /** JSON texts of journal entries. */
  readonly entries: readonly string[];
}

/** Journal entries on their way into segments. */
export interface Overflow {
  readonly execution: string;
  /** Number of the first segment. */
  readonly from: number;
  readonly sequence: number;
  readonly segments: readonly (readonly string[])[];
}

export interface CheckpointStore {
  prepare(): Promise<void>;
  write(actors: readonly Actor[]): Promise<void>;
  load(table: SlotTable, lane: number): Promise<readonly StoredCheckpoint[]>;
  remove(ids: readonly string[]): Promise<void>;
  writeSegments(overflows: readonly Overflow[]): Promise<void>;
  /** Entries of the first `count` segments of a journal; a later one is left over from a checkpoint that came too late. */
  segments(execution: string, count: number): Promise<readonly string[]>;
}

export function createCheckpointStore(store: Store, payloads: PayloadStore): CheckpointStore {
  const checkpoints = (): Collection<CheckpointDocument> => store.collection<CheckpointDocument>('checkpoints');
  const segments = (): Collection<SegmentDocument> => store.collection<SegmentDocument>('segments');

  async function writeSegments(overflows: readonly Overflow[]): Promise<void> {
    const writes = overflows.flatMap(({ execution, from, sequence, segments: list }) =>
      list.map((entries, index): AnyBulkWriteOperation<SegmentDocument> => {
        const replacement: SegmentDocument = { _id: `${execution}/${from + index}`, execution, number: from + index, sequence, entries };
        // Not `$gte`: one without a sequence is older than any.
        return { replaceOne: { filter: { _id: replacement._id, sequence: { $not: { $gt: sequence } } }, replacement, upsert: true } };
      }),
    );
    if (writes.length > 0) await ignoringDuplicates(() => segments().bulkWrite(writes, { ordered: false }));
  }

  return {
    writeSegments,
    async prepare() {
      await checkpoints().createIndex({ slot: 1, dueMs: 1 });
      await segments().createIndex({ execution: 1, number: 1 });
    },
    async write(actors) {
      // Everything is read from the actors before the first await: they go on changing.
      const written = actors.map((actor) => {
        const overflow: Overflow = { execution: actor.execution.id, from: actor.segments, sequence: actor.lastSequence, segments: inSegments(actor.entries) };
        return { actor, overflow, entries: actor.entries.length, ...documentOf(actor, overflow.segments.length) };
      });
      const storeAll = async (): Promise<void> => {
        await payloads.put(written.flatMap(({ large }) => (large === undefined ? [] : [large])));
        await writeSegments(written.map(({ overflow }) => overflow));
        const states = written.map(({ document }): AnyBulkWriteOperation<CheckpointDocument> => ({ replaceOne: { filter: { _id: document._id, sequence: { $lt: document.sequence } }, replacement: document, upsert: true } }));
        await ignoringDuplicates(() => checkpoints().bulkWrite(states, { ordered: false }));
      };
      await within(WRITE_MS_MAX, 'Writing checkpoints', storeAll());
      for (const { actor, overflow, entries } of written) {
        actor.segments = overflow.from + overflow.segments.length;
        actor.entries = actor.entries.slice(entries);
      }
    },
    async load(table, lane) {
      const slots = Array.from({ length: SLOT_COUNT }, (_, slot) => slot).filter((slot) => laneOfSlot(table, slot) === lane);
      const found = await checkpoints().find({ slot: { $in: slots } }).toArray();
      const loaded: StoredCheckpoint[] = [];
      for (const { _id, organisation, sequence, segments: count, state, reference } of found) {
        const text = reference === undefined ? state : await payloads.get(reference);
        loaded.push({ id: _id, organisation, sequence, segments: count, snapshot: JSON.parse(text) as Snapshot });
      }
      return loaded;
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

/** Entries cut into the runs that one segment each holds. */
export function inSegments(entries: readonly string[]): readonly (readonly string[])[] {
  const cut: string[][] = [];
  let room = 0;
  for (const entry of entries) {
    if (cut.length === 0 || entry.length > room) {
      cut.push([]);
      room = SEGMENT_CHARACTERS_MAX;
    }
    cut.at(-1)?.push(entry);
    room -= entry.length;
  }
  return cut;
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

function documentOf(actor: Actor, newSegments: number): { readonly document: CheckpointDocument; readonly large: { readonly name: string; readonly text: string } | undefined } {
  const { execution } = actor;
  let dueMs: number | null = null;
  for (const activation of execution.activations.values()) if (activation.dueMs !== undefined && (dueMs === null || activation.dueMs < dueMs)) dueMs = activation.dueMs;
  const text = JSON.stringify(snapshotOf(execution));
  const large = text.length <= STATE_CHARACTERS_MAX ? undefined : { name: `state.${execution.id}.${actor.lastSequence}`, text };
  const document: CheckpointDocument = {
    _id: execution.id,
    organisation: execution.organisation,
    slot: slotOf(execution.id),
    sequence: actor.lastSequence,
    segments: actor.segments + newSegments,
    state: large === undefined ? text : '',
    ...(large === undefined ? {} : { reference: large.name }),
    dueMs,
  };
  return { document, large };
}
