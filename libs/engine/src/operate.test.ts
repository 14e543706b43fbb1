import { begin, cancel, elapse, journalFor, operate, resolve, start } from './decide.ts';
import { explain, type StepPlace } from './explain.ts';
import { restingUntil, statusOf, type Execution } from './execution.ts';
import { createFrameWriter, decodeFrame } from './frame.ts';
import { payloadOf } from './payload.ts';
import type { Program } from './program.ts';
import type { JournalRecord, OperatorAct, StartedRecord } from './record.ts';
import { restore, snapshotOf } from './snapshot.ts';
import { computed, literal, program, type Task } from './testing/program-builder.ts';
import { apply } from './apply.ts';
import { viewOf } from './view.ts';

const call = (name: string): Task => ({ name, kind: 'call', arguments: computed((input: number) => ({ n: input })) }) as Task;
const BY = { by: 'acme/k1', reason: 'the target is being repaired' };

/** One execution under a hand-driven clock. */
function begun(of: Program) {
  const record: StartedRecord = { kind: 'started', definition: of.hash, workflow: of.name, version: of.version, input: payloadOf(1), acceptedAtMs: 0, acceptedBy: 'test' };
  const execution = start('acme', 'x', of, record);
  const entries: { atMs: number; records: JournalRecord[] }[] = [];
  const turn = <T>(atMs: number, decide: (journal: ReturnType<typeof journalFor>) => T): T => {
    const records: JournalRecord[] = [];
    const result = decide(journalFor(execution, atMs, records));
    if (records.length > 0) entries.push({ atMs, records });
    return result;
  };
  entries.push({ atMs: 0, records: [record] });
  const act = (atMs: number, what: OperatorAct): boolean => turn(atMs, (journal) => operate(execution, what, BY, journal));
  const answer = (atMs: number): boolean => {
    const step = [...execution.activations.values()].find((each) => each.arguments !== undefined);
    return turn(atMs, (journal) => resolve(execution, { activation: step?.number ?? 0, attempt: 1, run: 1, outcome: { kind: 'output', payload: payloadOf(2) }, dispatchedAtMs: atMs, startedAtMs: atMs, endedAtMs: atMs, worker: 'w' }, journal));
  };
  return { execution, entries, turn, act, answer, begin: () => turn(1, (journal) => begin(execution, journal)) };
}

const open = (execution: Execution): readonly string[] => [...execution.activations.values()].flatMap((each) => (each.arguments === undefined ? [] : [execution.program.nodes[each.node]?.name ?? '']));

test('a paused execution takes the result of what runs and enters nothing until it is resumed', () => {
  const { execution, entries, act, answer, begin: go } = begun(program([call('a'), call('b')]));
  go();
  expect(act(2, 'pause')).toBe(true);
  expect(statusOf(execution)).toBe('suspended');
  expect(act(3, 'pause')).toBe(false);
  expect(answer(4)).toBe(true);
  expect(open(execution)).toEqual([]);
  expect(act(5, 'resume')).toBe(true);
  expect(act(6, 'resume')).toBe(false);
  expect(open(execution)).toEqual(['b']);
  answer(7);
  expect(execution.end?.status).toBe('completed');
  expect(viewOf({ organisation: 'acme', execution: 'x' }, execution.program, entries, 'running').operations).toEqual([
    { atMs: 2, act: 'pause', ...BY },
    { atMs: 5, act: 'resume', ...BY },
  ]);
});

test('a timer keeps its time through a pause', () => {
  const { execution, turn, act, begin: go } = begun(program([{ name: 'w', kind: 'wait', ms: 100 } as Task, call('b')]));
  go();
  const [, wait] = [...execution.activations.values()];
  act(50, 'pause');
  expect(restingUntil(execution)).toBe(101);
  expect(turn(101, (journal) => elapse(execution, wait?.number ?? 0, journal))).toBe(true);
  expect(open(execution)).toEqual([]);
  // What is ready is not decided before an operator says so: it may leave memory.
  expect(restingUntil(execution)).toBe(Infinity);
  act(500, 'resume');
  expect(open(execution)).toEqual(['b']);
});

