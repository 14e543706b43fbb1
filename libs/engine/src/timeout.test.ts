import type { Activation } from './execution.ts';
import { formatOf } from './format.ts';
import type { RetryPolicy } from './program.ts';
import type { JsonValue } from './program.ts';
import { computed, literal, program, type Task } from './testing/program-builder.ts';
import { run } from './testing/run.ts';
import { viewOf } from './view.ts';

const call = (name: string, more: Partial<Task> = {}): Task => ({ name, kind: 'call', arguments: literal({ of: name }), ...more }) as Task;
const fixed = (ms: number) => ({ kind: 'fixed', ms }) as const;
const nothing = (): undefined => undefined;
/** Answers every call but those of these names, which stay out. */
const allBut = (...names: readonly string[]) => (outstanding: readonly Activation[]): Activation | undefined => outstanding.find((activation) => !names.includes((activation.arguments?.value as { of: string }).of));
const TIMEOUT = { type: 'https://serverlessworkflow.io/spec/1.0.0/errors/timeout', status: 408 };
const caughtStatus: Task = { name: 'caught', kind: 'set', value: computed((_: never, { error }) => (error as { status: number }).status, ['error']) };

describe('the time of a task', () => {
  test('a call that does not end in its time faults with a timeout of that task', () => {
    const { execution } = run(program([call('a', { timeoutMs: 50 })]), null, (step) => step, nothing);
    expect(execution.end).toMatchObject({ status: 'faulted', error: { ...TIMEOUT, instance: '/do/0/a' } });
    expect(execution.end?.atMs).toBe(1_050);
  });

  test('a task that ends in its time knows nothing of its limit', () => {
    expect(run(program([call('a', { timeoutMs: 50 }), { name: 'w', kind: 'wait', ms: 20, timeoutMs: 60 }]), null).execution.end?.output?.value).toEqual({ of: 'a' });
  });

  test('a wait that is longer than its limit ends with it', () => {
    const { execution } = run(program([{ name: 'w', kind: 'wait', ms: 60_000, timeoutMs: 100 }]), null);
    expect(execution.end).toMatchObject({ status: 'faulted', atMs: 1_100, error: TIMEOUT });
  });

  test.each<[string, Task]>([
    ['do', { name: 'block', kind: 'do', tasks: [call('a'), call('b')], timeoutMs: 100 }],
    ['for', { name: 'block', kind: 'for', in: { source: '', variables: [], evaluate: () => ({ kind: 'value', value: [1, 2] }) }, tasks: [call('a'), call('b')], timeoutMs: 100 }],
    ['fork', { name: 'block', kind: 'fork', tasks: [call('a'), call('b'), { name: 'w', kind: 'wait', ms: 60_000 }], timeoutMs: 100 }],
    ['try', { name: 'block', kind: 'try', tasks: [call('a'), call('b')], catch: {}, handler: [{ name: 'own', kind: 'set', value: literal('its own catch is not asked') }], timeoutMs: 100 }],
  ])('a %s whose time is over ends all that is inside, and the scope around it may catch that', (_, block) => {
    const result = run(program([{ name: 'outer', kind: 'try', tasks: [block], catch: { with: { status: 408 } }, handler: [caughtStatus] }]), null, (step) => step, allBut('b'));
    expect(result.execution.end?.output?.value).toBe(408);
    const statuses = Object.fromEntries(viewOf({ organisation: 'acme', execution: 'x' }, result.execution.program, result.journal, 'completed').tasks.map((task) => [task.name, task.status]));
    expect(statuses).toMatchObject({ block: 'faulted', b: 'cancelled', a: 'completed' });
  });

  test('a retry enters the task with a new time', () => {
    let out = 1;
    const retry: RetryPolicy = { delay: fixed(10), backoff: 'constant', attemptsMax: 2 };
    const result = run(program([{ name: 't', kind: 'try', tasks: [call('a', { timeoutMs: 50 })], catch: { retry } }]), null, (step) => step, ([first]) => (out-- > 0 ? undefined : first));
    expect(result.execution.end).toMatchObject({ status: 'completed' });
    expect(result.steps).toMatchObject([{ attempt: 2 }]);
  });

  test('the workflow\'s own time ends it with all branches', () => {
    const { execution } = run(program([{ name: 'all', kind: 'fork', tasks: [call('a'), { name: 'w', kind: 'wait', ms: 60_000 }] }], { timeoutMs: 200 }), null, (step) => step, nothing);
    expect(execution.end).toMatchObject({ status: 'faulted', atMs: 1_200, error: { ...TIMEOUT, instance: '/' } });
  });
});

describe('the time of an attempt', () => {
  const retry: RetryPolicy = { delay: fixed(10), backoff: 'constant', attemptsMax: 3, attemptMs: fixed(100) };
  const flow = (inside: readonly Task[], more: Partial<Task> = {}) => program([{ name: 't', kind: 'try', tasks: inside, catch: { retry }, handler: [caughtStatus], ...more } as Task]);

  test('an attempt that takes too long is one that failed: the block runs again, what was out keeps its key', () => {
    let late = 1;
    const result = run(flow([call('a'), call('b')]), null, (step) => step, (outstanding) => {
      const [first] = outstanding;
      return (first?.arguments?.value as { of?: string } | undefined)?.of === 'b' && late-- > 0 ? undefined : first;
    });
    expect(result.execution.end?.output?.value).toEqual({ of: 'b' });
    expect(result.steps.map(({ arguments: step, activation, attempt }) => [(step as { of: string }).of, activation, attempt])).toEqual([['a', 3, 1], ['a', 5, 1], ['b', 4, 2]]);
  });

  test('the last attempt\'s end goes to the handler', () => {
    const result = run(flow([call('a')]), null, (step) => step, nothing);
    expect(result.execution.end).toMatchObject({ status: 'completed' });
    expect(result.execution.end?.output?.value).toBe(408);
    expect(result.journal.flatMap(({ records }) => records).filter(({ kind }) => kind === 'expired')).toHaveLength(3);
  });

  test('the handler has no time limit of its own', () => {
    const waiting: Task = { name: 'long', kind: 'wait', ms: 5_000 };
    expect(run(program([{ name: 't', kind: 'try', tasks: [{ name: 'r', kind: 'raise', error: literal({ type: 'urn:x', status: 1 } as JsonValue) }], catch: { retry: { ...retry, attemptsMax: 1 } }, handler: [waiting] }]), null).execution.end).toMatchObject({ status: 'completed' });
  });

  test('limits belong to the second format', () => {
    expect(formatOf(flow([call('a')]))).toBe(2);
    expect(formatOf(program([call('a', { timeoutMs: 1 })]))).toBe(2);
  });
});
