/** Checkpoints and journal segments as the database has them, and what is asked of the database; an adapter provides it. */

export interface CheckpointDocument {
  readonly _id: string;
  readonly organisation: string;
  readonly slot: number;
  /** How often the execution had moved between lanes, and the lane whose sequence it is; neither on documents of release 0.1. */
  readonly hop?: number;
  readonly lane?: number;
  readonly sequence: number;
  readonly segments: number;
  /** JSON text: keys of user data may hold what field names may not. Empty when it stands by reference. */
  readonly state: string;
  /** The name of the state's text in the object bucket. */
  readonly reference?: string;
  /** The earliest timer, for waking without loading. */
  readonly dueMs: number | null;
}

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
  /** Writes each that is later (`compareProgress`) than what is there. Resolves once all are durable; rejected, some may be there all the same. */
  putCheckpoints(documents: readonly CheckpointDocument[]): Promise<void>;
  /** Writes each that is not older (`compareProgress`) than what is there. */
  putSegments(documents: readonly SegmentDocument[]): Promise<void>;
  ofSlots(slots: readonly number[]): Promise<readonly CheckpointDocument[]>;
  remove(ids: readonly string[]): Promise<void>;
  /** The segments of a journal below a number, in order. */
  segments(execution: string, below: number): Promise<readonly SegmentDocument[]>;
}
