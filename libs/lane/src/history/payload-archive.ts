/**
 * Large payloads once the log does not need them any more: out of the bucket beside the log, into the database, where
 * the journals are that name them.
 *
 * - A payload is in the database before whatever names it there; its object goes only afterwards, when no frame of the
 *   log names it (lane-upkeep.ts). So it can be read at any moment, from one or the other.
 * - Kept twice it is the same: its name says whose it is, of which step.
 */
import type { Clock } from '@millrace/clock';
import { entryReferencesOf } from '@millrace/engine';
import { Defect } from '@millrace/errors';
import type { HistoryDocuments } from './history-documents.ts';
import type { PayloadStore } from './payload-store.ts';
import { within } from './within.ts';

/** How long keeping the payloads of one bulk write may take, in milliseconds. */
const KEEP_MS_MAX = 60_000;
/** Text of payloads written at once, in characters. */
const BATCH_CHARACTERS_MAX = 4 * 1024 * 1024;
/** How a record that names an object is told from others without reading it. */
const REFERENCE = '@":"';

/** Entries that may name payloads, and whose they are. */
export interface Naming {
  readonly execution: string;
  readonly entries: readonly string[];
}

export interface PayloadArchive extends PayloadStore {
  /** Copies what the entries name into the database; yields the names. */
  keep(namings: readonly Naming[]): Promise<readonly string[]>;
}

export function createPayloadArchive(objects: PayloadStore, documents: HistoryDocuments, clock: Clock): PayloadArchive {
  async function get(name: string): Promise<string> {
    try {
      return await objects.get(name);
    } catch (error) {
      const kept = error instanceof Defect ? await documents.payload(name) : undefined;
      if (kept === undefined) throw error;
      return kept;
    }
  }

  async function keepAll(wanted: ReadonlyMap<string, string>): Promise<void> {
    let batch: { readonly _id: string; readonly execution: string; readonly text: string }[] = [];
    let characters = 0;
    for (const [name, execution] of wanted) {
      const text = await get(name);
      batch.push({ _id: name, execution, text });
      characters += text.length;
      if (characters < BATCH_CHARACTERS_MAX) continue;
      await documents.putPayloads(batch);
      batch = [];
      characters = 0;
    }
    if (batch.length > 0) await documents.putPayloads(batch);
  }

  return {
    put: (payloads) => objects.put(payloads),
    remove: (names) => objects.remove(names),
    get,
    async keep(namings) {
      const wanted = new Map<string, string>();
      for (const { execution, entries } of namings) for (const name of entryReferencesOf(entries)) wanted.set(name, execution);
      if (wanted.size > 0) await within(clock, KEEP_MS_MAX, 'Keeping payloads', keepAll(wanted));
      return [...wanted.keys()];
    },
  };
}

/** Whether a journal may name payloads; a value that looks like it does no harm. */
export function mayName(journal: Uint8Array): boolean {
  return Buffer.from(journal.buffer, journal.byteOffset, journal.byteLength).includes(REFERENCE);
}
