/**
 * Executions that have ended, in MongoDB: one document each, written in bulk behind the log.
 *
 * - The `_id` is the execution's id: the second of two writes of one end changes nothing.
 * - What cannot be written waits in memory, up to WAITING_CHARACTERS_MAX; beyond it the lanes refuse new starts.
 */
import type { Collection, Filter } from 'mongodb';
import { slotOf, laneOfSlot, SLOT_COUNT, type SlotTable } from '@millrace/identity';
import type { Problem } from '@millrace/engine';
import type { Store } from '@millrace/store';
import type { Logger } from '@millrace/telemetry';
import type { Finished } from '../lane/actor.ts';
import { inputDigest, START_MEMORY_MS, STARTS_REMEMBERED_MAX } from '../lane/start-memory.ts';
import { ignoringDuplicates, type CheckpointStore } from './checkpoint-store.ts';

/** Documents of one bulk write. */
const BATCH_MAX = 1_000;
/** Bulk writes under way at once. */
const WRITES_MAX = 2;
/** Journal text that may wait for the database, in characters. */
export const WAITING_CHARACTERS_MAX = 256 * 1024 * 1024;
/** Between tries while the database is away, in milliseconds. */
const RETRY_MS = { first: 100, most: 2_000 } as const;

/** An execution that has ended. */
export interface HistoryDocument {
  readonly _id: string;
  readonly organisation: string;
  readonly workflow: string;
  readonly version: string;
  readonly definition: string;
  readonly slot: number;
  readonly status: 'completed' | 'faulted' | 'cancelled';
  readonly acceptedAt: Date;
  readonly endedAt: Date;
  readonly error: Problem | null;
  /** Segments that hold the journal's first part. */
  readonly segments: number;
  /** JSON texts of the journal's entries, after those in segments. */
  readonly entries: readonly string[];
  readonly key: string | null;
  readonly inputDigest: string | null;
}

export interface HistoryStore {
  prepare(): Promise<void>;
  /** Queues the document; `stored` is called once it is there. */
  write(finished: Finished, stored: () => void): void;
  /** Characters of journal text that wait. */
  readonly waitingCharacters: number;
  get(id: string): Promise<HistoryDocument | null>;
  /** Newest first, from below `before` (an id that sorts by time is not given: the pair of end and id is). */
  list(filter: ListFilter): Promise<readonly HistoryDocument[]>;
  endedAmong(ids: readonly string[]): Promise<ReadonlySet<string>>;
  remembered(table: SlotTable, lane: number, nowMs: number): Promise<readonly { readonly id: string; readonly digest: string; readonly endedAtMs: number }[]>;
  /** Waits until nothing waits, or the signal says to give up. */
  drain(signal: AbortSignal): Promise<void>;
}

export interface ListFilter {
  readonly organisation: string;
  readonly status?: string;
  readonly workflow?: string;
  readonly before?: { readonly acceptedAtMs: number; readonly id: string };
  readonly limit: number;
}

interface Waiting {
  readonly document: HistoryDocument;
  readonly checkpointed: boolean;
  readonly characters: number;
  readonly stored: () => void;
}

export function createHistoryStore(store: Store, checkpoints: CheckpointStore, logger: Logger): HistoryStore {
  const collection = (): Collection<HistoryDocument> => store.collection<HistoryDocument>('history');
  let queue: Waiting[] = [];
  let waitingCharacters = 0;
  let writes = 0;
  let retryMs = 0;
  const idle = new Set<() => void>();

  function pump(): void {
    while (writes < WRITES_MAX && queue.length > 0 && retryMs === 0) {
      const batch = queue.slice(0, BATCH_MAX);
      queue = queue.slice(BATCH_MAX);
      writes++;
      void write(batch);
    }
    if (writes === 0 && queue.length === 0) for (const wake of idle) wake();
  }

  async function write(batch: readonly Waiting[]): Promise<void> {
    try {
      await ignoringDuplicates(() => collection().insertMany(batch.map(({ document }) => document), { ordered: false }));
      const stale = batch.filter(({ checkpointed }) => checkpointed).map(({ document }) => document._id);
      if (stale.length > 0) await checkpoints.remove(stale);
      for (const { characters, stored } of batch) {
        waitingCharacters -= characters;
        stored();
      }
      writes--;
      pump();
    } catch (error) {
      queue = [...batch, ...queue];
      writes--;
      const waitMs = Math.min(Math.max(retryMs * 2, RETRY_MS.first), RETRY_MS.most);
      if (retryMs === 0) logger.warn('History waits for the database', { documents: queue.length, error });
      retryMs = waitMs;
      setTimeout(() => {
        retryMs = 0;
        pump();
      }, waitMs).unref();
    }
  }

  return {
    async prepare() {
      await collection().createIndex({ organisation: 1, acceptedAt: -1, _id: -1 });
      await collection().createIndex({ organisation: 1, status: 1, acceptedAt: -1, _id: -1 });
      await collection().createIndex({ organisation: 1, workflow: 1, acceptedAt: -1, _id: -1 });
      await collection().createIndex({ slot: 1, endedAt: -1 }, { partialFilterExpression: { key: { $type: 'string' } } });
    },
    write(finished, stored) {
      const document = documentOf(finished);
      const characters = document.entries.reduce((sum, entry) => sum + entry.length, 0);
      waitingCharacters += characters;
      queue.push({ document, checkpointed: finished.checkpointed, characters, stored });
      if (queue.length === 1) setImmediate(pump);
      else if (queue.length >= BATCH_MAX) pump();
    },
    get waitingCharacters() {
      return waitingCharacters;
    },
    get: (id) => collection().findOne({ _id: id }),
    async list({ organisation, status, workflow, before, limit }) {
      const filter: Filter<HistoryDocument> = {
        organisation,
        ...(status === undefined ? {} : { status: status as HistoryDocument['status'] }),
        ...(workflow === undefined ? {} : { workflow }),
        ...(before === undefined ? {} : { $or: [{ acceptedAt: { $lt: new Date(before.acceptedAtMs) } }, { acceptedAt: new Date(before.acceptedAtMs), _id: { $lt: before.id } }] }),
      };
      return collection().find(filter, { projection: { entries: 0 } }).sort({ acceptedAt: -1, _id: -1 }).limit(limit).toArray() as Promise<HistoryDocument[]>;
    },
    async endedAmong(ids) {
      const found = await collection().find({ _id: { $in: [...ids] } }, { projection: { _id: 1 } }).toArray();
      return new Set(found.map(({ _id }) => _id));
    },
    async remembered(table, lane, nowMs) {
      const slots = Array.from({ length: SLOT_COUNT }, (_, slot) => slot).filter((slot) => laneOfSlot(table, slot) === lane);
      const found = await collection()
        .find({ slot: { $in: slots }, key: { $type: 'string' }, endedAt: { $gt: new Date(nowMs - START_MEMORY_MS) } }, { projection: { inputDigest: 1, endedAt: 1 } })
        .sort({ endedAt: -1 })
        .limit(STARTS_REMEMBERED_MAX)
        .toArray();
      return found.reverse().map(({ _id, inputDigest: digest, endedAt }) => ({ id: _id, digest: digest ?? '', endedAtMs: endedAt.getTime() }));
    },
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

function documentOf(finished: Finished): HistoryDocument {
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
    entries: finished.entries,
    key: finished.key ?? null,
    inputDigest: finished.key === undefined ? null : inputDigest(finished.inputText),
  };
}
