/**
 * What an owner knows of slots that it gives away: texts for the bucket of payloads, from which the next lane goes on.
 *
 * Owns their form (JSON, version 1). Everything that the owner's memory has of the slots is in them, so a move needs no
 * database: running executions with their state and the part of their journal that is not stored, ended ones that
 * history does not have, the ids of those that sleep, and the keys of starts that are remembered.
 *
 * - Decoded, it is the same state (E3): the form of a state is that of checkpoints.
 * - A reader refuses a version that it does not know.
 */
import { payloadOf, restore, snapshotOf, textOf, type JsonValue, type Program, type Snapshot } from '@millrace/engine';
import { Journal } from './journal.ts';
import { createActor, type Actor, type End, type Finished } from './actor.ts';
import type { RememberedStart } from './start-memory.ts';

const VERSION = 1;
/** Text of one object, in characters; a single larger execution is one by itself. */
export const MOVED_CHARACTERS_MAX = 2 * 1024 * 1024;
/** Remembered keys of one part. */
const STARTS_PER_PART = 10_000;

/** What leaves a lane with its slots. */
export interface MovedState {
  readonly actors: readonly Actor[];
  readonly finished: readonly Finished[];
  /** The ids of those that sleep, packed (id-table.ts): all else of them is in their checkpoints. */
  readonly asleep: readonly string[];
  readonly starts: readonly RememberedStart[];
  /** History may know keys that are not among `starts`. */
  readonly partial: boolean;
}

interface RawActor {
  readonly organisation: string;
  readonly id: string;
  readonly hop: number;
  readonly segments: number;
  readonly checkpointed: boolean;
  readonly entries: readonly string[];
  readonly snapshot: Snapshot;
}

interface RawFinished {
  readonly organisation: string;
  readonly id: string;
  readonly hop: number;
  readonly definition: string;
  readonly workflow: string;
  readonly version: string;
  readonly key?: string;
  /** JSON text. */
  readonly input: string;
  readonly replyTo?: string;
  readonly acceptedAtMs: number;
  readonly endedAtMs: number;
  readonly end: { readonly status: End['status']; readonly outputText?: string; readonly error?: End['error'] };
  readonly entries: readonly string[];
  readonly segments: number;
  readonly checkpointed: boolean;
  readonly traceparent?: string;
}

interface RawPart {
  readonly v: number;
  readonly actors?: readonly RawActor[];
  readonly finished?: readonly RawFinished[];
  readonly asleep?: readonly string[];
  readonly starts?: readonly (readonly [id: string, digest: string, endedAtMs: number])[];
  readonly partial?: boolean;
}

/** Texts of at most MOVED_CHARACTERS_MAX, single larger executions aside; none when there is nothing to tell. */
export function encodeMoved({ actors, finished, asleep, starts, partial }: MovedState): readonly string[] {
  const texts: string[] = [];
  let parts: string[] = [];
  let length = 0;
  let field = '';
  const flush = (): void => {
    if (parts.length > 0) texts.push(`{"v":${VERSION},"${field}":[${parts.join()}]}`);
    parts = [];
    length = 0;
  };
  const add = (into: string, text: string): void => {
    if (into !== field || length + text.length > MOVED_CHARACTERS_MAX) flush();
    field = into;
    parts.push(text);
    length += text.length + 1;
  };
  for (const actor of actors) add('actors', JSON.stringify(rawActor(actor)));
  for (const each of finished) add('finished', JSON.stringify(rawFinished(each)));
  for (const text of asleep) add('asleep', JSON.stringify(text));
  flush();
  for (let from = 0; from < starts.length; from += STARTS_PER_PART) {
    texts.push(JSON.stringify({ v: VERSION, starts: starts.slice(from, from + STARTS_PER_PART).map(({ id, digest, endedAtMs }) => [id, digest, endedAtMs]) }));
  }
  if (partial) texts.push(JSON.stringify({ v: VERSION, partial }));
  return texts;
}

/**
 * The state as the next lane has it: every execution has moved once more.
 *
 * @param program the program of a definition's hash; rejects when nobody has it.
 */
