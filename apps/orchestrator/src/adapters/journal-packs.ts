/**
 * Journals of executions that ended together, compressed into one document: a tenth of the bytes for the database to
 * copy, log and replicate.
 *
 * Owns which journals are packed and how a pack is read. Does not own the documents of the executions, which say in
 * which pack their journal stands, and where.
 *
 * - A pack holds journals of one organisation, and stands before any document refers to it.
 * - One whose documents were not written, because they were there already or the process died, is named by nobody.
 */
import { createHash } from 'node:crypto';
import { promisify } from 'node:util';
import { constants, zstdCompress, zstdDecompress } from 'node:zlib';
import type { HistoryDocument } from '@millrace/lane';

/** Fewer journals, or fewer bytes of them, stand in their documents as they are. */
const PACK_JOURNALS_MIN = 8;
const PACK_BYTES_MIN = 16 * 1024;
/** Bytes of journals in one pack, before compression; reading one execution reads its pack. */
const PACK_BYTES_MAX = 1024 * 1024;
/** A longer journal stands in its document, in bytes. */
const JOURNAL_BYTES_MAX = 64 * 1024;

const compress = promisify(zstdCompress);
const decompress = promisify(zstdDecompress);
const OPTIONS = { params: { [constants.ZSTD_c_compressionLevel]: 1 } };

/** A document as the database has it: its journal in a pack, or in itself. */
export interface PackedHistoryDocument extends HistoryDocument {
  readonly pack?: { readonly id: string; readonly at: number; readonly bytes: number };
}

export interface JournalPack {
  /** Its first execution, and what it holds. */
  readonly _id: string;
  readonly organisation: string;
  /** Executions whose journals it holds, and how many of them have been removed. */
  readonly executions: number;
  readonly removed: number;
  /** Zstandard (RFC 8878). */
  readonly journals: Uint8Array;
}

/** Moves journals into packs where that is worth it; the documents come back in the order given. */
export async function packJournals(documents: readonly HistoryDocument[]): Promise<{ readonly documents: readonly PackedHistoryDocument[]; readonly packs: readonly JournalPack[] }> {
  const packed = await Promise.all(groupsOf(documents).map(packGroup));
  const byId = new Map(packed.flatMap(({ members }) => members.map((member) => [member._id, member] as const)));
  return { documents: documents.map((document) => byId.get(document._id) ?? document), packs: packed.map(({ pack }) => pack) };
}

async function packGroup(group: readonly HistoryDocument[]): Promise<{ readonly pack: JournalPack; readonly members: readonly PackedHistoryDocument[] }> {
  const [first] = group;
  // Copied before anything is awaited: a journal's bytes are good until something is added to it.
  const journals = await compress(Buffer.concat(group.map(({ journal = EMPTY }) => journal)), OPTIONS);
  // A batch that is tried again may be cut elsewhere: only the same journals in the same order have the same name.
  const id = `${first?._id ?? ''}.${createHash('sha256').update(journals).digest('hex').slice(0, 16)}`;
  let at = 0;
  const members = group.map(({ journal = EMPTY, ...rest }): PackedHistoryDocument => {
    const place = { id, at, bytes: journal.length };
    at += journal.length;
    return { ...rest, pack: place };
  });
  return { pack: { _id: id, organisation: first?.organisation ?? '', executions: group.length, removed: 0, journals }, members };
}

/** The document with its journal in itself. */
export async function unpackJournal({ pack, ...document }: PackedHistoryDocument, read: (id: string) => Promise<JournalPack | null>): Promise<HistoryDocument> {
  if (pack === undefined) return document;
  const found = await read(pack.id);
  if (found === null) throw new Error(`the journal of execution ${document._id} stands in the pack ${pack.id}, which is not there`);
  const journals = await decompress(found.journals);
  return { ...document, journal: journals.subarray(pack.at, pack.at + pack.bytes) };
}

/** Documents whose journals go into one pack each. */
function groupsOf(documents: readonly HistoryDocument[]): readonly (readonly HistoryDocument[])[] {
  const open = new Map<string, { readonly group: HistoryDocument[]; bytes: number }>();
  const groups: { readonly group: HistoryDocument[]; bytes: number }[] = [];
  for (const document of documents) {
    const bytes = document.journal?.length ?? 0;
    if (bytes === 0 || bytes > JOURNAL_BYTES_MAX) continue;
    let current = open.get(document.organisation);
    if (current === undefined || current.bytes + bytes > PACK_BYTES_MAX) {
      current = { group: [], bytes: 0 };
      open.set(document.organisation, current);
      groups.push(current);
    }
    current.group.push(document);
    current.bytes += bytes;
  }
  return groups.filter(({ group, bytes }) => group.length >= PACK_JOURNALS_MIN && bytes >= PACK_BYTES_MIN).map(({ group }) => group);
}

const EMPTY = new Uint8Array();
