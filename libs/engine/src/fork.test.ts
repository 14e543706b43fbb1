import { advance, begin, cancel, journalFor, resolve, start, DECISIONS_MAX } from './decide.ts';
import type { Activation } from './execution.ts';
import { FORMAT_NEWEST, formatOf } from './format.ts';
import { payloadOf } from './payload.ts';
import type { JsonValue } from './program.ts';
import type { JournalRecord, StartedRecord } from './record.ts';
import { restore, snapshotOf } from './snapshot.ts';
import { computed, expression, literal, program, type Task } from './testing/program-builder.ts';
import { run, unavailable } from './testing/run.ts';
import { viewOf } from './view.ts';

const identity = { organisation: 'acme', execution: 'x' };
const call = (name: string, more: Partial<Task> = {}): Task => ({ name, kind: 'call', arguments: literal({ of: name }), ...more }) as Task;
const fork = (tasks: readonly Task[], more: Partial<Task> = {}): Task => ({ name: 'all', kind: 'fork', tasks, ...more }) as Task;
const last = (outstanding: readonly Activation[]): Activation | undefined => outstanding.at(-1);
const named = (name: string) => (outstanding: readonly Activation[]): Activation | undefined => outstanding.find((activation) => (activation.arguments?.value as { of?: string }).of === name) ?? outstanding[0];
const kinds = (journal: readonly { readonly records: readonly JournalRecord[] }[]): readonly string[] => journal.flatMap(({ records }) => records.map(({ kind }) => kind));
const statuses = (result: ReturnType<typeof run>): Record<string, string> => Object.fromEntries(viewOf(identity, result.execution.program, result.journal, 'completed').tasks.map((task) => [task.name, task.status]));

describe('branches', () => {
  test('all branches are under way at the same time, and the output is theirs in the order of the document', () => {
    let most = 0;
    const result = run(program([fork([call('a'), call('b'), call('c')])]), null, (step) => (step as { of: string }).of, (outstanding) => {
      most = Math.max(most, outstanding.length);
      return last(outstanding);
    });
    expect(most).toBe(3);
    expect(result.execution.end?.output?.value).toEqual(['a', 'b', 'c']);
    expect(kinds(result.journal)).not.toContain('cut');
  });

  test('each branch begins with the fork\'s input, whatever the others have made of it', () => {
    const block = (name: string, factor: number): Task => ({ name, kind: 'do', tasks: [call(`${name}1`, { arguments: computed((input: number) => ({ n: input * factor })) } as Partial<Task>), { name: `${name}2`, kind: 'set', value: computed((input: number) => input + 1) }] });
    expect(run(program([fork([block('a', 10), block('b', 100), { name: 'c', kind: 'set', value: computed((input: number) => input) }])]), 7, (step) => (step as { n: number }).n, last).execution.end?.output?.value).toEqual([71, 701, 7]);
  });

  test('a branch that is skipped yields what flowed into it', () => {
    expect(run(program([fork([call('a', { if: expression(() => false) }), call('b')])]), 5).execution.end?.output?.value).toEqual([5, { of: 'b' }]);
  });

  test('a fork without branches yields nothing, and the next task sees it', () => {
    expect(run(program([fork([]), { name: 'after', kind: 'set', value: computed((input: JsonValue) => ({ input })) }]), 5).execution.end?.output?.value).toEqual({ input: [] });
  });

  test('forks stand in forks, loops and blocks', () => {
    const inner = fork([call('x'), call('y')], { name: 'inner' });
    const loop: Task = { name: 'loop', kind: 'for', in: expression(() => [1, 2]), tasks: [fork([inner, { name: 'item', kind: 'set', value: computed((_: never, { item }) => item as number, ['item']) }])] };
    expect(run(program([loop]), null, (step) => (step as { of: string }).of, last).execution.end?.output?.value).toEqual([['x', 'y'], 2]);
  });

  test('output.as and export.as of a fork see all outputs', () => {
    const result = run(program([fork([call('a'), call('b')], { outputAs: computed((outputs: JsonValue[]) => outputs.length), exportAs: computed((count: number) => ({ count })) } as Partial<Task>), { name: 'after', kind: 'set', value: computed((input: number, { context }) => ({ input, context: context as never }), ['context']) }]), null);
    expect(result.execution.end?.output?.value).toEqual({ input: 2, context: { count: 2 } });
  });

  test('exit ends its branch, end the whole workflow with every other branch', () => {
    expect(run(program([fork([{ name: 'a', kind: 'set', value: literal('a'), then: 'exit' }, call('b')])]), null).execution.end?.output?.value).toEqual(['a', { of: 'b' }]);
    const ended = run(program([fork([call('b'), { name: 'a', kind: 'do', tasks: [{ name: 'stop', kind: 'set', value: literal('stop'), then: 'end' }] }]), call('never')]), null);
    expect(ended.execution.end).toMatchObject({ status: 'completed' });
    expect(ended.execution.end?.output?.value).toBe('stop');
    expect(ended.steps).toHaveLength(0);
    expect(statuses(ended)).toMatchObject({ b: 'cancelled', a: 'completed' });
  });
});

