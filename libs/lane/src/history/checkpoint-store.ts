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
 * - The end of a journal, up to TAIL_CHARACTERS_MAX, stands in the checkpoint itself: one write for most.
 */
import type { Clock } from '@millrace/clock';
import { slotOf } from '@millrace/identity';
import { fieldsOf, restingUntil, snapshotOf, type Snapshot } from '@millrace/engine';
import type { Actor } from '../lane/actor.ts';
import type { IdTable } from '../lane/id-table.ts';
import type { DuePlace } from '../lane/sleepers.ts';
import type { CheckpointDocument, CheckpointDocuments, SegmentDocument, SleepingSummary } from './checkpoint-documents.ts';
import { fieldsPart, type ListFilter } from './history-documents.ts';
import type { PayloadArchive } from './payload-archive.ts';
import { within, WRITE_MS_MAX } from './within.ts';

/** Longest state kept in a document, in characters. */
const STATE_CHARACTERS_MAX = 2 * 1024 * 1024;
/** Journal text of one segment, in characters; a single longer entry is one by itself. */
export const SEGMENT_CHARACTERS_MAX = 2 * 1024 * 1024;
/** Journal text that stands in the checkpoint, in characters; more of it becomes segments. */
export const TAIL_CHARACTERS_MAX = 4 * 1024;

/** The first format whose checkpoints hold a journal's tail. */
const TAIL_FORMAT = 2;

export interface StoredCheckpoint {
  readonly id: string;
  readonly organisation: string;
  readonly hop: number;
  /** Whose sequence it is; undefined on one of release 0.1, when executions did not move. */
  readonly lane: number | undefined;
  readonly sequence: number;
  readonly segments: number;
  /** The journal's entries after those in segments. */
  readonly entries: readonly string[];
  /** The object that holds the state, where it is too large for the document. */
  readonly stateObject?: string;
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
  /** Yields the names of payloads that the journals in the database name: the log may need their objects, nothing else does. */
  write(lane: number, actors: readonly Actor[]): Promise<readonly string[]>;
  /** Those of the slots that are not asleep. */
  awake(slots: readonly number[]): Promise<readonly StoredCheckpoint[]>;
  /** Adds the ids of those of the slots that are asleep. */
  addAsleep(slots: readonly number[], to: IdTable): Promise<void>;
  get(ids: readonly string[]): Promise<readonly StoredCheckpoint[]>;
  due(slots: readonly number[], after: DuePlace, untilMs: number, limit: number): Promise<readonly DuePlace[]>;
  listAsleep(filter: ListFilter): Promise<readonly SleepingSummary[]>;
  remove(ids: readonly string[]): Promise<void>;
  /** As `write`, of journals. */
  writeSegments(overflows: readonly Overflow[]): Promise<readonly string[]>;
  /** Removes all segments of executions. */
  removeSegments(executions: readonly string[]): Promise<void>;
  /** Entries of the first `count` segments of a journal, from number `from` on; a later one is left over from a checkpoint that came too late. */
  segments(execution: string, count: number, from?: number): Promise<readonly string[]>;
}

