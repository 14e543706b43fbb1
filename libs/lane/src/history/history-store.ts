/**
 * Executions that have ended: one document each, written in bulk behind the log.
 *
 * Owns what waits and how it is tried again. Does not own the database (history-documents.ts).
 *
 * - The `_id` is the execution's id: the second of two writes of one end changes nothing.
 * - What cannot be written waits in memory, up to WAITING_CHARACTERS_MAX; beyond it the lanes refuse new starts.
 */
import type { Clock } from '@millrace/clock';
import { entryReferencesOf, fieldsOf } from '@millrace/engine';
import { MillraceError } from '@millrace/errors';
import { slotOf } from '@millrace/identity';
import type { Logger } from '@millrace/telemetry';
import type { Finished } from '../lane/actor.ts';
import { entriesOfBytes } from '../lane/journal.ts';
import { inputDigest, NO_DIGEST, START_MEMORY_MS, STARTS_REMEMBERED_MAX } from '../lane/start-memory.ts';
import type { Remembered } from '../lane/take-lane.ts';
import { mayName, type PayloadArchive } from './payload-archive.ts';
import { within, WRITE_MS_MAX } from './within.ts';
import { fieldsPart, type HistoryDocument, type HistoryDocuments, type ListFilter } from './history-documents.ts';
import { SEGMENT_CHARACTERS_MAX, type CheckpointStore, type Overflow, type WrittenSegments } from './checkpoint-store.ts';

/** Documents of one bulk write, and their journal text in characters. */
const BATCH_MAX = 1_000;
/** The first format whose history holds journals as bytes. */
const JOURNAL_BYTES_FORMAT = 2;
const BATCH_CHARACTERS_MAX = 16 * 1024 * 1024;
/** Bulk writes under way at once. */
const WRITES_MAX = 2;
/** Journal text that may wait for the database, in characters. */
export const WAITING_CHARACTERS_MAX = 256 * 1024 * 1024;
/**
 * After an outage running work needs the database's disk too: what waits is written in portions of so many documents,
 * with pauses of so many times what the last took, until little waits; or for a minute, if more comes than that takes.
 */
const CATCH_UP_BATCH_MAX = 200;
const CATCH_UP_PAUSES = 3;
const CATCH_UP_LITTLE_BYTES = 1024 * 1024;
const CATCH_UP_MUCH_BYTES = 48 * 1024 * 1024;
const CATCH_UP_MS_MAX = 60_000;
/** Between tries while the database is away, in milliseconds. */
const RETRY_MS = { first: 100, most: 2_000 } as const;
/** How long a start waits to be looked up, in milliseconds; the database is then left alone for as long as ASK_PAUSE_MS. */
const ASK_MS_MAX = 1_000;
const ASK_PAUSE_MS = 5_000;
/** How long a start that may have run already waits to be looked up, in milliseconds; it is refused then. */
const CERTAINTY_MS_MAX = 20_000;

/** Told that history has an execution. */
export type Stored = (kept?: readonly string[]) => void;

export interface HistoryStore {
  prepare(): Promise<void>;
  /** Queues the document; `stored` is called once it is there, with the names of payloads that the log alone needs as objects from then on. */
  write(finished: Finished, stored: Stored): void;
  /** Removes those of an organisation (empty: any) that ended before, or only says how many they are, and their bytes. */
  removeOlder(ids: readonly string[], organisation: string, beforeMs: number, dryRun: boolean): Promise<{ readonly removed: number; readonly bytes: number }>;
  /** Removes executions that have ended, with everything they have; yields how many there were. */
  remove(ids: readonly string[]): Promise<number>;
  /** Characters of journal text that wait. */
  readonly waitingCharacters: number;
  get(id: string): Promise<HistoryDocument | null>;
  /** Newest first, from below `before` (an id that sorts by time is not given: the pair of end and id is). */
  list(filter: ListFilter): Promise<readonly HistoryDocument[]>;
  endedAmong(ids: readonly string[]): Promise<ReadonlySet<string>>;
  remembered(slots: readonly number[], nowMs: number): Promise<Remembered>;
  /**
   * The digests of the inputs of those that are there. Asked for starts that a lane may have forgotten: while the
   * database is away it says of none that it is there, and starts go on.
   */
  askEnded(ids: readonly string[]): Promise<ReadonlyMap<string, string>>;
  /** As `askEnded`, for starts that must not go on unless they are known not to have run: rejects with `store-failed` when that cannot be said in time. */
  askEndedForSure(ids: readonly string[]): Promise<ReadonlyMap<string, string>>;
  /** The digests of the inputs of those that are there; rejects when the database does not answer. */
  digestsOf(ids: readonly string[]): Promise<ReadonlyMap<string, string>>;
  /** The hashes of the definitions of those that are there. */
  definitionsOf(ids: readonly string[]): Promise<ReadonlyMap<string, string>>;
  /** Waits until nothing waits, or the signal says to give up. */
  drain(signal: AbortSignal): Promise<void>;
}

