/**
 * Reading executions: from their lane's memory while they are there, else from history.
 *
 * One that sleeps is read from its checkpoint, which has all of it, and goes on sleeping.
 *
 * Consistency: `get` and `trace` of an execution in memory show every frame that is durable at the moment of
 * the answer; once it has ended, the answer is the same from memory and from history. `list` joins history,
 * which is a moment behind, with the memory of one orchestrator.
 */
import { approvalsOf, explain, fieldsOf, restore, decodeEntries, entryReferencesOf, statusOf, traceOfChronicle, viewOfChronicle, writeChronicle, type Activation, type ApprovalView, type Chronicle, type Execution, type ExecutionView, type FieldValues, type Problem, type Program, type StepPlace, type TraceView } from '@millrace/engine';
import type { Clock } from '@millrace/clock';
import { MillraceError } from '@millrace/errors';
import { slotOf } from '@millrace/identity';
import type { CheckpointStore } from './history/checkpoint-store.ts';
import type { FieldDocument, HistoryDocument, ListFilter } from './history/history-documents.ts';
import { entriesOf, type HistoryStore } from './history/history-store.ts';
import type { PayloadStore } from './history/payload-store.ts';
import { readExcerpt } from './journal-excerpt.ts';
import type { End, Finished } from './lane/actor.ts';
import type { Lane } from './lane/lane.ts';
import type { Lanes } from './lane/lanes.ts';
import { createLongReadings } from './long-readings.ts';
import { readFilter, type Filter } from './search/filter.ts';
import { matches } from './search/matches.ts';

export interface Summary {
  readonly execution: string;
  readonly organisation: string;
  readonly workflow: string;
  readonly version: string;
  readonly status: string;
  readonly startedAtMs: number;
  readonly endedAtMs: number;
  readonly fields: FieldValues;
}

export interface ListRequest {
  /** Empty: any. */
  readonly organisation: string;
  readonly status: string;
  readonly workflow: string;
  /** A filter (search/filter.ts); empty: all. */
  readonly where: string;
  /** What the times of the filter count from; 0: the moment of the answer. */
  readonly nowMs: number;
  readonly cursor: string;
  readonly limit: number;
  readonly liveOnly: boolean;
}

/** Journal text that is decoded in one turn of the event loop, in characters (E6). */
const SLICE_CHARACTERS = 256 * 1024;
/** Executions whose fields are evaluated in one turn of the event loop. */
const FIELDS_A_TURN = 200;
/** Executions of one page. */
const PAGE = { usual: 50, most: 500 } as const;

interface Found {
  readonly organisation: string;
  readonly program: Program;
  readonly status: ReturnType<typeof statusOf>;
  readonly segments: number;
  /** The journal's entries after those in segments; undefined when there is more of it than was asked for. */
  readonly tail: readonly string[] | undefined;
}

export type Identity = Pick<Found, 'organisation' | 'status'>;

export interface ExecutionReader {
  /** Whose it is and how it is, without reading its journal. */
  brief(organisation: string, id: string): Promise<Identity>;
  view(organisation: string, id: string): Promise<ExecutionView>;
  trace(organisation: string, id: string): Promise<TraceView>;
  /** All of an execution's journal. @throws MillraceError `payload-too-large` when it is longer. */
  journal(organisation: string, id: string, charactersMax: number): Promise<WholeJournal>;
  /** The approvals that it waits for. */
  approvals(organisation: string, id: string): Promise<readonly ApprovalView[]>;
  /** Why the execution is not moving, in one sentence. */
  explain(organisation: string, id: string): Promise<Explanation>;
  list(request: ListRequest): Promise<{ readonly executions: readonly Summary[]; readonly cursor: string }>;
  endOf(id: string): Promise<End | undefined>;
}

export interface WholeJournal extends Identity {
  readonly program: Program;
  /** Its entries as texts; of values by reference the names. */
  readonly texts: readonly string[];
}

