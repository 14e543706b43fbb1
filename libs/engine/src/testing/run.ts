/**
 * Runs a program to its end in memory: every step is answered by a function, every timer by the clock.
 * After each message the journal so far is written as a frame, read back and replayed, and the replayed
 * state compared with the live one (E3).
 */
import { apply } from '../apply.ts';
import { begin, advance, elapse, hear, journalFor, resolve, start } from '../decide.ts';
import type { Activation, Execution } from '../execution.ts';
import { FORMAT_NEWEST, FORMAT_OLDEST } from '../format.ts';
import { createFrameWriter, decodeFrame } from '../frame.ts';
import { isListening, type CloudEvent } from '../listen.ts';
import { payloadOf } from '../payload.ts';
import type { JsonValue, Program } from '../program.ts';
import { fault, Fault, type Problem } from '../problem.ts';
import type { JournalEntry, JournalRecord, StartedRecord } from '../record.ts';
import { restore, snapshotOf } from '../snapshot.ts';

export interface Run {
  readonly execution: Execution;
  readonly journal: readonly JournalEntry[];
  /** The steps dispatched, in order. */
  readonly steps: readonly { readonly activation: number; readonly attempt: number; readonly arguments: JsonValue }[];
}

export type Answer = (step: JsonValue, activation: Activation) => JsonValue | { readonly failure: Problem };

/** Most messages of one run; a program that needs more does not end. */
const MESSAGES_MAX = 10_000;

/**
 * @param events delivered one after another whenever nothing else can happen and somebody listens
 * @param choose which of the outstanding steps is answered next; the one that has waited longest unless it says another
 */
export function run(program: Program, input: JsonValue, answer: Answer = (step) => step, choose: (outstanding: readonly Activation[]) => Activation | undefined = ([first]) => first, events: readonly CloudEvent[] = []): Run {
  const record: StartedRecord = { kind: 'started', definition: program.hash, workflow: program.name, version: program.version, input: payloadOf(input), acceptedAtMs: 1_000, acceptedBy: 'test' };
  const execution = start('acme', EXECUTION_ID, program, record);
  const journal: JournalEntry[] = [];
  const steps: { activation: number; attempt: number; arguments: JsonValue }[] = [];
  let nowMs = 1_000;
  let sent = 0;
  const turn = (decide: (records: JournalRecord[]) => void, before: readonly JournalRecord[] = []): void => {
    const records: JournalRecord[] = [...before];
    decide(records);
    if (records.length > 0) journal.push({ atMs: nowMs, records });
    assertReplays(program, journal, execution);
  };
  turn((records) => begin(execution, journalFor(execution, nowMs, records)), [record]);
  for (let count = 0; execution.end === undefined; count++) {
    if (count > MESSAGES_MAX) throw new Error('the program does not end');
    nowMs += 10;
    if (execution.ready.length > 0) {
      turn((records) => void advance(execution, journalFor(execution, nowMs, records)));
      continue;
    }
    const waiting = [...execution.activations.values()];
    const call = choose(waiting.filter((activation) => activation.arguments !== undefined));
    if (call?.arguments !== undefined) {
      steps.push({ activation: call.number, attempt: call.attempt, arguments: call.arguments.value });
      const given = answer(call.arguments.value, call);
      const failure = isFailure(given) ? given.failure : undefined;
      const outcome = failure === undefined ? ({ kind: 'output', payload: payloadOf(given as JsonValue) } as const) : ({ kind: 'failure', problem: failure } as const);
      const result = { activation: call.number, attempt: call.attempt, run: 1, outcome, dispatchedAtMs: nowMs, startedAtMs: nowMs, endedAtMs: nowMs, worker: 'w' };
      turn((records) => void resolve(execution, result, journalFor(execution, nowMs, records)));
      // The same result again changes nothing (E5).
      turn((records) => {
        if (resolve(execution, result, journalFor(execution, nowMs, records))) throw new Error('a result was applied twice');
      });
      continue;
    }
    if (sent < events.length && isListening(execution)) {
      const event = events[sent++] as CloudEvent;
      turn((records) => void hear(execution, event, journalFor(execution, nowMs, records)));
      turn((records) => {
        if (hear(execution, event, journalFor(execution, nowMs, records))) throw new Error('an event was taken twice');
      });
      continue;
    }
    const timer = waiting.filter((activation) => activation.dueMs !== undefined).sort((a, b) => (a.dueMs ?? 0) - (b.dueMs ?? 0))[0];
    if (timer?.dueMs === undefined) throw new Error('the execution waits for nothing');
    nowMs = Math.max(nowMs, timer.dueMs);
    turn((records) => void elapse(execution, timer.number, journalFor(execution, nowMs, records)));
  }
  return { execution, journal, steps };
}

const EXECUTION_ID = 'a000000000000000000000000000test';

/** A communication error, as a worker would report it. */
export function unavailable(status = 503): { readonly failure: Problem } {
  return { failure: { ...fault('communication', 'the target is away').problem, status } };
}

function isFailure(value: unknown): value is { readonly failure: Problem } {
  return typeof value === 'object' && value !== null && 'failure' in value;
}

function assertReplays(program: Program, journal: readonly JournalEntry[], live: Execution): void {
  const [firstEntry] = journal;
  const [first] = firstEntry?.records ?? [];
  if (first?.kind !== 'started') return;
  const writer = createFrameWriter(1, FORMAT_NEWEST);
  for (const { atMs, records } of journal) writer.add({ organisation: 'acme', execution: EXECUTION_ID, atMs, records });
  const { text, large } = writer.finish({ lane: 0, epoch: 1, inputSequence: 0 });
  const frame = decodeFrame(text, (name) => large.find((payload) => payload.name === name)?.text ?? 'null');
  const replayed = start('acme', EXECUTION_ID, program, frame.transitions[0]?.records[0] as StartedRecord);
  for (const { records, atMs } of frame.transitions) for (const record of records) if (record.kind !== 'started') apply(replayed, record, atMs);
  const expected = JSON.stringify(snapshotOf(live));
  const found = JSON.stringify(snapshotOf(replayed));
  if (expected !== found) throw new Error(`replay differs from the live state:\n${found}\n${expected}`);
  for (let format = FORMAT_OLDEST; format <= FORMAT_NEWEST; format++) {
    const checkpoint = JSON.parse(JSON.stringify(snapshotOf(live, format))) as ReturnType<typeof snapshotOf>;
    const restored = JSON.stringify(snapshotOf(restore('acme', EXECUTION_ID, program, checkpoint)));
    if (restored !== expected) throw new Error(`a checkpoint restored from format ${format} differs from the live state:\n${restored}\n${expected}`);
  }
}

export { Fault };