describe('competing branches', () => {
  test('the first that ends is the output; the others are cut and their results change nothing', () => {
    const result = run(program([fork([call('a'), { name: 'block', kind: 'do', tasks: [call('b1'), call('b2')] }, call('c')], { compete: true } as Partial<Task>), { name: 'after', kind: 'set', value: computed((input: JsonValue) => ({ won: input })) }]), null, (step) => (step as { of: string }).of, named('c'));
    expect(result.execution.end?.output?.value).toEqual({ won: 'c' });
    expect(result.steps.map((step) => step.arguments)).toEqual([{ of: 'c' }]);
    expect(kinds(result.journal).filter((kind) => kind === 'cut')).toHaveLength(1);
    expect(statuses(result)).toEqual({ all: 'completed', a: 'cancelled', block: 'cancelled', b1: 'cancelled', c: 'completed', after: 'completed' });
  });

  test('a branch that ends at once keeps later ones from beginning', () => {
    const result = run(program([fork([{ name: 'now', kind: 'set', value: literal('now') }, call('late')], { compete: true } as Partial<Task>)]), null);
    expect(result.execution.end?.output?.value).toBe('now');
    expect(result.steps).toHaveLength(0);
    expect(statuses(result)).toEqual({ all: 'completed', now: 'completed' });
  });

  test('a branch that is skipped does not win; where all are, the input flows through', () => {
    const skipped = { if: expression(() => false) };
    expect(run(program([fork([call('a', skipped), call('b')], { compete: true } as Partial<Task>)]), 5).execution.end?.output?.value).toEqual({ of: 'b' });
    expect(run(program([fork([call('a', skipped), call('b', skipped)], { compete: true } as Partial<Task>)]), 5).execution.end?.output?.value).toBe(5);
  });

  test('an error that comes first wins as well', () => {
    const result = run(program([fork([call('a'), call('b')], { compete: true } as Partial<Task>)]), null, () => unavailable(), last);
    expect(result.execution.end).toMatchObject({ status: 'faulted', error: { status: 503, instance: '/do/0/all/fork/branches/1/b' } });
    expect(result.steps).toHaveLength(1);
  });
});

describe('errors in branches', () => {
  test('the first error ends the others and goes to the scope around the fork', () => {
    const result = run(program([{ name: 't', kind: 'try', tasks: [fork([call('a'), call('b'), { name: 'w', kind: 'wait', ms: 60_000 }])], catch: {}, handler: [{ name: 'handled', kind: 'set', value: computed((_: never, { error }) => (error as { status: number }).status, ['error']) }] }]), null, () => unavailable(), last);
    expect(result.execution.end?.output?.value).toBe(503);
    expect(statuses(result)).toEqual({ t: 'completed', all: 'faulted', a: 'cancelled', b: 'faulted', w: 'cancelled', handled: 'completed' });
  });

  test('a retry enters the failed branch under its activation and the others under new ones', () => {
    let failures = 1;
    const result = run(program([{ name: 't', kind: 'try', tasks: [fork([call('a'), call('b')])], catch: { retry: { delay: { kind: 'fixed', ms: 5 }, backoff: 'constant', attemptsMax: 3 } } }]), null, (step) => ((step as { of: string }).of === 'b' && failures-- > 0 ? unavailable() : (step as { of: string }).of), named('b'));
    expect(result.execution.end?.output?.value).toEqual(['a', 'b']);
    const [first, second] = result.steps.filter((step) => (step.arguments as { of: string }).of === 'b');
    expect(second).toMatchObject({ activation: first?.activation, attempt: 2 });
    expect(result.steps.find((step) => (step.arguments as { of: string }).of === 'a')?.activation).toBeGreaterThan(first?.activation ?? 0);
  });

  test('a branch that handles its own error does not disturb the others', () => {
    const guarded: Task = { name: 't', kind: 'try', tasks: [call('b')], catch: {}, handler: [{ name: 'h', kind: 'set', value: literal('handled') }] };
    const result = run(program([fork([call('a'), guarded])]), null, (step) => ((step as { of: string }).of === 'b' ? unavailable() : 'a'), last);
    expect(result.execution.end?.output?.value).toEqual(['a', 'handled']);
  });

  test('results that come between an error and its turn do not change what the fork comes to', () => {
    // Ready work fills the turn in which the error arrives, so another branch's result is applied before the error is decided.
    const program_ = program([fork([call('a'), call('b')], { compete: true } as Partial<Task>)]);
    const { execution, records } = begun(program_);
    const [a, b] = [...execution.activations.values()].filter((activation) => activation.arguments !== undefined) as [Activation, Activation];
    const journal = journalFor(execution, 2, records);
    journal.emit({ kind: 'failed', activation: a.number, node: a.node, parent: a.parent, attempt: 1, error: { type: 'urn:x', status: 500 } });
    resolve(execution, result(b), journal);
    advance(execution, journal);
    expect(execution.end).toMatchObject({ status: 'faulted', error: { type: 'urn:x' } });
  });
});