export interface Explanation {
  readonly status: string;
  readonly sentence: string;
}

export interface ReaderOptions {
  readonly lanes: Lanes;
  /** The program of a hash. Rejects when no document has it. */
  readonly programs: { byHash(hash: string): Promise<Program> };
  readonly history: HistoryStore;
  readonly checkpoints: CheckpointStore;
  readonly payloads: PayloadStore;
  readonly clock: Clock;
  /** Where an outstanding step of an execution in memory is. */
  stepPlace(execution: Execution, activation: Activation): StepPlace;
}

export function createExecutionReader({ lanes, programs, history, checkpoints, payloads, clock, stepPlace }: ReaderOptions): ExecutionReader {
  const long = createLongReadings();

  /** The journal is read at once where it is short, else when it is its turn: what it is by then. */
  async function readOf(get: (charactersMax: number) => Promise<Found>, id: string): Promise<{ readonly found: Found; readonly chronicle: Chronicle }> {
    const read = async (found: Found, tail: readonly string[]) => ({ found, chronicle: await chronicleOf(id, found, tail) });
    const found = await get(SLICE_CHARACTERS);
    if (found.tail !== undefined) return read(found, found.tail);
    return long.inTurn(async () => {
      const now = await get(Infinity);
      return read(now, now.tail ?? []);
    });
  }

  /** Of values by reference only those of the first and the last entry are shown: the input and the output. */
  async function chronicleOf(id: string, { program, segments }: Found, tail: readonly string[]): Promise<Chronicle> {
    const { entries: texts, gapAt } = await readExcerpt(segments, tail, (from, below) => checkpoints.segments(id, below, from));
    const found = new Map<string, string>();
    for (const name of entryReferencesOf([...texts.slice(0, 1), ...texts.slice(1).slice(-1)])) found.set(name, await payloads.get(name));
    const payload = (name: string): string => found.get(name) ?? 'null';
    const writer = writeChronicle(program);
    for (let from = 0; from < texts.length; ) {
      let below = from;
      for (let characters = 0; below < texts.length && characters < SLICE_CHARACTERS; below++) characters += (texts[below] as string).length;
      if (from > 0) await clock.sleep(0);
      writer.add(decodeEntries(texts.slice(from, below), payload).map((entry, index) => (from + index === gapAt ? { ...entry, afterGap: true as const } : entry)));
      from = below;
    }
    return writer.chronicle();
  }

  /** As it is durable now. */
  function fromMemory(lane: Lane, id: string, charactersMax: number): Promise<Found | undefined> {
    return betweenFrames(lane, () => {
      const actor = lane.actors.get(id);
      if (actor !== undefined) return { organisation: actor.execution.organisation, program: actor.execution.program, status: statusOf(actor.execution), segments: actor.segments, tail: tailOf(actor, charactersMax) };
      const ended = lane.finished.get(id);
      return ended === undefined ? undefined : foundOf(ended, charactersMax);
    });
  }

  async function find(organisation: string, id: string, charactersMax: number): Promise<Found> {
    const lane = lanes.of(id);
    const live = lane === undefined ? undefined : await fromMemory(lane, id, charactersMax);
    if (live !== undefined && (organisation === '' || live.organisation === organisation)) return live;
    const inLog = live === undefined ? await lane?.readBacklog(id) : undefined;
    if (inLog !== undefined && (organisation === '' || inLog.organisation === organisation)) return foundOf(inLog, charactersMax);
    const asleep = live === undefined && lane?.sleeps(id) === true ? await fromCheckpoint(id, charactersMax) : undefined;
    if (asleep !== undefined && (organisation === '' || asleep.organisation === organisation)) return asleep;
    const document = live === undefined && asleep === undefined ? await history.get(id) : null;
    // It has come back to memory while it was looked for.
    if (document === null && live === undefined && lane !== undefined && lanes.of(id) === lane && isHere(lane, id)) return find(organisation, id, charactersMax);
    // What is not in history may live in a lane that is elsewhere, or on its way here: not to be called unknown.
    if (document === null && (lane === undefined || lanes.of(id) !== lane || !lane.slots.owns(slotOf(id)))) throw new MillraceError('lane-displaced', { message: `The lane of execution ${id} is not at this orchestrator` });
    if (document === null || (organisation !== '' && document.organisation !== organisation)) throw new MillraceError('execution-unknown', { message: `There is no execution ${id}` });
    return fromHistory(document, charactersMax);
  }

  async function fromHistory(document: HistoryDocument, charactersMax: number): Promise<Found> {
    const tail = document.segments > 0 && charactersMax < Infinity ? undefined : atMost(entriesOf(document), charactersMax);
    return { organisation: document.organisation, program: await programs.byHash(document.definition), status: document.status, segments: document.segments, tail };
  }

  /** A sleeping execution: its checkpoint covers everything. */
  async function fromCheckpoint(id: string, charactersMax: number): Promise<Found | undefined> {
    const [stored] = await checkpoints.get([id]);
    if (stored === undefined) return undefined;
    const program = await programs.byHash(stored.snapshot.definition);
    const tail = stored.segments > 0 && charactersMax < Infinity ? undefined : atMost(stored.entries, charactersMax);
    return { organisation: stored.organisation, program, status: statusOf(restore(stored.organisation, id, program, stored.snapshot)), segments: stored.segments, tail };
  }

  /** Sleeping executions of every lane; those of a status that none of them has are not looked for. */
  async function sleepersOf(request: ListRequest, filter: ListFilter): Promise<readonly Summary[]> {
    if (request.status !== '' && request.status !== 'waiting' && request.status !== 'suspended') return [];
    const found = await checkpoints.listAsleep(filter);
    return found.map(({ _id, organisation, workflow, version, acceptedAt, paused, fields }) => ({ execution: _id, organisation, workflow, version, status: paused === true ? 'suspended' : 'waiting', startedAtMs: acceptedAt.getTime(), endedAtMs: 0, fields: valuesOf(fields) }));
  }

  /** What the state of an execution says that is in memory or sleeps; undefined when it is neither. */
  async function stateOf<T>(organisation: string, id: string, read: (execution: Execution) => T): Promise<T | undefined> {
    const lane = lanes.of(id);
    const live = lane === undefined ? undefined : await betweenFrames(lane, () => {
      const execution = lane.actors.get(id)?.execution;
      return execution === undefined || (organisation !== '' && execution.organisation !== organisation) ? undefined : { told: read(execution) };
    });
    if (live !== undefined) return live.told;
    if (lane?.sleeps(id) !== true) return undefined;
    const [stored] = await checkpoints.get([id]);
    if (stored === undefined || (organisation !== '' && stored.organisation !== organisation)) return undefined;
    return read(restore(stored.organisation, id, await programs.byHash(stored.snapshot.definition), stored.snapshot));
  }

  return {
    async approvals(organisation, id) {
      const found = await stateOf(organisation, id, approvalsOf);
      if (found !== undefined) return found;
      // It has ended, or is elsewhere, which this says.
      await find(organisation, id, 0);
      return [];
    },
    async brief(organisation, id) {
      const found = await find(organisation, id, 0);
      return { organisation: found.organisation, status: found.status };
    },
    async view(organisation, id) {
      const { found, chronicle } = await readOf((charactersMax) => find(organisation, id, charactersMax), id);
      return viewOfChronicle({ organisation: found.organisation, execution: id }, found.program, chronicle, found.status);
    },
    async trace(organisation, id) {
      const { found, chronicle } = await readOf((charactersMax) => find(organisation, id, charactersMax), id);
      return traceOfChronicle({ organisation: found.organisation, execution: id }, found.program, chronicle);
    },
    async journal(organisation, id, charactersMax) {
      const { program, status, segments, tail = [], organisation: whose } = await find(organisation, id, Infinity);
      const texts = segments === 0 ? tail : [...(await checkpoints.segments(id, segments)), ...tail];
      const characters = texts.reduce((sum, text) => sum + text.length, 0);
      if (characters > charactersMax) throw new MillraceError('payload-too-large', { message: `The journal of execution ${id} has ${characters} characters; the most that can be worked with at once is ${charactersMax}` });
      return { organisation: whose, status, program, texts };
    },
    async explain(organisation, id) {
      const tell = (execution: Execution): Explanation => ({ status: statusOf(execution), sentence: explain(execution, { nowMs: clock.wallMs(), stepPlace: (activation) => stepPlace(execution, activation) }) });
      const told = await stateOf(organisation, id, tell);
      if (told !== undefined) return told;
      const { found, chronicle } = await readOf((charactersMax) => find(organisation, id, charactersMax), id);
      if (chronicle.endedAtMs === undefined) return { status: found.status, sentence: 'It has just changed; ask again.' };
      return { status: found.status, sentence: `It has ended at ${new Date(chronicle.endedAtMs).toISOString()}: ${found.status}${chronicle.error === undefined ? '' : `, ${chronicle.error.detail ?? chronicle.error.type}`}.` };
    },
    async endOf(id) {
      const document = await history.get(id);
      if (document === null) return undefined;
      const { found, chronicle } = await readOf((charactersMax) => fromHistory(document, charactersMax), id);
      const view = viewOfChronicle({ organisation: found.organisation, execution: id }, found.program, chronicle, found.status);
      return { status: document.status, outputText: view.output === undefined ? undefined : JSON.stringify(view.output), error: view.error as Problem | undefined };
    },
    async list(request) {
      const limit = Math.min(request.limit === 0 ? PAGE.usual : request.limit, PAGE.most);
      const before = decodeCursor(request.cursor);
      const where = request.where === '' ? undefined : readFilter(request.where, request.nowMs === 0 ? clock.wallMs() : request.nowMs);
      const live = await liveSummaries(lanes, clock, request, where, before);
      const filter: ListFilter = { organisation: request.organisation, ...(where === undefined ? {} : { where }), ...(request.status === '' ? {} : { status: request.status }), ...(request.workflow === '' ? {} : { workflow: request.workflow }), ...(before === undefined ? {} : { before }), limit: limit + 1 };
      const [asleep, stored] = request.liveOnly ? [[], []] : await Promise.all([sleepersOf(request, filter), history.list(filter)]);
      const joined = new Map<string, Summary>();
      for (const summary of asleep) joined.set(summary.execution, summary);
      for (const document of stored) joined.set(document._id, { execution: document._id, organisation: document.organisation, workflow: document.workflow, version: document.version, status: document.status, startedAtMs: document.acceptedAt.getTime(), endedAtMs: document.endedAt.getTime(), fields: valuesOf(document.fields) });
      for (const summary of live) joined.set(summary.execution, summary);
      const sorted = [...joined.values()].sort((a, b) => b.startedAtMs - a.startedAtMs || (a.execution < b.execution ? 1 : -1));
      const executions = sorted.slice(0, limit);
      const last = executions.at(-1);
      return { executions, cursor: sorted.length > limit && last !== undefined ? encodeCursor(last) : '' };
    },
  };
}

