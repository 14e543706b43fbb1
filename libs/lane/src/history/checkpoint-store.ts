/**
 * Checkpoints of running executions and segments of their journals, behind the log.
 *
 * Owns what is written, and in which order. Does not own the database (checkpoint-documents.ts).
 *
 * - Written in bulk, never awaited on the step path.
 * - A checkpoint is replaced only by a later one, by hop and then by sequence: an older owner's late write changes nothing.
 * - The segments of a journal are written before the checkpoint that covers them, under names that a replay
 *   from the checkpoint before would give them too; as with checkpoints, a later one stays.
 * - Documents stay far below MongoDB's 16 MiB: a journal is cut into segments of SEGMENT_CHARACTERS_MAX, a state
 *   over STATE_CHARACTERS_MAX stands by reference.
 */
import type { Clock } from '@millrace/clock';
import { slotOf } from '@millrace/identity';
import { snapshotOf, type Snapshot } from '@millrace/engine';
import type { Actor } from '../lane/actor.ts';
import type { CheckpointDocument, CheckpointDocuments, SegmentDocument } from './checkpoint-documents.ts';
import type { PayloadStore } from './payload-store.ts';
import { within, WRITE_MS_MAX } from './within.ts';

/** Longest state kept in a document, in characters. */
const STATE_CHARACTERS_MAX = 2 * 1024 * 1024;
/** Journal text of one segment, in characters; a single longer entry is one by itself. */
export const SEGMENT_CHARACTERS_MAX = 2 * 1024 * 1024;

export interface StoredCheckpoint {
  readonly id: string;
  readonly organisation: string;
  readonly hop: number;
  /** Whose sequence it is; undefined on one of release 0.1, when executions did not move. */
  readonly lane: number | undefined;
  readonly sequence: number;
  readonly segments: number;
  readonly snapshot: Snapshot;
}

/** Journal entries on their way into segments. */
export interface Overflow {
  readonly execution: string;
  /** Number of the first segment. */
  readonly from: number;
  readonly hop: number;
  readonly sequence: number;
  readonly segments: readonly (readonly string[])[];
}

export interface CheckpointStore {
  prepare(): Promise<void>;
  write(lane: number, actors: readonly Actor[]): Promise<void>;
  load(slots: readonly number[]): Promise<readonly StoredCheckpoint[]>;
  remove(ids: readonly string[]): Promise<void>;
  writeSegments(overflows: readonly Overflow[]): Promise<void>;
  /** Entries of the first `count` segments of a journal; a later one is left over from a checkpoint that came too late. */
  segments(execution: string, count: number): Promise<readonly string[]>;
}

export function createCheckpointStore(documents: CheckpointDocuments, payloads: PayloadStore, clock: Clock): CheckpointStore {
  async function writeSegments(overflows: readonly Overflow[]): Promise<void> {
    const writes = overflows.flatMap(({ execution, from, hop, sequence, segments: list }) =>
      list.map((entries, index): SegmentDocument => ({ _id: `${execution}/${from + index}`, execution, number: from + index, hop, sequence, entries })),
    );
    if (writes.length > 0) await documents.putSegments(writes);
  }

  return {
    writeSegments,
    prepare: () => documents.prepare(),
    async write(lane, actors) {
      // Everything is read from the actors before the first await: they go on changing.
      const written = actors.map((actor) => {
        const overflow: Overflow = { execution: actor.execution.id, from: actor.segments, hop: actor.hop, sequence: actor.lastSequence, segments: inSegments(actor.entries) };
        return { actor, overflow, entries: actor.entries.length, ...documentOf(lane, actor, overflow.segments.length) };
      });
      const storeAll = async (): Promise<void> => {
        await payloads.put(written.flatMap(({ large }) => (large === undefined ? [] : [large])));
        await writeSegments(written.map(({ overflow }) => overflow));
        await documents.putCheckpoints(written.map(({ document }) => document));
      };
      await within(clock, WRITE_MS_MAX, 'Writing checkpoints', storeAll());
      for (const { actor, overflow, entries } of written) {
        actor.segments = overflow.from + overflow.segments.length;
        actor.entries = actor.entries.slice(entries);
      }
    },
    async load(slots) {
      const found = await documents.ofSlots(slots);
      const loaded: StoredCheckpoint[] = [];
      for (const { _id, organisation, hop = 0, lane: at, sequence, segments: count, state, reference } of found) {
        const text = reference === undefined ? state : await payloads.get(reference);
        loaded.push({ id: _id, organisation, hop, lane: at, sequence, segments: count, snapshot: JSON.parse(text) as Snapshot });
      }
      return loaded;
    },
    remove: (ids) => documents.remove(ids),
    async segments(execution, count) {
      const found = await documents.segments(execution, count);
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

function documentOf(lane: number, actor: Actor, newSegments: number): { readonly document: CheckpointDocument; readonly large: { readonly name: string; readonly text: string } | undefined } {
  const { execution } = actor;
  let dueMs: number | null = null;
  for (const activation of execution.activations.values()) if (activation.dueMs !== undefined && (dueMs === null || activation.dueMs < dueMs)) dueMs = activation.dueMs;
  const text = JSON.stringify(snapshotOf(execution));
  const large = text.length <= STATE_CHARACTERS_MAX ? undefined : { name: `state.${execution.id}.${actor.hop}.${actor.lastSequence}`, text };
  const document: CheckpointDocument = {
    _id: execution.id,
    organisation: execution.organisation,
    slot: slotOf(execution.id),
    hop: actor.hop,
    lane,
    sequence: actor.lastSequence,
    segments: actor.segments + newSegments,
    state: large === undefined ? text : '',
    ...(large === undefined ? {} : { reference: large.name }),
    dueMs,
  };
  return { document, large };
}
