import { approvalsOf } from './approval.ts';
import { advance, begin, decideApproval, elapse, journalFor, resolve, start } from './decide.ts';
import type { Activation, Execution } from './execution.ts';
import { createFrameWriter, decodeFrame } from './frame.ts';
import { payloadOf } from './payload.ts';
import type { JsonValue, Program } from './program.ts';
import { fault } from './problem.ts';
import type { JournalEntry, JournalRecord, StartedRecord } from './record.ts';
import { collectReuse, planRerun, reuseRecord, type PlannedEffect } from './reuse.ts';
import { restore, snapshotOf } from './snapshot.ts';
import { computed, expression, program, type Task } from './testing/program-builder.ts';
import { viewOf } from './view.ts';

type Answer = (name: string, given: JsonValue, place: number) => JsonValue | 'fails' | 'silent';

const call = (name: string, value = 'n'): Task => ({ name, kind: 'call', arguments: computed((input: { n: number }) => ({ [value]: input.n })) }) as Task;
const pause = (): Promise<void> => Promise.resolve();

/** Plays a program until it ends or waits for a silent step; every sent step is told by its name. */
function play(of: Program, record: StartedRecord, answer: Answer) {
  const execution = start('acme', 'x', of, record);
  const entries: JournalEntry[] = [];
  const sent: string[] = [];
  let nowMs = 0;
  const turn = (decide: (journal: ReturnType<typeof journalFor>) => void, before: readonly JournalRecord[] = []): void => {
    const records: JournalRecord[] = [...before];
    decide(journalFor(execution, nowMs, records));
    entries.push({ atMs: nowMs, records });
  };
  turn((journal) => begin(execution, journal), [record]);
  const silent = new Set<Activation>();
  for (let count = 0; execution.end === undefined && count < 1_000; count++) {
    nowMs += 1_000_000;
    const open = [...execution.activations.values()];
    const step = open.find((each) => each.arguments !== undefined && !silent.has(each));
    const timer = open.find((each) => each.dueMs !== undefined);
    if (execution.ready.length > 0) turn((journal) => void advance(execution, journal));
    else if (step !== undefined) {
      const name = of.nodes[step.node]?.name ?? '';
      sent.push(name);
      const given = answer(name, step.arguments?.value ?? null, sent.length);
      if (given === 'silent') silent.add(step);
      else {
        const outcome = given === 'fails' ? ({ kind: 'failure', problem: { ...fault('communication', 'away').problem, status: 503 } } as const) : ({ kind: 'output', payload: payloadOf(given) } as const);
        turn((journal) => void resolve(execution, { activation: step.number, attempt: step.attempt, run: 1, outcome, dispatchedAtMs: nowMs, startedAtMs: nowMs, endedAtMs: nowMs, worker: 'w' }, journal));
      }
    } else if (timer !== undefined) turn((journal) => void elapse(execution, timer.number, journal));
    else break;
  }
  return { execution, entries, sent };
}

const startOf = (of: Program, input: JsonValue, more: Partial<StartedRecord> = {}): StartedRecord => ({ kind: 'started', definition: of.hash, workflow: of.name, version: of.version, input: payloadOf(input), acceptedAtMs: 0, acceptedBy: 'test', ...more });

/** Makes a run from another, as an operator would, and plays it. */
async function again(first: { readonly execution: Execution; readonly entries: readonly JournalEntry[] }, answer: Answer, options: { readonly from?: string; readonly input?: JsonValue; readonly program?: Program; readonly compares?: boolean } = {}) {
  const of = options.program ?? first.execution.program;
  const collected = collectReuse(first.execution.program, first.entries, options.from ?? '', options.compares ?? false);
  if (collected === undefined) throw new Error('never reached');
  const record = startOf(of, options.input ?? first.execution.rawInput.value, { origin: { execution: 'x', act: 'retry', by: 'acme/k1' } });
  const plan = await planRerun(first.execution.program, collected, record, of, pause);
  return { plan: plan.effects, ...play(of, { ...record, reuse: reuseRecord(plan.reuse) }, answer) };
}