function foundOf(ended: Finished, charactersMax: number): Found {
  return { organisation: ended.organisation, program: ended.program, status: ended.end.status, segments: ended.segments, tail: tailOf(ended, charactersMax) };
}

/** Texts are made of a journal's bytes where they are wanted alone: a long one's would wait in memory for their turn. */
function tailOf({ journal, segments }: Pick<Finished, 'journal' | 'segments'>, charactersMax: number): readonly string[] | undefined {
  return journal.size > charactersMax || (segments > 0 && charactersMax < Infinity) ? undefined : journal.texts();
}

function atMost(entries: readonly string[], charactersMax: number): readonly string[] | undefined {
  let characters = 0;
  for (const entry of entries) characters += entry.length;
  return characters > charactersMax ? undefined : entries;
}

/** Reads a lane when its state is what the log says (E1); undefined when the lane ends before. */
function betweenFrames<T>(lane: Lane, read: () => T): Promise<T | undefined> {
  return new Promise((settle) => {
    lane.post({ kind: 'query', run: () => settle(read()) });
    void lane.ended.then(() => settle(undefined));
  });
}

function isHere(lane: Lane, id: string): boolean {
  return lane.actors.has(id) || lane.finished.has(id);
}

/** An execution in memory; its fields are a function of what never changes, and need not be read between frames. */
interface LiveSummary extends Omit<Summary, 'fields'> {
  readonly fields: () => FieldValues;
}

