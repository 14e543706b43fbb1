/**
 * Checkpoints of running executions and segments of their journals, behind the log.
 *
 * Owns what is written, and in which order. Does not own the database (checkpoint-documents.ts).
 *
 * - Written in bulk, never awaited on the step path.
 * - A checkpoint is replaced only by a later one, by hop and then by sequence: an older owner's late write changes nothing.
 * - The segments of a journal are written before the checkpoint that covers them. One that is there stays as it is:
 *   a checkpoint that covers it may have landed without an answer. Whoever writes the journal again, a replay or a next
 *   try, finds its own entries there and goes on behind them.
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
  readonly entries: readonly string[];
}

export interface WrittenSegments {
  /** Names of payloads, as of `write`. */
  readonly kept: readonly string[];
  /** By execution: how many segments its journal has up to and with these entries. */
  readonly counts: ReadonlyMap<string, number>;
  /** Executions of which a later owner has written more into these segments. */
  readonly outdated: ReadonlySet<string>;
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
  /** Writes journals' entries. */
  writeSegments(overflows: readonly Overflow[]): Promise<WrittenSegments>;
  /** Removes all segments of executions. */
  removeSegments(executions: readonly string[]): Promise<void>;
  /** Entries of the first `count` segments of a journal, from number `from` on; a later one is left over from a checkpoint that came too late. */
  segments(execution: string, count: number, from?: number): Promise<readonly string[]>;
}

export function createCheckpointStore(documents: CheckpointDocuments, payloads: PayloadArchive, clock: Clock, format: () => number): CheckpointStore {
  /** One segment of each in turn: where the next begins is known only when this one is there. */
  async function writeSegments(overflows: readonly Overflow[]): Promise<WrittenSegments> {
    const kept = await payloads.keep(overflows);
    const counts = new Map<string, number>();
    const outdated = new Set<string>();
    let open = overflows.map((overflow) => ({ ...overflow, number: overflow.from, at: 0 }));
    while (open.length > 0) {
      const next = open.map(({ execution, number, at, hop, sequence, entries }): SegmentDocument => ({ _id: `${execution}/${number}`, execution, number, hop, sequence, entries: segmentFrom(entries, at) }));
      const there = new Map((await documents.addSegments(next)).map((segment) => [segment.execution, segment.entries]));
      const foreign = next.filter(({ execution }, index) => !fits(there.get(execution), open[index]?.entries ?? [], open[index]?.at ?? 0));
      // Of another run under the same id, left over from its removal.
      if (foreign.length > 0) await documents.putSegments(foreign);
      for (const { execution } of foreign) there.delete(execution);
      open.forEach((each, index) => {
        each.at += (there.get(each.execution) ?? next[index]?.entries ?? []).length;
        each.number++;
        if (each.at >= each.entries.length) counts.set(each.execution, each.number);
        if (each.at > each.entries.length) outdated.add(each.execution);
      });
      open = open.filter(({ at, entries }) => at < entries.length);
    }
    return { kept, counts, outdated };
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
        const overflow: Overflow = { execution: actor.execution.id, from: actor.segments, hop: actor.hop, sequence: actor.lastSequence, entries: isShort ? [] : actor.journal.texts() };
        return { actor, overflow, ...documentOf(lane, actor, isShort, format()) };
      });
      const storeAll = async (): Promise<WrittenSegments> => {
        await payloads.put(written.flatMap(({ large }) => (large === undefined ? [] : [large])));
        const segments = await writeSegments(written.flatMap(({ overflow }) => (overflow.entries.length === 0 ? [] : [overflow])));
        await documents.putCheckpoints(
          written.flatMap(({ document }) => (segments.outdated.has(document._id) ? [] : [{ ...document, segments: segments.counts.get(document._id) ?? document.segments }])),
          new Set(written.flatMap(({ actor }) => (actor.isStored ? [] : [actor.execution.id]))),
        );
        return segments;
      };
      const { kept, counts, outdated } = await within(clock, WRITE_MS_MAX, 'Writing checkpoints', storeAll());
      const unused: string[] = [];
      for (const { actor, overflow, large } of written) {
        if (actor.stateObject !== undefined && actor.stateObject !== large?.name) unused.push(actor.stateObject);
        actor.stateObject = large?.name;
        const count = counts.get(actor.execution.id);
        // What has ended meanwhile has its whole journal in its history.
        if (count === undefined || actor.execution.end !== undefined || outdated.has(actor.execution.id)) continue;
        actor.segments = count;
        actor.journal.drop(overflow.entries.length);
      }
      if (unused.length > 0) await payloads.remove(unused);
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

/** As many entries from one on as a segment holds; a longer one is a segment by itself. */
function segmentFrom(entries: readonly string[], from: number): readonly string[] {
  let below = from + 1;
  for (let room = SEGMENT_CHARACTERS_MAX - (entries[from] ?? '').length; below < entries.length && (entries[below] as string).length <= room; below++) room -= (entries[below] as string).length;
  return entries.slice(from, below);
}

/** Whether what is there of a journal is what is to be written from an entry on, less of it or more. */
function fits(there: readonly string[] | undefined, entries: readonly string[], from: number): boolean {
  return there === undefined || there.slice(0, entries.length - from).every((entry, index) => entry === entries[from + index]);
}

function documentOf(lane: number, actor: Actor, isShort: boolean, format: number): { readonly document: CheckpointDocument; readonly large: { readonly name: string; readonly text: string } | undefined } {
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
    segments: actor.segments,
    entries: isShort ? actor.journal.texts() : [],
    state: large === undefined ? text : '',
    ...(large === undefined ? {} : { reference: large.name }),
    dueMs: dueMs === Infinity ? null : dueMs,
    asleep,
    ...(asleep ? fieldsPart(fieldsOf(execution.program, execution.rawInput.value, execution.acceptedAtMs)) : {}),
    ...(execution.paused === undefined ? {} : { paused: true as const }),
  };
  return { document, large };
}