const outcomes = (effects: readonly PlannedEffect[]): readonly string[] => effects.map(({ reference, iterations, outcome }) => `${reference.split('/').at(-1)}${iterations.map((index) => `.${index}`).join('')} ${outcome}`);
const echo: Answer = (_name, given) => given;

test('a retry takes over what was done and sends what failed, and what comes after', async () => {
  const of = program([call('a'), { name: 'w', kind: 'wait', ms: 60_000 }, call('b'), call('c')]);
  const first = play(of, startOf(of, { n: 1 }), (name, given) => (name === 'b' ? 'fails' : { ...(given as object), from: name }));
  expect(first.execution.end?.status).toBe('faulted');
  const second = await again(first, echo);
  expect(outcomes(second.plan)).toEqual(['a reused', 'b resent']);
  expect(second.sent).toEqual(['b', 'c']);
  expect(second.execution.end?.status).toBe('completed');
  const view = viewOf({ organisation: 'acme', execution: 'y' }, of, second.entries, 'running');
  expect(view.tasks.map(({ name, reused }) => [name, reused])).toEqual([['a', true], ['w', true], ['b', false], ['c', false]]);
  expect(view.origin).toEqual({ execution: 'x', act: 'retry', by: 'acme/k1' });
  // A retry of the retry knows the same.
  const third = await again({ execution: second.execution, entries: second.entries }, echo, { from: '/do/3/c' });
  expect(third.sent).toEqual(['c']);
});

test('each iteration takes over its own result, and one that had failed is sent', async () => {
  const inner = { name: 'i', kind: 'call', arguments: computed((_: never, { item }) => ({ item: item as number }), ['item']) } as Task;
  const of = program([{ name: 'loop', kind: 'for', in: expression(() => [10, 20, 30]), tasks: [inner] }]);
  const first = play(of, startOf(of, { n: 1 }), (_name, given) => ((given as { item: number }).item === 20 ? 'fails' : given));
  const given: JsonValue[] = [];
  const second = await again(first, (_name, arguments_) => (given.push(arguments_), arguments_));
  expect(outcomes(second.plan)).toEqual(['i.0 reused', 'i.1 resent']);
  expect(given).toEqual([{ item: 20 }, { item: 30 }]);
});

test('an error that was handled is taken over, and its handler with it', async () => {
  const of = program([{ name: 't', kind: 'try', tasks: [call('risky')], catch: {}, handler: [call('tell')] }, call('after')]);
  const first = play(of, startOf(of, { n: 1 }), (name, given) => (name === 'tell' ? given : 'fails'));
  const second = await again(first, echo);
  expect(outcomes(second.plan)).toEqual(['risky reused', 'tell reused', 'after resent']);
  expect(second.sent).toEqual(['after']);
});

test('of a block that was retried the last attempt counts', async () => {
  const of = program([{ name: 't', kind: 'try', tasks: [call('a'), call('b')], catch: { retry: { delay: { kind: 'fixed', ms: 1 }, backoff: 'constant' } } }, call('after')]);
  let count = 0;
  const first = play(of, startOf(of, { n: 1 }), (name, given, place) => (name === 'after' || (name === 'b' && count++ === 0) ? 'fails' : { ...(given as object), place }));
  expect(first.sent).toEqual(['a', 'b', 'a', 'b', 'after']);
  const second = await again(first, echo);
  expect(second.sent).toEqual(['after']);
});

test('a restart does again what was done from the task on, and a step without a result is unknown', async () => {
  const of = program([call('a'), call('b'), call('c'), call('d')]);
  const first = play(of, startOf(of, { n: 1 }), (name, given) => (name === 'd' ? 'silent' : given));
  const second = await again(first, echo, { from: '/do/1/b' });
  expect(outcomes(second.plan)).toEqual(['a reused', 'b resent', 'c resent', 'd unknown']);
  expect(second.sent).toEqual(['b', 'c', 'd']);
  expect(collectReuse(of, first.entries, '/do/9/never', false)).toBeUndefined();
});

