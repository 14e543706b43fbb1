/**
 * One decision about one execution, from the core's records to the frame's text.
 *
 * E6 What the core cannot decide, or the frame not hold, ends that execution alone: its lane and all others go on.
 */
import { apply, fault, Fault, type JournalRecord } from '@millrace/engine';
import type { Logger } from '@millrace/telemetry';
import type { Actor } from './actor.ts';
import type { FrameBytes } from './frame-bytes.ts';

export interface TransitionOptions {
  readonly actor: Actor;
  readonly frame: FrameBytes;
  readonly nowMs: number;
  readonly logger: Logger;
  /** Adds the records that it makes, each already applied. */
  decide(records: JournalRecord[]): void;
}

/** Decides and writes, to the frame and to the execution's journal; undefined when nothing came of it. */
export function writeTransition(options: TransitionOptions): readonly JournalRecord[] | undefined {
  const records: JournalRecord[] = [];
  try {
    options.decide(records);
  } catch (error) {
    records.push(endAlone(options, error));
  }
  return records.length === 0 ? undefined : write(options, records);
}

/** Records that the frame cannot hold give way to the execution's end. */
function write(options: TransitionOptions, records: readonly JournalRecord[]): readonly JournalRecord[] {
  const { actor, frame, nowMs } = options;
  const { execution, prefix, journal } = actor;
  try {
    frame.add({ organisation: execution.organisation, execution: execution.id, atMs: nowMs, records }, prefix, journal);
    return records;
  } catch (error) {
    const [first] = records;
    const instead = [...(first?.kind === 'started' ? [first] : []), endAlone(options, error)];
    frame.add({ organisation: execution.organisation, execution: execution.id, atMs: nowMs, records: instead }, prefix, journal);
    return instead;
  }
}

/** Ends an execution that cannot go on, whatever state it is in. */
function endAlone({ actor: { execution }, nowMs, logger }: TransitionOptions, cause: unknown): JournalRecord {
  if (!(cause instanceof Fault)) logger.error('An execution was ended by a defect', { execution: execution.id, organisation: execution.organisation, error: cause });
  const { problem } = cause instanceof Fault ? cause : fault('runtime', `the execution cannot go on: ${cause instanceof Error ? cause.message : String(cause)}`, '/');
  const record: JournalRecord = { kind: 'ended', status: 'faulted', error: { instance: '/', ...problem } };
  apply(execution, record, nowMs);
  return record;
}
