/**
 * The frame: the one durable append of a commit cycle, format version 1.
 *
 * Owns the bytes of a lane's log. JSON text; compression, when a writer uses it, wraps the whole text and
 * names itself by its magic number, outside this file.
 *
 * F1 A reader refuses a version, codec or record kind it does not know: the lane stops, nothing is skipped.
 * F2 Headers are clear; payloads go through the codec the frame names (`plain` so far).
 * F3 A payload over PAYLOAD_INLINE_CHARACTERS_MAX stands by reference: its text is an object written before the frame.
 *    So do all but the smallest of a transition that has TRANSITION_INLINE_CHARACTERS_MAX inside the frame already.
 * F4 What a transition cannot hold is a Fault: it ends that execution, never the lane (E6).
 */
import { isTooDeep, payloadOf, textOf, NESTING_MAX, type Payload } from './payload.ts';
import type { JsonValue } from './program.ts';
import { fault, type Problem } from './problem.ts';
import type { JournalEntry, JournalRecord } from './record.ts';

export const FRAME_VERSION = 1;
/** Longest payload text kept inside a frame, in characters. */
export const PAYLOAD_INLINE_CHARACTERS_MAX = 64 * 1024;
/** Payload text that one transition keeps inside its frame, in characters. */
export const TRANSITION_INLINE_CHARACTERS_MAX = 256 * 1024;
/** Payloads so short stand inside the frame whatever the transition holds, in characters. */
const PAYLOAD_INLINE_CHARACTERS_ALWAYS = 256;
/** Longest text of a value that a task or an execution may yield, in characters. An execution's input is bounded by who accepts it. */
export const PAYLOAD_CHARACTERS_MAX = 1024 * 1024;
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
}

export interface Frame extends FrameHead {
  readonly transitions: readonly Transition[];
}

/** A payload text that must be stored under `name` before the frame is appended. */
export interface LargePayload {
  readonly name: string;
  readonly text: string;
}

/** Builds one frame's text. */
export interface FrameWriter {
  /** Length so far, in characters. */
  readonly length: number;
  readonly isEmpty: boolean;
  /** Adds a transition and yields the text of its journal entry, `[atMs,[record,…]]`, for history. */
  add(transition: Transition): string;
  /** The text, and the payloads to be stored first. */
  finish(head: FrameHead): { readonly text: string; readonly large: readonly LargePayload[] };
}

