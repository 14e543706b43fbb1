/**
 * One execution in the memory of its lane's owner: state, journal, and who waits for its end.
 */
import { slotOf } from '@millrace/identity';
import { restore, textOf, type Execution, type Payload, type Program, type Reply } from '@millrace/engine';
import type { StoredCheckpoint } from '../history/checkpoint-store.ts';
import { framePrefix } from './frame-bytes.ts';
import { Journal } from './journal.ts';

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
  readonly slot: number;
  /** How often it has moved between lanes: of two checkpoints that with the higher hop is the later. */
  hop: number;
  /** What stands in front of its entries in a frame. */
  readonly prefix: string;
  /** Those entries that are not stored as segments. */
  readonly journal: Journal;
  /** Segments that hold the journal's first part. */
  segments: number;
  /** The first frame that no checkpoint covers; 0: covered. */
  firstDirtySequence: number;
  /** What `firstDirtySequence` was when the checkpoint that is on its way was taken; 0: none is. */
  storingFirstSequence: number;
  /** A checkpoint of it may have been written at some time. */
  checkpointed: boolean;
  /** One was, or it came from one: not all of its journal need be in this lane's log. */
  isStored: boolean;
  /** The object that holds the state of its checkpoint, where that is too large for a document. */
  stateObject: string | undefined;
  dirtySinceMs: number;
  lastSequence: number;
  watchers: Watcher[];
  /** Its next turn stands in the mailbox, or will once the frame in hand is durable. */
  hasTurn: boolean;
}

export function createActor(execution: Execution): Actor {
  return { execution, slot: slotOf(execution.id), hop: 0, prefix: framePrefix(execution.organisation, execution.id), journal: new Journal(execution.program), segments: 0, firstDirtySequence: 0, storingFirstSequence: 0, checkpointed: false, isStored: false, stateObject: undefined, dirtySinceMs: 0, lastSequence: 0, watchers: [], hasTurn: false };
}

/** The actor that a checkpoint describes, in the lane `lane`. One of another lane is from before its slot came here: every frame of this log is later. */
export function actorOfCheckpoint(stored: StoredCheckpoint, program: Program, lane: number): Actor {
  const actor = createActor(restore(stored.organisation, stored.id, program, stored.snapshot));
  const isForeign = stored.lane !== undefined && stored.lane !== lane;
  actor.hop = isForeign ? stored.hop + 1 : stored.hop;
  actor.lastSequence = isForeign ? 0 : stored.sequence;
  actor.segments = stored.segments;
  for (const entry of stored.entries) actor.journal.append(entry);
  actor.checkpointed = true;
  actor.isStored = true;
  actor.stateObject = stored.stateObject;
  return actor;
}

/** An execution that has ended, until history has it. */
export interface Finished {
  readonly organisation: string;
  readonly id: string;
  readonly program: Program;
  readonly workflow: string;
  readonly version: string;
  readonly key: string | undefined;
  readonly input: Payload;
  readonly replyTo: string | undefined;
  readonly acceptedAtMs: number;
  readonly endedAtMs: number;
  readonly end: End;
  readonly journal: Journal;
  readonly segments: number;
  readonly hop: number;
  /** The log may not be truncated above this frame before history has the execution. */
  readonly firstSequence: number;
  /** Its whole journal is in this lane's log, from `firstSequence` on. */
  readonly isWhole: boolean;
  /** The frame that holds the end. */
  readonly lastSequence: number;
  readonly checkpointed: boolean;
  readonly traceparent: string | undefined;
}

/** What remains of an actor that has ended; undefined while it has not. */
export function finishedOf(actor: Actor): Finished | undefined {
  const { execution } = actor;
  if (execution.end === undefined) return undefined;
  actor.journal.complete(execution.program);
  const end: End = { status: execution.end.status, outputText: execution.end.output === undefined ? undefined : textOf(execution.end.output), error: execution.end.error };
  return {
    organisation: execution.organisation,
    id: execution.id,
    program: execution.program,
    workflow: execution.workflow,
    version: execution.version,
    key: execution.key,
    input: execution.rawInput,
    replyTo: execution.replyTo,
    acceptedAtMs: execution.acceptedAtMs,
    endedAtMs: execution.end.atMs,
    end,
    journal: actor.journal,
    segments: actor.segments,
    hop: actor.hop,
    firstSequence: actor.storingFirstSequence || actor.firstDirtySequence || actor.lastSequence,
    isWhole: !actor.isStored && actor.segments === 0 && actor.hop === 0,
    lastSequence: actor.lastSequence,
    checkpointed: actor.checkpointed,
    traceparent: execution.traceparent,
  };
}

/** An end as the one who waits at a reply subject gets it. */
export function replyOf(execution: string, { status, outputText, error }: End): Reply {
  return { execution, status, ...(outputText === undefined ? {} : { output: JSON.parse(outputText) }), ...(error === undefined ? {} : { error }) };
}
