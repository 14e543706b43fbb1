/**
 * Executions made from others by hand: retried from the task that failed, restarted from a chosen one, or forked with
 * other input or another version.
 *
 * Owns what is asked of the first execution and how the new one starts. Does not own what can be taken over (the core).
 *
 * - The first is not changed. The new one names it in its first record, with who made it and why, and holds what it
 *   takes over: neither needs the other from then on.
 * - It has the first one's slot, so the owner that has read the journal accepts it with a frame of its own.
 * - The same key gives the same execution.
 */
import { createHash } from 'node:crypto';
import type { Clock } from '@millrace/clock';
import { collectReuse, decodeEntries, entryReferencesOf, payloadOf, planRerun, reuseRecord, RECORD_FORMATS, type JsonValue, type PlannedEffect, type Program, type RerunAct, type RerunOrigin, type StartedRecord } from '@millrace/engine';
import { MillraceError, REASONS, type Reason } from '@millrace/errors';
import { makeTimedId, parseId } from '@millrace/identity';
import type { WholeJournal } from './execution-reader.ts';
import type { Lanes } from './lane/lanes.ts';
import type { Programs } from './starts/start-stream.ts';

/** Longest journal that an execution is made from, in characters. */
export const RERUN_JOURNAL_CHARACTERS_MAX = 32 * 1024 * 1024;

export interface RerunOrder {
  readonly organisation: string;
  readonly execution: string;
  readonly act: RerunAct;
  /** The reference of the task from which all is done again; empty for `retry`, and for a fork that goes as far as it gets. */
  readonly from: string;
  /** A fork's workflow, NAME, NAME@VERSION or sha256:HASH; empty: the same version. */
  readonly workflow: string;
  /** A fork's input; undefined: the same. */
  readonly input: JsonValue | undefined;
  /** The same key gives the same execution. */
  readonly key: string;
  readonly by: string;
  readonly reason: string;
  /** Only says what would be done. */
  readonly dryRun: boolean;
}

export interface RerunOutcome {
  /** Empty for a dry run. */
  readonly execution: string;
  readonly existing: boolean;
  readonly program: Program;
  readonly effects: readonly PlannedEffect[];
}

export interface RerunPorts {
  readonly lanes: Lanes;
  readonly programs: Programs;
  readonly clock: Clock;
  /** The record format to write. */
  format(): number;
  journal(organisation: string, execution: string, charactersMax: number): Promise<WholeJournal>;
  payload(name: string): Promise<string>;
  /** Which of these have ended and are in history. @throws MillraceError `store-failed` when that cannot be said. */
  ended(executions: readonly string[]): Promise<ReadonlyMap<string, string>>;
}

/** @throws MillraceError `execution-unknown`, `execution-running`, `task-unknown`, `workflow-unknown`, `format-not-agreed`, `lane-displaced`. */
export async function rerun(order: RerunOrder, ports: RerunPorts): Promise<RerunOutcome> {
  const { execution: first, act, from, by, reason } = order;
  if (ports.format() < RECORD_FORMATS.operated) throw new MillraceError('format-not-agreed', { message: `Not all orchestrators are of a release that can ${act} executions yet` });
  const journal = await ports.journal(order.organisation, first, RERUN_JOURNAL_CHARACTERS_MAX);
  const { organisation, program: before } = journal;
  if (act === 'retry' && journal.status !== 'faulted' && journal.status !== 'cancelled') throw new MillraceError('execution-running', { message: `Execution ${first} is ${journal.status}: only one that has faulted or was cancelled is retried` });
  if (act === 'restart' && journal.status !== 'faulted' && journal.status !== 'cancelled' && journal.status !== 'completed') throw new MillraceError('execution-running', { message: `Execution ${first} is ${journal.status}: cancel it before it is restarted` });
  const program = order.workflow === '' ? before : await ports.programs.resolve(organisation, order.workflow);
  if (program === undefined) throw new MillraceError('workflow-unknown', { message: `Organisation ${organisation} has no workflow ${order.workflow}; apply it first` });
  const texts = new Map<string, string>();
  for (const name of entryReferencesOf(journal.texts)) texts.set(name, await ports.payload(name));
  const entries = decodeEntries(journal.texts, (name) => texts.get(name) ?? 'null');
  const started = entries[0]?.records[0];
  if (started?.kind !== 'started') throw new MillraceError('execution-unknown', { message: `The journal of execution ${first} has no beginning` });
  const collected = collectReuse(before, entries, from, act === 'fork');
  if (collected === undefined) throw new MillraceError('task-unknown', { message: `Execution ${first} never reached a task ${from}; \`millrace show\` lists those that it did` });
  const origin: RerunOrigin = { execution: first, act, by, ...(reason === '' ? {} : { reason }), ...(from === '' ? {} : { from }) };
  const input = order.input === undefined ? started.input : payloadOf(order.input);
  const acceptedAtMs = ports.clock.wallMs();
  const record: StartedRecord = { kind: 'started', definition: program.hash, workflow: program.name, version: program.version, input, acceptedAtMs, acceptedBy: 'gateway', origin };
  const { effects, reuse } = await planRerun(before, collected, record, program, () => ports.clock.sleep(0));
  if (order.dryRun) return { execution: '', existing: false, program, effects };
  const id = rerunId(first, order.key);
  const lane = ports.lanes.of(id);
  if (lane === undefined) throw new MillraceError('lane-displaced', { message: `The lane of execution ${first} is not at this orchestrator` });
  if (!lane.knows(id) && (await ports.ended([id])).size > 0) return { execution: id, existing: true, program, effects };
  const existing = await new Promise<boolean>((accepted, fail) => {
    const refused = (why: string, message: string): void => fail(new MillraceError(why in REASONS ? (why as Reason) : 'internal', { message }));
    const watcher = { waits: false, accepted: (_id: string, isThere: boolean) => accepted(isThere), ended: () => undefined, refused };
    lane.post({ kind: 'start', organisation, execution: id, program, input, key: `${act}/${first}/${order.key}`, traceparent: undefined, acceptedAtMs, acceptedBy: 'gateway', replyTo: undefined, watcher, origin: undefined, rerun: { origin, reuse: reuseRecord(reuse) } });
  });
  return { execution: id, existing, program, effects };
}

/** The id that every order with this key has: in the slot of the first, so that one owner knows both. */
export function rerunId(first: string, key: string): string {
  const place = parseId(first);
  if (place === undefined) throw new MillraceError('execution-unknown', { message: `${first} is no id of an execution` });
  const hash = createHash('sha256').update(`rerun\n${first}\n${key}`).digest();
  return makeTimedId({ cell: place.cell, slot: place.slot, timeMs: hash.readUIntBE(0, 6), random: hash.subarray(6, 16) });
}
