/** Checkpoints and journal segments as the database has them, and what is asked of the database; an adapter provides it. */

import type { FieldDocument, ListFilter } from './history-documents.ts';

export interface CheckpointDocument {
  readonly _id: string;
  readonly organisation: string;
  /** With the next two: what lists show of one that sleeps. */
  readonly workflow?: string;
  readonly version?: string;
  readonly acceptedAt?: Date;
  readonly slot: number;
  /** How often the execution had moved between lanes, and the lane whose sequence it is; neither on documents of release 0.1. */
  readonly hop?: number;
  readonly lane?: number;
  readonly sequence: number;
  readonly segments: number;
  /** The journal's entries after those in segments, as JSON texts. */
  readonly entries?: readonly string[];
  /** JSON text: keys of user data may hold what field names may not. Empty when it stands by reference. */
  readonly state: string;
  /** The name of the state's text in the object bucket. */
  readonly reference?: string;
  /** The earliest timer, for waking without loading. */
  readonly dueMs: number | null;
  /** It waits for nothing but its timers, or for what is addressed to it: it need not be in memory. Absent on documents of release 0.1. */
  readonly asleep?: boolean;
  /** An operator has paused it. */
  readonly paused?: true;
  /** Business fields, of those that are asleep: others are found in memory. */
  readonly fields?: readonly FieldDocument[];
}

/** A sleeping execution as lists show it. */
export type SleepingSummary = Required<Pick<CheckpointDocument, '_id' | 'organisation' | 'workflow' | 'version' | 'acceptedAt'>> & Pick<CheckpointDocument, 'paused' | 'fields'>;

export interface SegmentDocument {
  readonly _id: string;
  readonly execution: string;
  readonly number: number;
  readonly hop?: number;
  /** The frame that the writer had seen; 0 on segments of earlier releases. */
  readonly sequence: number;
  /** JSON texts of journal entries. */
  readonly entries: readonly string[];
}

/** What orders two writes about one execution: hops first, then sequences, which compare only within one lane. */
export interface Progress {
  readonly hop?: number;
  readonly sequence: number;
}

/** Above 0 when `a` is the later, 0 when they are as late. */
export function compareProgress(a: Progress, b: Progress): number {
  return (a.hop ?? 0) - (b.hop ?? 0) || a.sequence - b.sequence;
}

export interface CheckpointDocuments {
  prepare(): Promise<void>;
  /** Writes each that is later (`compareProgress`) than what is there; of those whose ids are in `first` there is none, as far as is known. Resolves once all are durable; rejected, some may be there all the same. */
  putCheckpoints(documents: readonly CheckpointDocument[], first?: ReadonlySet<string>): Promise<void>;
  /** Writes each that is not there; yields those that are, as they are. Rejected, some may have been written. */
  addSegments(documents: readonly SegmentDocument[]): Promise<readonly SegmentDocument[]>;
  /** Writes each that is not older (`compareProgress`) than what is there. */
  putSegments(documents: readonly SegmentDocument[]): Promise<void>;
  /** Those of these slots that are not asleep. */
  awake(slots: readonly number[]): Promise<readonly CheckpointDocument[]>;
  /** The ids of those of these slots that are asleep, in portions. */
  asleep(slots: readonly number[]): AsyncIterable<readonly string[]>;
  /** Those of these that there are. */
  get(ids: readonly string[]): Promise<readonly CheckpointDocument[]>;
  /** Sleeping ones of these slots by due time, then by id: those behind `after`, due at `untilMs` or before. */
  due(slots: readonly number[], after: { readonly dueMs: number; readonly id: string }, untilMs: number, limit: number): Promise<readonly { readonly id: string; readonly dueMs: number }[]>;
  /** Sleeping ones of an organisation, newest first, without state and entries. Of its filter's status they know `suspended` and `waiting`. */
  listAsleep(filter: ListFilter): Promise<readonly SleepingSummary[]>;
  /** Removes checkpoints; yields the names of the objects that hold states of theirs. */
  remove(ids: readonly string[]): Promise<readonly string[]>;
  removeSegments(executions: readonly string[]): Promise<void>;
  /** The segments of a journal from a number on, 0 unless it is given, up to below another, in order. */
  segments(execution: string, below: number, from?: number): Promise<readonly SegmentDocument[]>;
}
