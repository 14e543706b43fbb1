/**
 * The frame: the one durable append of a commit cycle.
 *
 * Owns the bytes of a lane's log. JSON text; compression, when a writer uses it, wraps the whole text and
 * names itself by its magic number, outside this file.
 *
 * F1 A reader refuses a format, codec or record kind it does not know: the lane stops, nothing is skipped.
 * F2 Headers are clear; payloads go through the codec the frame names (`plain` so far).
 * F3 A payload over PAYLOAD_INLINE_CHARACTERS_MAX stands by reference: its text is an object written before the frame.
 *    So do all but the smallest of a transition that has TRANSITION_INLINE_CHARACTERS_MAX inside the frame already.
 * F4 What a transition cannot hold is a Fault: it ends that execution, never the lane (E6).
 * F5 A frame says the format it is written in, and holds nothing of a newer one (V2).
 */
import { FORMAT_NEWEST, FORMAT_OLDEST, RECORD_FORMATS, isReadable } from './format.ts';
import { fault } from './problem.ts';
import type { JournalEntry, JournalRecord } from './record.ts';
import { collectReferences, decodeRecord, type RawRecord } from './record-reader.ts';
import { encodeRecord, TRANSITION_INLINE_CHARACTERS_MAX, type LargePayload, type Place } from './record-writer.ts';

/** A frame is cut, between transitions, once it is longer than this, in characters. */
export const FRAME_CHARACTERS_MAX = 512 * 1024;

/** What happened to one execution in one commit cycle. */
export interface Transition {
  readonly organisation: string;
  readonly execution: string;
  readonly atMs: number;
  readonly records: readonly JournalRecord[];
  /** On a transition that was read: its journal entry's text, as `FrameWriter.add` yielded it. */
  readonly entry?: string;
}

export interface FrameHead {
  readonly lane: number;
  readonly epoch: number;
  /** The last sequence of `in.<lane>` whose inputs this and earlier frames hold. */
  readonly inputSequence: number;
  /** Set on an owner's first frame: the fence. */
  readonly owner?: string;
  /** Lifecycle events of every frame below this sequence have been published (E9); nothing is known without it. */
  readonly announcedBelow?: number;
  /** With this frame the lane gives slots away: what it knew of them stands in the objects, and no later frame of it names them (format 2). */
  readonly released?: ReleasedSlots;
  /** With this frame the lane has slots that another gave away (format 2). */
  readonly adopted?: AdoptedSlots;
}

interface MovedSlots {
  /** The move's id: the same in both logs. */
  readonly move: string;
  readonly slots: readonly number[];
  /** Names of the texts, in the bucket of payloads, that hold what was in the owner's memory. */
  readonly objects: readonly string[];
}

export interface ReleasedSlots extends MovedSlots {
  /** The lane that they go to. */
  readonly to: number;
}

export interface AdoptedSlots extends MovedSlots {
  /** The lane that they come from. */
  readonly from: number;
}

/** The first format whose heads have `released` and `adopted`. */
export const MOVES_FORMAT = 2;

export interface Frame extends FrameHead {
  readonly transitions: readonly Transition[];
}

/** Builds one frame's text. */
export interface FrameWriter {
  /** The format it writes: the one that is agreed. */
  readonly format: number;
  /** Length so far, in characters. */
  readonly length: number;
  readonly isEmpty: boolean;
  /** Adds a transition and yields the text of its journal entry, `[atMs,[record,…]]`, for history. */
  add(transition: Transition): string;
  /** The text, and the payloads to be stored first. */
  finish(head: FrameHead): { readonly text: string; readonly large: readonly LargePayload[] };
}

/**
 * A writer of frames of the agreed format; see format.ts.
 *
 * @param origin begins the names of large payloads. No two owners may have the same, for an execution may be in the
 * hands of several lanes one after the other.
 */
export function createFrameWriter(epoch: number, format: number = FORMAT_OLDEST, origin: string = String(epoch)): FrameWriter {
  const parts: string[] = [];
  const large: LargePayload[] = [];
  let length = 0;
  return {
    format,
    get length() {
      return length;
    },
    get isEmpty() {
      return parts.length === 0;
    },
    add(transition) {
      const entry = encodeEntry(transition, format, origin, large);
      const text = `[${JSON.stringify(transition.organisation)},"${transition.execution}",${entry.slice(1)}`;
      parts.push(text);
      length += text.length + 1;
      return entry;
    },
    finish: (head) => ({ text: frameHeadText(head, format) + parts.join() + FRAME_END, large }),
  };
}

/** What closes a frame's text behind its transitions, which are joined by commas. */
export const FRAME_END = ']}';

/** What opens a frame's text in front of its transitions. */
export function frameHeadText(head: FrameHead, format: number): string {
  const owner = head.owner === undefined ? '' : `,"owner":${JSON.stringify(head.owner)}`;
  const announced = head.announcedBelow === undefined ? '' : `,"out":${head.announcedBelow}`;
  if (format < MOVES_FORMAT && (head.released ?? head.adopted) !== undefined) throw new Error(`slots move in format ${MOVES_FORMAT}; ${format} is agreed`);
  const released = head.released === undefined ? '' : `,"released":${JSON.stringify(head.released)}`;
  const adopted = head.adopted === undefined ? '' : `,"adopted":${JSON.stringify(head.adopted)}`;
  return `{"v":${format},"codec":"plain","lane":${head.lane},"epoch":${head.epoch},"in":${head.inputSequence}${owner}${announced}${released}${adopted},"t":[`;
}