test('one that has not begun does not begin while it is paused', () => {
  const { execution, act, begin: go } = begun(program([call('a')]));
  act(1, 'pause');
  go();
  expect(execution.begun).toBe(false);
  act(2, 'resume');
  go();
  expect(open(execution)).toEqual(['a']);
});

test('a paused execution can be cancelled, and one that has ended takes nothing', () => {
  const { execution, act, turn, begin: go } = begun(program([call('a')]));
  go();
  act(2, 'pause');
  expect(act(3, 'cancel')).toBe(true);
  expect(statusOf(execution)).toBe('cancelled');
  for (const what of ['pause', 'resume', 'cancel'] as const) expect(act(4, what)).toBe(false);
  expect(turn(5, (journal) => cancel(execution, journal))).toBe(false);
});

test('what was done by hand survives frames and checkpoints', () => {
  const { execution, entries, act, begin: go } = begun(program([call('a')]));
  go();
  act(2, 'pause');
  const writer = createFrameWriter(1, 2);
  for (const { atMs, records } of entries) writer.add({ organisation: 'acme', execution: 'x', atMs, records });
  const { transitions } = decodeFrame(writer.finish({ lane: 0, epoch: 1, inputSequence: 0 }).text, () => 'null');
  const replayed = start('acme', 'x', execution.program, transitions[0]?.records[0] as StartedRecord);
  for (const { records, atMs } of transitions) for (const record of records) if (record.kind !== 'started') apply(replayed, record, atMs);
  const restored = restore('acme', 'x', execution.program, JSON.parse(JSON.stringify(snapshotOf(execution, 2))) as ReturnType<typeof snapshotOf>);
  for (const each of [replayed, restored]) expect(JSON.stringify(snapshotOf(each))).toBe(JSON.stringify(snapshotOf(execution)));
  expect(restored.paused).toEqual({ atMs: 2, ...BY });
});

describe('the sentence that says why an execution is not moving', () => {
  const say = (execution: Execution, place: StepPlace = { kind: 'queued' }): string => explain(execution, { nowMs: 10, stepPlace: () => place });

  test.each<readonly [StepPlace, string]>([
    [{ kind: 'no-worker' }, 'It waits for a worker of kind echo (task /do/0/a): none is connected.'],
    [{ kind: 'throttled' }, 'It waits for a step of organisation acme to end (task /do/0/a): as many are running as its limit of concurrency allows.'],
    [{ kind: 'queued' }, 'It waits for its turn among the steps that are ready (task /do/0/a).'],
    [{ kind: 'worker', worker: 'w1', sinceMs: 5 }, 'It waits for the result of echo (task /do/0/a), which worker w1 has had since 1970-01-01T00:00:00.005Z.'],
  ])('a step that is %o', (place, sentence) => {
    const { execution, begin: go } = begun(program([call('a')]));
    go();
    expect(say(execution, place).replaceAll(execution.program.nodes[1]?.kind === 'call' ? execution.program.nodes[1].operation : '?', 'echo')).toBe(sentence);
  });

  test('pause, permit to begin, timer, retry and end', () => {
    const one = begun(program([{ name: 'w', kind: 'wait', ms: 100 } as Task]));
    expect(say(one.execution)).toMatch(/^It has not begun: it waits, since 1970.*limit of organisation acme on starts a second\.$/);
    one.begin();
    expect(say(one.execution)).toBe('It waits for the timer of task /do/0/w, until 1970-01-01T00:00:00.101Z.');
    one.act(2, 'pause');
    expect(say(one.execution)).toBe('It was paused by acme/k1 at 1970-01-01T00:00:00.002Z (the target is being repaired) and goes on once it is resumed.');
    one.act(3, 'cancel');
    expect(say(one.execution)).toBe('It has ended at 1970-01-01T00:00:00.003Z: cancelled.');
    const failing = { name: 'f', kind: 'raise', error: literal({ type: 'https://example.com/e', status: 503, detail: 'away' }) } as Task;
    const retrying = begun(program([{ name: 't', kind: 'try', tasks: [failing], catch: { retry: { delay: { kind: 'fixed', ms: 1_000 }, backoff: 'constant' } } }]));
    retrying.begin();
    expect(say(retrying.execution)).toMatch(/^It waits for attempt 2 of task \/do\/0\/t at 1970-01-01T00:00:01\.\d+Z, after the error away\.$/);
  });
});