export async function decodeMoved(texts: readonly string[], program: (hash: string) => Promise<Program>): Promise<MovedState> {
  const actors: Actor[] = [];
  const finished: Finished[] = [];
  const asleep: string[] = [];
  const starts: RememberedStart[] = [];
  let partial = false;
  for (const text of texts) {
    const part = parse(text);
    for (const raw of part.actors ?? []) actors.push(actorOf(raw, await program(raw.snapshot.definition)));
    for (const raw of part.finished ?? []) finished.push(finishedOf(raw, await program(raw.definition)));
    asleep.push(...(part.asleep ?? []));
    for (const [id, digest, endedAtMs] of part.starts ?? []) starts.push({ id, digest, endedAtMs });
    partial ||= part.partial === true;
  }
  return { actors, finished, asleep, starts, partial };
}

/** The hashes of the definitions of all executions in the texts, by execution: for events that are made again. */
export function definitionsOfMoved(texts: readonly string[]): ReadonlyMap<string, string> {
  const found = new Map<string, string>();
  for (const text of texts) {
    const part = parse(text);
    for (const { id, snapshot } of part.actors ?? []) found.set(id, snapshot.definition);
    for (const { id, definition } of part.finished ?? []) found.set(id, definition);
  }
  return found;
}

function parse(text: string): RawPart {
  const part = JSON.parse(text) as RawPart;
  if (part.v !== VERSION) throw new Error(`what a lane has handed over is of version ${String(part.v)}, which is not known to this release`);
  return part;
}

function rawActor({ execution, hop, segments, checkpointed, journal }: Actor): RawActor {
  return { organisation: execution.organisation, id: execution.id, hop, segments, checkpointed, entries: journal.texts(), snapshot: snapshotOf(execution) };
}

function actorOf({ organisation, id, hop, segments, checkpointed, entries, snapshot }: RawActor, program: Program): Actor {
  const actor = createActor(restore(organisation, id, program, snapshot));
  actor.hop = hop + 1;
  actor.segments = segments;
  actor.checkpointed = checkpointed;
  for (const entry of entries) actor.journal.append(entry);
  return actor;
}

function rawFinished(finished: Finished): RawFinished {
  const { key, replyTo, traceparent, end } = finished;
  return {
    organisation: finished.organisation,
    id: finished.id,
    hop: finished.hop,
    definition: finished.program.hash,
    workflow: finished.workflow,
    version: finished.version,
    ...(key === undefined ? {} : { key }),
    input: textOf(finished.input),
    ...(replyTo === undefined ? {} : { replyTo }),
    acceptedAtMs: finished.acceptedAtMs,
    endedAtMs: finished.endedAtMs,
    end: { status: end.status, ...(end.outputText === undefined ? {} : { outputText: end.outputText }), ...(end.error === undefined ? {} : { error: end.error }) },
    entries: finished.journal.texts(),
    segments: finished.segments,
    checkpointed: finished.checkpointed,
    ...(traceparent === undefined ? {} : { traceparent }),
  };
}

function finishedOf(raw: RawFinished, program: Program): Finished {
  return {
    organisation: raw.organisation,
    id: raw.id,
    hop: raw.hop + 1,
    program,
    workflow: raw.workflow,
    version: raw.version,
    key: raw.key,
    input: payloadOf(JSON.parse(raw.input) as JsonValue, raw.input),
    replyTo: raw.replyTo,
    acceptedAtMs: raw.acceptedAtMs,
    endedAtMs: raw.endedAtMs,
    end: { status: raw.end.status, outputText: raw.end.outputText, error: raw.end.error },
    journal: journalOf(raw.entries),
    segments: raw.segments,
    firstSequence: 0,
    isWhole: false,
    lastSequence: 0,
    checkpointed: raw.checkpointed,
    traceparent: raw.traceparent,
  };
}

function journalOf(entries: readonly string[]): Journal {
  const journal = new Journal();
  for (const entry of entries) journal.append(entry);
  return journal;
}

/** An ended execution as of the frame with which it came. */
export function finishedAt(finished: Finished, sequence: number): Finished {
  return { ...finished, firstSequence: sequence, lastSequence: sequence };
}

/** A running one as of the frame with which it came: no checkpoint of this lane covers it. */
export function placeAt(actor: Actor, sequence: number, nowMs: number): void {
  actor.lastSequence = sequence;
  actor.firstDirtySequence = sequence;
  actor.dirtySinceMs = nowMs;
}
