/**
 * Where a list of executions goes on: lists run from the newest start to the oldest, ids breaking ties.
 *
 * The position says what came last rather than how many were shown, so that several sources (the memory of
 * every orchestrator and the history) can continue one merged list from the same cursor.
 */

export interface ListPosition {
  /** Milliseconds since the Unix epoch. */
  readonly startedAtMs: number;
  readonly execution: string;
}

/** The cursor's text: opaque to clients, safe in a URL, understood by every source. */
export function encodeListPosition(position: ListPosition): string {
  return Buffer.from(`${position.startedAtMs}/${position.execution}`).toString('base64url');
}

/** Undefined when the text is not a cursor that `encodeListPosition` made. */
export function decodeListPosition(cursor: string): ListPosition | undefined {
  const match = /^(\d{1,16})\/([0-9a-z]{1,64})$/.exec(Buffer.from(cursor, 'base64url').toString());
  if (match?.[1] === undefined || match[2] === undefined) return undefined;
  return { startedAtMs: Number(match[1]), execution: match[2] };
}

/** Orders from the newest start to the oldest; negative when `a` comes first. */
export function newestFirst(a: ListPosition, b: ListPosition): number {
  if (a.startedAtMs !== b.startedAtMs) return b.startedAtMs - a.startedAtMs;
  return a.execution < b.execution ? 1 : a.execution > b.execution ? -1 : 0;
}