export function createFrameWriter(epoch: number): FrameWriter {
  const parts: string[] = [];
  const large: LargePayload[] = [];
  let length = 0;
  return {
    get length() {
      return length;
    },
    get isEmpty() {
      return parts.length === 0;
    },
    add(transition) {
      const place: Place = { owner: `${epoch}.${transition.execution}`, large, room: TRANSITION_INLINE_CHARACTERS_MAX };
      const records = transition.records.map((record) => encodeRecord(record, place));
      const entry = `${transition.atMs},[${records.join()}]]`;
      const text = `[${JSON.stringify(transition.organisation)},"${transition.execution}",${entry}`;
      parts.push(text);
      length += text.length + 1;
      return `[${entry}`;
    },
    finish(head) {
      const owner = head.owner === undefined ? '' : `,"owner":${JSON.stringify(head.owner)}`;
      const announced = head.announcedBelow === undefined ? '' : `,"out":${head.announcedBelow}`;
      const text = `{"v":${FRAME_VERSION},"codec":"plain","lane":${head.lane},"epoch":${head.epoch},"in":${head.inputSequence}${owner}${announced},"t":[${parts.join()}]}`;
      return { text, large };
    },
  };
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

function collectReferences(record: RawRecord, names: string[]): void {
  for (const [key, value] of Object.entries(record)) if (key.endsWith('@') && typeof value === 'string') names.push(value);
}

/** The head alone, for a check that needs no payload. */
export function decodeFrameHead(text: string): FrameHead {
  return headOf(parse(text));
}

function headOf(raw: RawFrame): FrameHead {
  return { lane: raw.lane, epoch: raw.epoch, inputSequence: raw.in, ...(raw.owner === undefined ? {} : { owner: raw.owner }), ...(raw.out === undefined ? {} : { announcedBelow: raw.out }) };
}

type RawRecord = Readonly<Record<string, JsonValue>>;
interface RawFrame {
  readonly v: number;
  readonly codec: string;
  readonly lane: number;
  readonly epoch: number;
  readonly in: number;
  readonly owner?: string;
  readonly out?: number;
  readonly t: readonly (readonly [organisation: string, execution: string, atMs: number, records: readonly RawRecord[]])[];
}

function parse(text: string): RawFrame {
  const raw = JSON.parse(text) as RawFrame;
  if (raw.v !== FRAME_VERSION) throw new Error(`frame version ${String(raw.v)} is not known to this release`);
  if (raw.codec !== 'plain') throw new Error(`frame codec ${String(raw.codec)} is not known to this release`);
  return raw;
}

/** Where the payloads of one transition go. */
interface Place {
  /** Begins the names of payloads by reference. */
  readonly owner: string;
  readonly large: LargePayload[];
  /** Characters that may still stand inside the frame. */
  room: number;
}

/** JSON text of one record; also the form in which history keeps it. Throws a Fault (F4). */
function encodeRecord(record: JournalRecord, into: Place): string {
  const put = (key: string, payload: Payload | undefined, place: string): string => {
    if (payload === undefined) return '';
    const text = textOf(payload);
    // Whoever accepts an input has looked at it; a value of our own may have grown deeper by one each turn of a loop.
    if (record.kind !== 'started' && isTooDeep(text)) throw fault('runtime', `a value is nested deeper than ${NESTING_MAX} levels`);
    if (text.length <= PAYLOAD_INLINE_CHARACTERS_ALWAYS || (text.length <= PAYLOAD_INLINE_CHARACTERS_MAX && text.length <= into.room)) {
      into.room -= text.length;
      return `,"${key}":${text}`;
    }
    if (text.length > PAYLOAD_CHARACTERS_MAX && record.kind !== 'started') throw fault('runtime', `a value has ${text.length} characters; the most is ${PAYLOAD_CHARACTERS_MAX}`);
    const name = `${into.owner}.${place}.${key}`;
    into.large.push({ name, text });
    return `,"${key}@":"${name}"`;
  };
  switch (record.kind) {
    case 'started': {
      const optional = JSON.stringify({ key: record.key, trace: record.traceparent, reply: record.replyTo }).slice(1, -1);
      return `{"k":"started.1","def":${JSON.stringify(record.definition)},"wf":${JSON.stringify(record.workflow)},"ver":${JSON.stringify(record.version)},"acc":${record.acceptedAtMs},"by":${JSON.stringify(record.acceptedBy)}${optional === '' ? '' : `,${optional}`}${put('i', record.input, '0')}}`;
    }
    case 'begun':
      return `{"k":"begun.1"${put('i', record.input, '0.1')}}`;
    case 'entered': {
      const place = `${record.activation}.${record.attempt}`;
      return `{"k":"entered.1","a":${record.activation},"n":${record.node},"p":${record.parent}${record.attempt === 1 ? '' : `,"x":${record.attempt}`}${record.dueMs === undefined ? '' : `,"due":${record.dueMs}`}${put('i', record.input, place)}${put('g', record.arguments, place)}${put('l', record.items, place)}}`;
    }
    case 'passed':
      return `{"k":"passed.1","a":${record.activation},"n":${record.node},"p":${record.parent},"to":${record.next}${put('o', record.output, String(record.activation))}${put('c', record.context, String(record.activation))}}`;
    case 'skipped':
      return `{"k":"skipped.1","a":${record.activation},"n":${record.node},"p":${record.parent},"to":${record.next}}`;
    case 'resolved': {
      const place = `${record.activation}.${record.attempt}`;
      return `{"k":"resolved.1","a":${record.activation},"x":${record.attempt},"d":${record.dispatchedAtMs},"s":${record.startedAtMs},"e":${record.endedAtMs},"w":${JSON.stringify(record.worker)},"to":${record.next}${put('r', record.result, place)}${put('o', record.output, place)}${put('c', record.context, place)}}`;
    }
    case 'exited':
      return `{"k":"exited.1","a":${record.activation},"to":${record.next}${put('o', record.output, `${record.activation}.exit`)}${put('c', record.context, `${record.activation}.exit`)}}`;
    case 'iterated':
      return `{"k":"iterated.1","a":${record.activation},"at":${record.index}}`;
    case 'failed': {
      const step = record.step === undefined ? '' : `,"d":${record.step.dispatchedAtMs},"s":${record.step.startedAtMs},"e":${record.step.endedAtMs},"w":${JSON.stringify(record.step.worker)}`;
      return `{"k":"failed.1","a":${record.activation},"n":${record.node},"p":${record.parent},"x":${record.attempt}${step}${record.error === undefined ? '' : `,"err":${JSON.stringify(record.error)}`}}`;
    }
    case 'retrying':
      return `{"k":"retrying.1","a":${record.activation},"x":${record.retry},"due":${record.dueMs}}`;
    case 'resumed':
      return `{"k":"resumed.1","a":${record.activation}}`;
    case 'caught':
      return `{"k":"caught.1","a":${record.activation}}`;
    case 'ended':
      return `{"k":"ended.1","st":"${record.status}"${record.error === undefined ? '' : `,"err":${JSON.stringify(record.error)}`}${put('o', record.output, 'end')}}`;
  }
}

/** The record of one JSON object written by `encodeRecord`. Throws on a kind it does not know (F1). */
function decodeRecord(raw: RawRecord, lookUp: (name: string) => string): JournalRecord {
  const number = (key: string): number => raw[key] as number;
  const text = (key: string): string => raw[key] as string;
  const get = (key: string): Payload | undefined => {
    const inline = raw[key];
    if (inline !== undefined) return payloadOf(inline);
    const name = raw[`${key}@`];
    if (typeof name !== 'string') return undefined;
    const found = lookUp(name);
    return payloadOf(JSON.parse(found) as JsonValue, found);
  };
  const some = <K extends string>(key: K, value: Payload | undefined): { readonly [P in K]?: Payload } => (value === undefined ? {} : ({ [key]: value } as { [P in K]: Payload }));
  const must = (key: string): Payload => get(key) ?? payloadOf(null);
  const place = () => ({ activation: number('a'), node: number('n'), parent: number('p') });
  const times = () => ({ dispatchedAtMs: number('d'), startedAtMs: number('s'), endedAtMs: number('e'), worker: text('w') });
  switch (raw['k']) {
    case 'started.1':
      return {
        kind: 'started',
        definition: text('def'),
        workflow: text('wf'),
        version: text('ver'),
        input: must('i'),
        acceptedAtMs: number('acc'),
        acceptedBy: text('by'),
        ...(raw['key'] === undefined ? {} : { key: text('key') }),
        ...(raw['trace'] === undefined ? {} : { traceparent: text('trace') }),
        ...(raw['reply'] === undefined ? {} : { replyTo: text('reply') }),
      };
    case 'begun.1':
      return { kind: 'begun', ...some('input', get('i')) };
    case 'entered.1':
      return {
        kind: 'entered',
        ...place(),
        attempt: (raw['x'] as number | undefined) ?? 1,
        ...(raw['due'] === undefined ? {} : { dueMs: number('due') }),
        ...some('input', get('i')),
        ...some('arguments', get('g')),
        ...some('items', get('l')),
      };
    case 'passed.1':
      return { kind: 'passed', ...place(), next: number('to'), ...some('output', get('o')), ...some('context', get('c')) };
    case 'skipped.1':
      return { kind: 'skipped', ...place(), next: number('to') };
    case 'resolved.1':
      return { kind: 'resolved', activation: number('a'), attempt: number('x'), ...times(), next: number('to'), result: must('r'), ...some('output', get('o')), ...some('context', get('c')) };
    case 'exited.1':
      return { kind: 'exited', activation: number('a'), next: number('to'), ...some('output', get('o')), ...some('context', get('c')) };
    case 'iterated.1':
      return { kind: 'iterated', activation: number('a'), index: number('at') };
    case 'failed.1':
      return {
        kind: 'failed',
        ...place(),
        attempt: number('x'),
        ...(raw['err'] === undefined ? {} : { error: raw['err'] as unknown as Problem }),
        ...(raw['d'] === undefined ? {} : { step: times() }),
      };
    case 'retrying.1':
      return { kind: 'retrying', activation: number('a'), retry: number('x'), dueMs: number('due') };
    case 'resumed.1':
      return { kind: 'resumed', activation: number('a') };
    case 'caught.1':
      return { kind: 'caught', activation: number('a') };
    case 'ended.1':
      return { kind: 'ended', status: text('st') as 'completed', ...(raw['err'] === undefined ? {} : { error: raw['err'] as unknown as Problem }), ...some('output', get('o')) };
    default:
      throw new Error(`journal record ${String(raw['k'])} is not known to this release`);
  }
}
