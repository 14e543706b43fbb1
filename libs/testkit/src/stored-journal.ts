/** Reads journals out of the orchestrator's history as an auditor would: from the database, past the product. */
import { zstdDecompressSync } from 'node:zlib';

/** What a document of the history says of its journal. */
export interface StoredJournal {
  /** JSON texts of entries (format 1). */
  readonly entries?: readonly string[];
  /** The same as UTF-8, joined by commas (format 2). */
  readonly journal?: { readonly buffer: Uint8Array };
  /** Where the same stands among the journals of other executions. */
  readonly pack?: { readonly id: string; readonly at: number; readonly bytes: number };
}

/** @param journalsOf the compressed bytes of a pack. Yields the entries' texts, joined by commas; rejects when the pack is not there. */
export function createJournalReader(journalsOf: (pack: string) => Promise<Uint8Array | undefined>): (stored: StoredJournal) => Promise<string> {
  let last: { readonly id: string; readonly journals: Buffer } | undefined;
  return async ({ entries = [], journal, pack }) => {
    if (pack === undefined) return journal === undefined ? entries.join() : Buffer.from(journal.buffer).toString('utf8');
    if (last?.id !== pack.id) {
      const found = await journalsOf(pack.id);
      if (found === undefined) throw new Error(`the history names the pack ${pack.id}, which is not there`);
      last = { id: pack.id, journals: zstdDecompressSync(found) };
    }
    return last.journals.subarray(pack.at, pack.at + pack.bytes).toString('utf8');
  };
}