interface Waiting {
  readonly document: HistoryDocument;
  /** The journal's first part, when it is too long for the document. */
  readonly overflow: Overflow | undefined;
  readonly checkpointed: boolean;
  readonly characters: number;
  /** Its journal may name payloads. */
  readonly names: boolean;
  readonly stored: Stored;
}

export function createHistoryStore(documents: HistoryDocuments, checkpoints: CheckpointStore, payloads: PayloadArchive, clock: Clock, logger: Logger, format: () => number): HistoryStore {
  let queue: Waiting[] = [];
  let waitingCharacters = 0;
  let writes = 0;
  /** 0 while the database answers. */
  let retryMs = 0;
  let pausing = false;
  /** When the database was back; 0 once what waited then is there. */
  let backSinceMs = 0;
  let askAgainAtMs = 0;
  const idle = new Set<() => void>();

  function nextBatch(): readonly Waiting[] {
    let characters = 0;
    let count = 0;
    for (const { characters: more } of queue) {
      if (count >= (backSinceMs === 0 ? BATCH_MAX : CATCH_UP_BATCH_MAX) || (count > 0 && characters + more > BATCH_CHARACTERS_MAX)) break;
      characters += more;
      count++;
    }
    const batch = queue.slice(0, count);
    queue = queue.slice(count);
    return batch;
  }

  function pump(): void {
    // While it does not answer one try at a time is enough.
    while (!pausing && queue.length > 0 && writes < (retryMs === 0 && backSinceMs === 0 ? WRITES_MAX : 1)) {
      writes++;
      void write(nextBatch());
    }
    if (writes === 0 && queue.length === 0) for (const wake of idle) wake();
  }

  /** Not for those that are there already: a replay may have cut the same journal differently. */
  async function writeOverflow(overflows: readonly Overflow[]): Promise<Pick<WrittenSegments, 'kept' | 'counts'>> {
    if (overflows.length === 0) return { kept: [], counts: new Map() };
    const ended = await documents.present(overflows.map(({ execution }) => execution));
    return checkpoints.writeSegments(overflows.filter(({ execution }) => !ended.has(execution)));
  }

  async function write(batch: readonly Waiting[]): Promise<void> {
    let kept: readonly string[];
    const since = clock.monotonicMs();
    try {
      kept = await payloads.keep(batch.flatMap(({ document, names }) => (names ? [{ execution: document._id, entries: entriesOf(document) }] : [])));
      kept = [...kept, ...(await within(clock, WRITE_MS_MAX, 'Writing history', insert(batch)))];
    } catch (error) {
      queue = [...batch, ...queue];
      writes--;
      if (retryMs === 0) logger.warn('History waits for the database', { documents: queue.length, error });
      pause();
      return;
    }
    const nowMs = clock.monotonicMs();
    if (retryMs > 0) backSinceMs = nowMs;
    retryMs = 0;
    writes--;
    for (const { characters, stored } of batch) {
      waitingCharacters -= characters;
      stored(kept);
      kept = [];
    }
    const isLate = nowMs - backSinceMs > CATCH_UP_MS_MAX && waitingCharacters > CATCH_UP_MUCH_BYTES;
    if (waitingCharacters < CATCH_UP_LITTLE_BYTES || isLate) backSinceMs = 0;
    if (backSinceMs === 0) pump();
    else rest((nowMs - since) * CATCH_UP_PAUSES);
  }

  async function insert(batch: readonly Waiting[]): Promise<readonly string[]> {
    const { kept, counts } = await writeOverflow(batch.flatMap(({ overflow }) => (overflow === undefined ? [] : [overflow])));
    await documents.insert(batch.map(({ document }) => ({ ...document, segments: counts.get(document._id) ?? document.segments })));
    const stale = batch.filter(({ checkpointed }) => checkpointed).map(({ document }) => document._id);
    if (stale.length > 0) await checkpoints.remove(stale);
    return kept;
  }

  /** Undefined when the database does not answer in time. */
  async function ask(ids: readonly string[]): Promise<ReadonlyMap<string, string> | undefined> {
    const asked = documents.digests(ids, ASK_MS_MAX).then((found) => new Map([...found].map(([id, digest]) => [id, digest ?? NO_DIGEST])));
    const late = new Promise<undefined>((settle) => void clock.after(ASK_MS_MAX, () => settle(undefined), { holds: false }));
    return Promise.race([asked.catch(() => undefined), late]);
  }

  function pause(): void {
    if (pausing) return;
    retryMs = Math.min(Math.max(retryMs * 2, RETRY_MS.first), RETRY_MS.most);
    rest(retryMs);
  }

  function rest(ms: number): void {
    pausing = true;
    const goOn = (): void => {
      pausing = false;
      pump();
    };
    clock.after(ms, goOn, { holds: false });
  }

  async function remove(ids: readonly string[]): Promise<number> {
    for (const id of ids) {
      const document = await documents.get(id);
      if (document === null) continue;
      // Where its objects have not been removed with their frames.
      const named = entryReferencesOf([...(await checkpoints.segments(id, document.segments)), ...entriesOf(document)]);
      if (named.length > 0) await payloads.remove(named);
    }
    await documents.removePayloads(ids);
    await checkpoints.removeSegments(ids);
    await checkpoints.remove(ids);
    // Last: what is left over by a crash is found again by it.
    return documents.remove(ids);
  }

  return {
    prepare: () => documents.prepare(),
    remove,
    async removeOlder(ids, organisation, beforeMs, dryRun) {
      const older = await documents.endedBefore(ids, organisation, beforeMs);
      if (older.length === 0) return { removed: 0, bytes: 0 };
      const bytes = await documents.bytesOf(older);
      return { removed: dryRun ? older.length : await remove(older), bytes };
    },
    write(finished, stored) {
      const characters = finished.journal.size;
      const overflow = characters <= SEGMENT_CHARACTERS_MAX ? undefined : { execution: finished.id, from: finished.segments, hop: finished.hop, sequence: finished.lastSequence, entries: finished.journal.texts() };
      const document = documentOf(finished, overflow, format());
      waitingCharacters += characters;
      queue.push({ document, overflow, checkpointed: finished.checkpointed, characters, names: overflow === undefined && mayName(finished.journal.bytes()), stored });
      if (queue.length === 1) clock.soon(pump);
      else if (queue.length >= BATCH_MAX) pump();
    },
    get waitingCharacters() {
      return waitingCharacters;
    },
    get: (id) => documents.get(id),
    list: (filter) => documents.list(filter),
    endedAmong: (ids) => documents.present(ids),
    async remembered(slots, nowMs) {
      const { starts, older } = await documents.keyed(slots, nowMs - START_MEMORY_MS, STARTS_REMEMBERED_MAX);
      const complete = starts.length < STARTS_REMEMBERED_MAX && !older;
      return { complete, starts: starts.map(({ id, digest, endedAtMs }) => ({ id, digest: digest ?? NO_DIGEST, endedAtMs })).reverse() };
    },
    async askEnded(ids) {
      if (clock.monotonicMs() < askAgainAtMs) return NOTHING;
      const answer = await ask(ids);
      if (answer !== undefined) return answer;
      askAgainAtMs = clock.monotonicMs() + ASK_PAUSE_MS;
      logger.warn('Starts go on without being looked up in the history: the database does not answer', { starts: ids.length });
      return NOTHING;
    },
    async askEndedForSure(ids) {
      const until = clock.monotonicMs() + CERTAINTY_MS_MAX;
      for (let waitMs: number = RETRY_MS.first; clock.monotonicMs() < until; waitMs = Math.min(waitMs * 2, RETRY_MS.most)) {
        const answer = await ask(ids);
        if (answer !== undefined) return answer;
        await clock.sleep(waitMs);
      }
      throw new MillraceError('store-failed', { message: `Whether ${ids.length === 1 ? `the execution ${ids[0]} has` : `${ids.length} executions have`} run already cannot be said while the database does not answer; try again later, or start with an idempotency key` });
    },
    async digestsOf(ids) {
      const found = await documents.digests(ids, WRITE_MS_MAX);
      return new Map([...found].map(([id, digest]) => [id, digest ?? NO_DIGEST]));
    },
    definitionsOf: (ids) => documents.definitions(ids),
    drain(signal) {
      if (writes === 0 && queue.length === 0) return Promise.resolve();
      return new Promise((settle) => {
        const done = (): void => {
          idle.delete(done);
          settle();
        };
        idle.add(done);
        signal.addEventListener('abort', done, { once: true });
      });
    },
  };
}