test('a fork takes over only what was asked with the same arguments, also in another version', async () => {
  const of = program([{ name: 'fixed', kind: 'call', arguments: computed(() => ({ always: 1 })), outputAs: computed((_: never, { input }) => input as JsonValue, ['input']) } as Task, call('depends')]);
  const first = play(of, startOf(of, { n: 1 }), echo);
  const edited = await again(first, echo, { input: { n: 2 }, compares: true });
  expect(outcomes(edited.plan)).toEqual(['fixed reused', 'depends resent']);
  expect(edited.sent).toEqual(['depends']);
  const same = await again(first, echo, { compares: true });
  expect(same.sent).toEqual([]);
  const newer = program([call('new'), call('depends')]);
  const moved = await again(first, echo, { program: newer, compares: true });
  expect(moved.sent).toEqual(['new', 'depends']);
});

test('what is still to be taken over survives frames and checkpoints', async () => {
  const of = program([{ name: 'l', kind: 'listen', to: { mode: 'one', filters: [] } } as unknown as Task, call('a')]);
  const record = startOf(of, { n: 1 }, { origin: { execution: 'x', act: 'fork', by: 'b', reason: 'why' }, reuse: reuseRecord(new Map([['/do/1/a', [{ result: 7 }]]])) });
  const { execution, entries } = play(of, record, echo);
  const writer = createFrameWriter(1, 2);
  for (const { atMs, records } of entries) if (records.length > 0) writer.add({ organisation: 'acme', execution: 'x', atMs, records });
  const frame = decodeFrame(writer.finish({ lane: 0, epoch: 1, inputSequence: 0 }).text, () => 'null');
  expect(frame.transitions[0]?.records[0]).toMatchObject({ origin: record.origin });
  for (const format of [1, 2]) {
    const restored = restore('acme', 'x', of, JSON.parse(JSON.stringify(snapshotOf(execution, format))) as ReturnType<typeof snapshotOf>);
    expect(restored.reuse).toEqual(new Map([['/do/1/a', [{ result: 7 }]]]));
    expect(restored.origin).toEqual(record.origin);
  }
});

test('a decision is taken over by a retry, also by a retry of that, and asked for again in a fork', async () => {
  const of = program([{ name: 'ask', kind: 'listen', to: { mode: 'one', filters: [] }, approval: computed((input: { n: number }) => ({ title: `Pay ${input.n}?` })) } as Task, call('pay', 'decision')]);
  const record = startOf(of, { n: 1 });
  const first = play(of, record, () => 'fails');
  expect(approvalsOf(first.execution)).toMatchObject([{ details: { title: 'Pay 1?' } }]);
  const [approval] = [...first.execution.activations.values()].slice(-1);
  const records: JournalRecord[] = [];
  const journal = journalFor(first.execution, 5, records);
  decideApproval(first.execution, 'approve', { by: 'ada' }, approval as Activation, undefined, journal);
  const step = [...first.execution.activations.values()].find((each) => each.arguments !== undefined);
  resolve(first.execution, { activation: step?.number ?? 0, attempt: 1, run: 1, outcome: { kind: 'failure', problem: fault('runtime', 'no').problem }, dispatchedAtMs: 5, startedAtMs: 5, endedAtMs: 5, worker: 'w' }, journal);
  const failed = { execution: first.execution, entries: [...first.entries, { atMs: 5, records }] };
  expect(first.execution.end?.status).toBe('faulted');
  const second = await again(failed, () => 'fails');
  expect(second.sent).toEqual(['pay']);
  const third = await again(second, echo);
  expect(third.execution.end?.status).toBe('completed');
  const forked = await again(failed, echo, { input: { n: 1_000_000 }, compares: true });
  expect(approvalsOf(forked.execution)).toMatchObject([{ details: { title: 'Pay 1000000?' } }]);
  // What another task had taken from events is no decision.
  const heard = reuseRecord(new Map([['/do/0/ask', [{ result: [{ decision: 'approved' }] }]]]));
  expect(approvalsOf(play(of, { ...record, reuse: heard }, echo).execution)).toHaveLength(1);
});
