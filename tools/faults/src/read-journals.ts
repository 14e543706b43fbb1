/**
 * The journals of ended executions out of the history.
 *
 * Reads the orchestrator's database directly, as an auditor would; no part of the product does.
 */
import { MongoClient, type Binary } from 'mongodb';
import { createJournalReader, type StoredJournal } from '@millrace/testkit';
import type { Journal, JournalRecord } from './evidence.ts';

interface StoredExecution extends StoredJournal {
  readonly _id: string;
  readonly organisation: string;
  readonly workflow: string;
  readonly status: string;
  readonly key?: string;
  /** How many segments hold the journal's first part. */
  readonly segments: number;
}

interface StoredSegment {
  readonly _id: string;
  readonly execution: string;
  readonly number: number;
  readonly entries: readonly string[];
}

/**
 * All journals that are there, once `expected` of them are, or after `timeoutMs`: history is written behind the log,
 * so the last ones are a moment late.
 */
export async function readJournals(mongoUrl: string, expected: number, timeoutMs: number): Promise<readonly Journal[]> {
  const client = await MongoClient.connect(mongoUrl, { serverSelectionTimeoutMS: timeoutMs });
  try {
    const database = client.db('millrace_orchestrator');
    const history = database.collection<StoredExecution>('history');
    const segments = database.collection<StoredSegment>('segments');
    for (const until = performance.now() + timeoutMs; (await history.countDocuments()) < expected && performance.now() < until; ) {
      await new Promise((settle) => setTimeout(settle, 200));
    }
    const packs = database.collection<{ readonly _id: string; readonly journals: Binary }>('journals');
    const read = createJournalReader(async (id) => (await packs.findOne({ _id: id }))?.journals.buffer);
    const journals: Journal[] = [];
    for await (const { _id: execution, organisation, workflow, status, key, segments: count, ...stored } of history.find({}).sort({ 'pack.id': 1 })) {
      const earlier = count === 0 ? [] : await segments.find({ execution, number: { $lt: count } }).sort({ number: 1 }).toArray();
      const texts = [...earlier.flatMap((segment) => segment.entries), await read(stored)].filter((text) => text !== '');
      journals.push({ execution, organisation, workflow, status, key, entries: (JSON.parse(`[${texts.join()}]`) as readonly WrittenEntry[]).map(entryOf) });
    }
    return journals;
  } finally {
    await client.close();
  }
}

interface WrittenRecord {
  readonly k: string;
  readonly a?: number;
  readonly x?: number;
  readonly due?: number;
  readonly st?: string;
  readonly w?: string;
}

type WrittenEntry = readonly [atMs: number, records: readonly WrittenRecord[]];

function entryOf([atMs, records]: WrittenEntry): Journal['entries'][number] {
  return { atMs, records: records.map(recordOf) };
}

function recordOf({ k, a, x, due, st, w }: WrittenRecord): JournalRecord {
  return {
    kind: k.replace(/\.\d+$/, ''),
    attempt: x ?? 1,
    ...(a === undefined ? {} : { activation: a }),
    ...(due === undefined ? {} : { dueMs: due }),
    ...(st === undefined ? {} : { status: st }),
    ...(w === undefined ? {} : { worker: w }),
  };
}
