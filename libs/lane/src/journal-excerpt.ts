/**
 * As much of a journal as views and traces are made of: all of one of ordinary length, the beginning and the end of
 * a longer one.
 *
 * E6 The journal of a loop of a million tasks is hundreds of megabytes: reading it whole would take the memory and
 * the event loop of the process that everybody's executions run in.
 */

/** Text that is kept of a journal's beginning, in characters; the start, and the scopes that were entered first. */
export const JOURNAL_FIRST_CHARACTERS_MAX = 512 * 1024;
/** Text that is kept of a journal's end, in characters: decoded it takes some twenty times as much memory. */
export const JOURNAL_LAST_CHARACTERS_MAX = 2560 * 1024;

/** Reads the entries of segments from one number up to below another. */
export type ReadSegments = (from: number, below: number) => Promise<readonly string[]>;

export interface JournalExcerpt {
  readonly entries: readonly string[];
  /** The entry before which something was left out; undefined when nothing was. */
  readonly gapAt: number | undefined;
}

/** Entries in order. `count` segments come before `tail`; those in the middle of a long journal are not read. */
export async function readExcerpt(count: number, tail: readonly string[], read: ReadSegments): Promise<JournalExcerpt> {
  let last: readonly string[] = tail;
  let characters = lengthOf(tail);
  let next = count;
  for (; next > 1 && characters < JOURNAL_LAST_CHARACTERS_MAX; next--) {
    const entries = await read(next - 1, next);
    characters += lengthOf(entries);
    last = [...entries, ...last];
  }
  const first = next === 0 ? [] : await read(0, 1);
  return excerptOf(first, last, next > 1);
}

/** `isCut`: something between the two is missing already. */
function excerptOf(first: readonly string[], last: readonly string[], isCut: boolean): JournalExcerpt {
  const all = [...first, ...last];
  if (!isCut && lengthOf(all) <= JOURNAL_FIRST_CHARACTERS_MAX + JOURNAL_LAST_CHARACTERS_MAX) return { entries: all, gapAt: undefined };
  let head = 0;
  for (let room = JOURNAL_FIRST_CHARACTERS_MAX; head < all.length && (head === 0 || room >= (all[head] as string).length); head++) room -= (all[head] as string).length;
  if (isCut) head = Math.min(head, Math.max(1, first.length));
  let from = all.length;
  for (let room = JOURNAL_LAST_CHARACTERS_MAX; from > head && (from === all.length || room >= (all[from - 1] as string).length); from--) room -= (all[from - 1] as string).length;
  return { entries: [...all.slice(0, head), ...all.slice(from)], gapAt: head };
}

function lengthOf(entries: readonly string[]): number {
  return entries.reduce((sum, entry) => sum + entry.length, 0);
}
