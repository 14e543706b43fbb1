/** Executions that have ended as the database has them, and what is asked of the database; an adapter provides it. */
import type { FieldValue, FieldValues, Problem } from '@millrace/engine';
import type { Filter } from '../search/filter.ts';

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
  /** The journal's entries after those in segments, as UTF-8 and joined by commas (format 2). */
  readonly journal?: Uint8Array;
  /** The same as JSON texts (format 1). */
  readonly entries?: readonly string[];
  readonly key: string | null;
  readonly inputDigest: string | null;
  /** Those with a value; absent when there are none. */
  readonly fields?: readonly FieldDocument[];
}

/** A business field as the database has it: one index serves all names. */
export interface FieldDocument {
  readonly name: string;
  readonly value: FieldValue;
}

/** As documents hold them: with the property, or without. */
export function fieldsPart(fields: FieldValues): { readonly fields?: readonly FieldDocument[] } {
  const list = Object.entries(fields).map(([name, value]) => ({ name, value }));
  return list.length === 0 ? {} : { fields: list };
}

export interface ListFilter {
  /** Empty: any. */
  readonly organisation: string;
  readonly where?: Filter;
  readonly status?: string;
  readonly workflow?: string;
  readonly before?: { readonly acceptedAtMs: number; readonly id: string };
  readonly limit: number;
}

/** A keyed start that ended. */
export interface KeyedStart {
  readonly id: string;
  readonly digest: string | null;
  readonly endedAtMs: number;
}

/** A payload too large for a frame, once history or a segment names it. */
export interface PayloadDocument {
  /** Its name. */
  readonly _id: string;
  readonly execution: string;
  readonly text: string;
}

export interface HistoryDocuments {
  prepare(): Promise<void>;
  /** Writes payloads; those that are there stay. */
  putPayloads(documents: readonly PayloadDocument[]): Promise<void>;
  payload(name: string): Promise<string | undefined>;
  /** Removes the payloads of executions. */
  removePayloads(executions: readonly string[]): Promise<void>;
  /** Those of an organisation (empty: any) that ended before. */
  endedBefore(ids: readonly string[], organisation: string, beforeMs: number): Promise<readonly string[]>;
  /** Bytes of everything that the database has of executions, before its compression. */
  bytesOf(ids: readonly string[]): Promise<number>;
  /** Removes executions; yields how many there were. */
  remove(ids: readonly string[]): Promise<number>;
  /** Writes those that are not there. Resolves once all are durable; rejected, some may be there all the same. */
  insert(documents: readonly HistoryDocument[]): Promise<void>;
  get(id: string): Promise<HistoryDocument | null>;
  /** Newest first, without entries. */
  list(filter: ListFilter): Promise<readonly HistoryDocument[]>;
  /** Which of them are there. */
  present(ids: readonly string[]): Promise<ReadonlySet<string>>;
  /** The digests of the inputs of those that are there; the database may give up after `limitMs`. */
  digests(ids: readonly string[], limitMs: number): Promise<ReadonlyMap<string, string | null>>;
  definitions(ids: readonly string[]): Promise<ReadonlyMap<string, string>>;
  /** Keyed executions of these slots that ended after `sinceMs`, newest first, and whether others ended before. With `limit` starts `older` is not looked for. */
  keyed(slots: readonly number[], sinceMs: number, limit: number): Promise<{ readonly starts: readonly KeyedStart[]; readonly older: boolean }>;
}