describe('size', () => {
  const BRANCHES = 10_000;
  const wide = program([fork(Array.from({ length: BRANCHES }, (_, index) => call(`b${index}`)))]);

  test('ten thousand branches begin in slices of DECISIONS_MAX, each branch once', () => {
    const { execution, records } = begun(wide);
    let turns = 1;
    for (; execution.ready.length > 0; turns++) {
      const before = records.length;
      advance(execution, journalFor(execution, turns, records));
      expect(records.length - before).toBeLessThanOrEqual(DECISIONS_MAX);
      expect(execution.ready.length).toBeLessThanOrEqual(1);
    }
    expect(turns).toBeGreaterThanOrEqual(BRANCHES / DECISIONS_MAX);
    expect(execution.activations.size).toBe(BRANCHES + 2);
  });

  test('a state with ten thousand branches holds what flowed into them once', () => {
    const { execution, records } = begun(wide, 'x'.repeat(10_000));
    while (execution.ready.length > 0) advance(execution, journalFor(execution, 1, records));
    const snapshot = snapshotOf(execution, FORMAT_NEWEST);
    expect(JSON.stringify(snapshot).length).toBeLessThan(250 * BRANCHES);
    const again = restore('acme', 'x', wide, JSON.parse(JSON.stringify(snapshot)) as typeof snapshot);
    expect(JSON.stringify(snapshotOf(again, FORMAT_NEWEST))).toBe(JSON.stringify(snapshot));
  });

  test('a result that comes while branches are still to begin takes no turn of its own', () => {
    const { execution, records } = begun(wide);
    const [step] = [...execution.activations.values()].filter((activation) => activation.arguments !== undefined);
    const before = records.length;
    resolve(execution, result(step as Activation), journalFor(execution, 2, records));
    expect(records.slice(before).map(({ kind }) => kind)).toEqual(['resolved']);
  });

  test('ten thousand results end it, whatever their order', () => {
    const { execution, records } = begun(wide);
    while (execution.ready.length > 0) advance(execution, journalFor(execution, 1, records));
    for (const activation of [...execution.activations.values()].reverse()) if (activation.arguments !== undefined) resolve(execution, result(activation), journalFor(execution, 2, records));
    expect((execution.end?.output?.value as unknown[]).length).toBe(BRANCHES);
  });

  test('a cancelled execution holds nothing any more', () => {
    const { execution, records } = begun(wide);
    expect(cancel(execution, journalFor(execution, 2, records))).toBe(true);
    expect(execution.ready.length + execution.activations.size).toBe(0);
  });

  test('a program with a fork needs the second format', () => {
    expect(formatOf(wide)).toBe(2);
  });
});

function begun(of: ReturnType<typeof program>, input: JsonValue = null) {
  const record: StartedRecord = { kind: 'started', definition: of.hash, workflow: 'w', version: '1.0.0', input: payloadOf(input), acceptedAtMs: 1, acceptedBy: 'test' };
  const execution = start('acme', 'x', of, record);
  const records: JournalRecord[] = [record];
  begin(execution, journalFor(execution, 1, records));
  return { execution, records };
}

function result(activation: Activation) {
  return { activation: activation.number, attempt: activation.attempt, run: 1, outcome: { kind: 'output', payload: payloadOf('done') }, dispatchedAtMs: 1, startedAtMs: 1, endedAtMs: 1, worker: 'w' } as const;
}