/**
 * The text of a transition's journal entry, `[atMs,[record,…]]`, as it stands in history, and behind its execution's
 * name in a frame. Payloads by reference are added to `large`. Throws a Fault (F4), and has added nothing then.
 */
export function encodeEntry(transition: Transition, format: number, origin: string, large: LargePayload[]): string {
  const { records } = transition;
  if (format < FORMAT_NEWEST) for (const record of records) refuseNewer(record, format);
  const before = large.length;
  const place: Place = { owner: `${origin}.${transition.execution}`, large, room: TRANSITION_INLINE_CHARACTERS_MAX };
  try {
    let text = `[${transition.atMs},[`;
    for (let index = 0; index < records.length; index++) text += index === 0 ? encodeRecord(records[index] as JournalRecord, place) : `,${encodeRecord(records[index] as JournalRecord, place)}`;
    return `${text}]]`;
  } catch (error) {
    large.length = before;
    throw error;
  }
}

function refuseNewer({ kind }: JournalRecord, format: number): void {
  const needed = RECORD_FORMATS[kind];
  if (needed > format) throw fault('configuration', `the execution needs record format ${needed} (${kind}); ${format} is agreed, until every orchestrator reads a newer one`);
}

/** Names of the objects a frame refers to. */
export function referencesOf(text: string): readonly string[] {
  if (!text.includes('@":"')) return [];
  const names: string[] = [];
  for (const [, , , records] of parse(text).t) {
    for (const record of records) collectReferences(record, names);
  }
  return names;
}

/** Reads a frame; `lookUp` yields the texts of payloads by reference. Throws on anything it does not know (F1). */
export function decodeFrame(text: string, lookUp: (name: string) => string): Frame {
  const raw = parse(text);
  return {
    ...headOf(raw),
    transitions: raw.t.map(([organisation, execution, atMs, records]) => ({ organisation, execution, atMs, records: records.map((record) => decodeRecord(record, lookUp)), entry: JSON.stringify([atMs, records]) })),
  };
}

/** A transition of which nothing is decoded but what it is about. */
export interface FramedEntry {
  readonly execution: string;
  readonly organisation: string;
  readonly begins: boolean;
  readonly ends: boolean;
  /** The journal entry's text, as `FrameWriter.add` yielded it. */
  text(): string;
}

/** The journal entries of a frame, in order. Throws on a format or codec that it does not know (F1). */
export function framedEntries(text: string): readonly FramedEntry[] {
  return parse(text).t.map(([organisation, execution, atMs, records]) => ({
    organisation,
    execution,
    begins: kindOf(records[0]) === 'started',
    ends: kindOf(records.at(-1)) === 'ended',
    text: () => JSON.stringify([atMs, records]),
  }));
}

/** The kind of a record, without its version. */
function kindOf(record: RawRecord | undefined): string {
  return String(record?.['k']).split('.')[0] ?? '';
}

/** Reads journal entries kept as the texts that a frame writer yielded. */
export function decodeEntries(texts: readonly string[], lookUp: (name: string) => string): readonly JournalEntry[] {
  return texts.map((text) => {
    const [atMs, records] = JSON.parse(text) as readonly [number, readonly RawRecord[]];
    return { atMs, records: records.map((record) => decodeRecord(record, lookUp)) };
  });
}

/** Names of the objects that journal entries refer to. */
export function entryReferencesOf(texts: readonly string[]): readonly string[] {
  const names: string[] = [];
  for (const text of texts) {
    if (!text.includes('@":"')) continue;
    const [, records] = JSON.parse(text) as readonly [number, readonly RawRecord[]];
    for (const record of records) collectReferences(record, names);
  }
  return names;
}

/** The head alone, for a check that needs no payload. */
export function decodeFrameHead(text: string): FrameHead {
  return headOf(parse(text));
}

function headOf(raw: RawFrame): FrameHead {
  return { lane: raw.lane, epoch: raw.epoch, inputSequence: raw.in, ...(raw.owner === undefined ? {} : { owner: raw.owner }), ...(raw.out === undefined ? {} : { announcedBelow: raw.out }), ...(raw.released === undefined ? {} : { released: raw.released }), ...(raw.adopted === undefined ? {} : { adopted: raw.adopted }) };
}

interface RawFrame {
  readonly v: number;
  readonly codec: string;
  readonly lane: number;
  readonly epoch: number;
  readonly in: number;
  readonly owner?: string;
  readonly out?: number;
  readonly released?: ReleasedSlots;
  readonly adopted?: AdoptedSlots;
  readonly t: readonly (readonly [organisation: string, execution: string, atMs: number, records: readonly RawRecord[]])[];
}

function parse(text: string): RawFrame {
  const raw = JSON.parse(text) as RawFrame;
  if (!isReadable(raw.v)) throw new Error(`frame format ${String(raw.v)} is not known to this release, which reads formats ${FORMAT_OLDEST} to ${FORMAT_NEWEST}`);
  if (raw.codec !== 'plain') throw new Error(`frame codec ${String(raw.codec)} is not known to this release`);
  return raw;
}
