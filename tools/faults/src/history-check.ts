/**
 * What the history says of executions that ended: each once, each result once.
 *
 * Reads the orchestrator's database directly, as an auditor would; no part of the product does.
 */
import { MongoClient } from 'mongodb';

export interface HistoryFindings {
  readonly documents: number;
  /** Keys of the steps that have a result: execution/run/activation. */
  readonly keys: ReadonlySet<string>;
  readonly violations: readonly string[];
}

interface StoredExecution {
  readonly _id: string;
  readonly status: string;
  /** How many segments hold the journal's first part. */
  readonly segments: number;
  readonly entries: readonly string[];
}

export async function checkHistory(mongoUrl: string, executions: readonly string[], timeoutMs: number): Promise<HistoryFindings> {
  const client = await MongoClient.connect(mongoUrl);
  try {
    const database = client.db('millrace_orchestrator');
    const history = database.collection<StoredExecution>('history');
    const segments = database.collection<{ readonly _id: string; readonly execution: string; readonly number: number; readonly entries: readonly string[] }>('segments');
    const until = performance.now() + timeoutMs;
    let documents = await history.find({ _id: { $in: [...executions] } }).toArray();
    // History is written behind the log: the last ones are a moment late.
    while (documents.length < executions.length && performance.now() < until) {
      await new Promise((settle) => setTimeout(settle, 200));
      documents = await history.find({ _id: { $in: [...executions] } }).toArray();
    }
    const violations: string[] = [];
    const keys = new Set<string>();
    for (const document of documents) {
      const earlier = await segments.find({ execution: document._id, number: { $lt: document.segments } }).sort({ number: 1 }).toArray();
      inspect(document._id, [...earlier.flatMap((segment) => segment.entries), ...document.entries], keys, violations);
    }
    const present = new Set(documents.map((document) => document._id));
    for (const id of executions) if (!present.has(id)) violations.push(`execution ${id} is not in the history`);
    return { documents: documents.length, keys, violations };
  } finally {
    await client.close();
  }
}

function inspect(id: string, entries: readonly string[], keys: Set<string>, violations: string[]): void {
  const resolved = new Set<number>();
  let started = 0;
  let ended = 0;
  for (const entry of entries) {
    const [, records] = JSON.parse(entry) as readonly [number, readonly { readonly k: string; readonly a?: number }[]];
    for (const { k, a } of records) {
      if (k === 'started.1') started++;
      if (k === 'ended.1') ended++;
      if (k === 'resolved.1' && a !== undefined) {
        if (resolved.has(a)) violations.push(`execution ${id}: activation ${a} has two results`);
        resolved.add(a);
        keys.add(`${id}/1/${a}`);
      }
    }
  }
  if (started !== 1) violations.push(`execution ${id} has ${started} first records`);
  if (ended !== 1) violations.push(`execution ${id} has ${ended} terminal records`);
}