const NOTHING: ReadonlyMap<string, string> = new Map();

function documentOf(finished: Finished, overflow: Overflow | undefined, format: number): HistoryDocument {
  return {
    _id: finished.id,
    organisation: finished.organisation,
    workflow: finished.workflow,
    version: finished.version,
    definition: finished.program.hash,
    slot: slotOf(finished.id),
    status: finished.end.status,
    acceptedAt: new Date(finished.acceptedAtMs),
    endedAt: new Date(finished.endedAtMs),
    error: finished.end.error ?? null,
    segments: finished.segments,
    ...journalOf(finished, overflow, format),
    key: finished.key ?? null,
    inputDigest: finished.key === undefined ? null : inputDigest(finished.input),
    ...fieldsPart(fieldsOf(finished.program, finished.input.value, finished.acceptedAtMs)),
  };
}

function journalOf({ journal }: Finished, overflow: Overflow | undefined, format: number): Pick<HistoryDocument, 'journal' | 'entries'> {
  if (overflow !== undefined) return { entries: [] };
  return format >= JOURNAL_BYTES_FORMAT ? { journal: journal.bytes() } : { entries: journal.texts() };
}

/** The texts of the entries that a document holds. */
export function entriesOf({ journal, entries = [] }: HistoryDocument): readonly string[] {
  return journal === undefined ? entries : entriesOfBytes(journal);
}