export function createCheckpointStore(documents: CheckpointDocuments, payloads: PayloadArchive, clock: Clock, format: () => number): CheckpointStore {
  async function writeSegments(overflows: readonly Overflow[]): Promise<readonly string[]> {
    const kept = await payloads.keep(overflows.map(({ execution, segments: list }) => ({ execution, entries: list.flat() })));
    const writes = overflows.flatMap(({ execution, from, hop, sequence, segments: list }) =>
      list.map((entries, index): SegmentDocument => ({ _id: `${execution}/${from + index}`, execution, number: from + index, hop, sequence, entries })),
    );
    if (writes.length > 0) await documents.putSegments(writes);
    return kept;
  }

  async function read(found: readonly CheckpointDocument[]): Promise<readonly StoredCheckpoint[]> {
    const loaded: StoredCheckpoint[] = [];
    for (const document of found) {
      const text = document.reference === undefined ? document.state : await payloads.get(document.reference);
      loaded.push({ id: document._id, organisation: document.organisation, hop: document.hop ?? 0, lane: document.lane, sequence: document.sequence, segments: document.segments, entries: document.entries ?? [], ...(document.reference === undefined ? {} : { stateObject: document.reference }), snapshot: JSON.parse(text) as Snapshot });
    }
    return loaded;
  }

  return {
    writeSegments,
    prepare: () => documents.prepare(),
    async write(lane, actors) {
      // Everything is read from the actors before the first await: they go on changing.
      const written = actors.map((actor) => {
        // Who reads format 1 alone looks for them in segments.
        const isShort = format() >= TAIL_FORMAT && actor.journal.size <= TAIL_CHARACTERS_MAX;
        const overflow: Overflow = { execution: actor.execution.id, from: actor.segments, hop: actor.hop, sequence: actor.lastSequence, segments: isShort ? [] : inSegments(actor.journal.texts()) };
        return { actor, overflow, entries: isShort ? 0 : actor.journal.count, ...documentOf(lane, actor, overflow.segments.length, format()) };
      });
      const storeAll = async (): Promise<readonly string[]> => {
        await payloads.put(written.flatMap(({ large }) => (large === undefined ? [] : [large])));
        const kept = await writeSegments(written.map(({ overflow }) => overflow));
        await documents.putCheckpoints(
          written.map(({ document }) => document),
          new Set(written.flatMap(({ actor }) => (actor.isStored ? [] : [actor.execution.id]))),
        );
        return kept;
      };
      const kept = await within(clock, WRITE_MS_MAX, 'Writing checkpoints', storeAll());
      const outdated: string[] = [];
      for (const { actor, overflow, entries, large } of written) {
        if (actor.stateObject !== undefined && actor.stateObject !== large?.name) outdated.push(actor.stateObject);
        actor.stateObject = large?.name;
        // What has ended meanwhile has its whole journal in its history.
        if (entries === 0 || actor.execution.end !== undefined) continue;
        actor.segments = overflow.from + overflow.segments.length;
        actor.journal.drop(entries);
      }
      if (outdated.length > 0) await payloads.remove(outdated);
      return kept;
    },
    awake: async (slots) => read(await documents.awake(slots)),
    async addAsleep(slots, to) {
      for await (const ids of documents.asleep(slots)) for (const id of ids) to.set(id);
    },
    get: async (ids) => read(await documents.get(ids)),
    due: (slots, after, untilMs, limit) => documents.due(slots, after, untilMs, limit),
    listAsleep: (filter) => documents.listAsleep(filter),
    async remove(ids) {
      const states = await documents.remove(ids);
      if (states.length > 0) await payloads.remove(states);
    },
    removeSegments: (executions) => documents.removeSegments(executions),
    async segments(execution, count, from = 0) {
      const found = await documents.segments(execution, count, from);
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

function documentOf(lane: number, actor: Actor, newSegments: number, format: number): { readonly document: CheckpointDocument; readonly large: { readonly name: string; readonly text: string } | undefined } {
  const { execution } = actor;
  let dueMs = Infinity;
  for (const activation of execution.activations.values()) if (activation.dueMs !== undefined && activation.dueMs < dueMs) dueMs = activation.dueMs;
  const text = JSON.stringify(snapshotOf(execution, format));
  const large = text.length <= STATE_CHARACTERS_MAX ? undefined : { name: `state.${execution.id}.${actor.hop}.${actor.lastSequence}`, text };
  const asleep = restingUntil(execution) !== undefined;
  const document: CheckpointDocument = {
    _id: execution.id,
    organisation: execution.organisation,
    workflow: execution.workflow,
    version: execution.version,
    acceptedAt: new Date(execution.acceptedAtMs),
    slot: slotOf(execution.id),
    hop: actor.hop,
    lane,
    sequence: actor.lastSequence,
    segments: actor.segments + newSegments,
    entries: newSegments === 0 ? actor.journal.texts() : [],
    state: large === undefined ? text : '',
    ...(large === undefined ? {} : { reference: large.name }),
    dueMs: dueMs === Infinity ? null : dueMs,
    asleep,
    ...(asleep ? fieldsPart(fieldsOf(execution.program, execution.rawInput.value, execution.acceptedAtMs)) : {}),
    ...(execution.paused === undefined ? {} : { paused: true as const }),
  };
  return { document, large };
}
