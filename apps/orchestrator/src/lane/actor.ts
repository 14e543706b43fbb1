/**
 * One execution in the memory of its lane's owner: state, journal, and who waits for its end.
 */
import type { Execution, Program } from '@millrace/engine';

/** How an execution ended, as answers carry it. */
export interface End {
  readonly status: 'completed' | 'faulted' | 'cancelled';
  /** JSON text; absent unless completed. */
  readonly outputText: string | undefined;
  readonly error: { readonly type: string; readonly status: number; readonly title?: string; readonly detail?: string; readonly instance?: string } | undefined;
}

/** Somebody who asked for a start, or for the end of an execution. */
export interface Watcher {
  /** The start is durable; `existing` when the same start had come before. */
  accepted(execution: string, existing: boolean): void;
  ended(execution: string, end: End): void;
  /** `reason` is a key of the catalogue of errors. */
  refused(reason: string, message: string): void;
  /** Wants `ended`. */
  readonly waits: boolean;
}

export interface Actor {
  readonly execution: Execution;
  /** Journal entries as texts, in order; those before the last checkpoint may have been dropped. */
  entries: string[];
  /** Entries already stored as segments, and how many segments. */
  storedEntries: number;
  segments: number;
  /** The first frame that no checkpoint covers; 0: covered. */
  firstDirtySequence: number;
  /** What `firstDirtySequence` was when the checkpoint that is on its way was taken; 0: none is. */
  storingFirstSequence: number;
  /** A checkpoint of it was written at some time. */
  checkpointed: boolean;
  dirtySinceMs: number;
  lastSequence: number;
  watchers: Watcher[];
}

export function createActor(execution: Execution): Actor {
  return { execution, entries: [], storedEntries: 0, segments: 0, firstDirtySequence: 0, storingFirstSequence: 0, checkpointed: false, dirtySinceMs: 0, lastSequence: 0, watchers: [] };
}

/** An execution that has ended, until history has it. */
export interface Finished {
  readonly organisation: string;
  readonly id: string;
  readonly program: Program;
  readonly workflow: string;
  readonly version: string;
  readonly key: string | undefined;
  readonly inputText: string;
  readonly acceptedAtMs: number;
  readonly endedAtMs: number;
  readonly end: End;
  readonly entries: readonly string[];
  readonly segments: number;
  /** The log may not be truncated above this frame before history has the execution. */
  readonly firstSequence: number;
  readonly checkpointed: boolean;
  readonly traceparent: string | undefined;
}