async function liveSummaries(lanes: Lanes, clock: Clock, { organisation, status, workflow }: ListRequest, where: Filter | undefined, before: Position | undefined): Promise<readonly Summary[]> {
  const isWanted = (summary: LiveSummary): boolean =>
    (organisation === '' || summary.organisation === organisation) && (status === '' || summary.status === status) && (workflow === '' || summary.workflow === workflow) &&
    (before === undefined || isBefore(summary, before)) && (where === undefined || matches(where, summary) !== false);
  const found = await Promise.all(lanes.all().map((lane) => betweenFrames(lane, () => [...summariesOf(lane)].filter(isWanted))));
  const wanted: Summary[] = [];
  let turn = 0;
  for (const summary of found.flatMap((summaries) => summaries ?? [])) {
    // Expressions are evaluated, a bounded number in one turn (E6).
    if (++turn % FIELDS_A_TURN === 0) await clock.sleep(0);
    const fields = summary.fields();
    if (where === undefined || matches(where, summary, fields) === true) wanted.push({ ...summary, fields });
  }
  return wanted;
}

function* summariesOf(lane: Lane): Generator<LiveSummary> {
  for (const { execution } of lane.actors.values()) yield { execution: execution.id, organisation: execution.organisation, workflow: execution.workflow, version: execution.version, status: statusOf(execution), startedAtMs: execution.acceptedAtMs, endedAtMs: 0, fields: () => fieldsOf(execution.program, execution.rawInput.value, execution.acceptedAtMs) };
  for (const ended of lane.finished.values()) yield { execution: ended.id, organisation: ended.organisation, workflow: ended.workflow, version: ended.version, status: ended.end.status, startedAtMs: ended.acceptedAtMs, endedAtMs: ended.endedAtMs, fields: () => fieldsOf(ended.program, ended.input.value, ended.acceptedAtMs) };
}

function valuesOf(fields: readonly FieldDocument[] = []): FieldValues {
  return Object.fromEntries(fields.map(({ name, value }) => [name, value]));
}

type Position = { readonly acceptedAtMs: number; readonly id: string };

function isBefore(summary: Omit<Summary, 'fields'>, position: Position): boolean {
  return summary.startedAtMs < position.acceptedAtMs || (summary.startedAtMs === position.acceptedAtMs && summary.execution < position.id);
}

function encodeCursor(summary: Summary): string {
  return Buffer.from(`${summary.startedAtMs}/${summary.execution}`).toString('base64url');
}

function decodeCursor(cursor: string): Position | undefined {
  if (cursor === '') return undefined;
  const match = /^(\d+)\/([0-9a-z]+)$/.exec(Buffer.from(cursor, 'base64url').toString());
  if (match === null) throw new MillraceError('argument-invalid', { message: 'The cursor is not one that a list has given' });
  return { acceptedAtMs: Number(match[1]), id: match[2] ?? '' };
}
