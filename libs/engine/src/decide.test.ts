import { computed, expression, literal, program, type Task } from './testing/program-builder.ts';
import { run, unavailable } from './testing/run.ts';
import { chronicleOf } from './chronicle.ts';
import { traceOf } from './trace.ts';
import { viewOf } from './view.ts';

const echo = (name: string, more: Partial<Task> = {}): Task => ({ name, kind: 'call', arguments: computed((input: { n: number }) => ({ n: input.n + 1 })), ...more }) as Task;
const identity = { organisation: 'acme', execution: 'x' };

describe('sequences and data flow', () => {
  test('a chain of calls hands each result to the next and completes with the last', () => {
    const { execution, steps } = run(program([echo('a'), echo('b'), echo('c')]), { n: 0 });
    expect(execution.end).toMatchObject({ status: 'completed' });
    expect(execution.end?.output?.value).toEqual({ n: 3 });
    expect(steps.map((step) => step.activation)).toEqual([2, 3, 4]);
  });

  test('input.from, output.as and export.as each see what the specification says', () => {
    const { execution } = run(
      program([
        { name: 'a', kind: 'set', inputFrom: computed((raw: { inner: number }) => ({ from: raw.inner })), value: computed((input: { from: number }, { input: same }) => ({ got: input.from, same: same as never }), ['input']), outputAs: computed((raw: { got: number }) => ({ out: raw.got })), exportAs: computed((out: { out: number }) => ({ kept: out.out })) },
        { name: 'b', kind: 'set', value: computed((input: { out: number }, { context }) => ({ input, context: context as never }), ['context']) },
      ]),
      { inner: 7 },
    );
    expect(execution.end?.output?.value).toEqual({ input: { out: 7 }, context: { kept: 7 } });
  });

  test('the workflow\'s own transformations frame the whole', () => {
    const { execution } = run(program([echo('a')], { inputFrom: computed((raw: { wrapped: { n: number } }) => raw.wrapped), outputAs: computed((out: { n: number }) => out.n) }), { wrapped: { n: 4 } });
    expect(execution.end?.output?.value).toBe(5);
  });

  test('a task whose condition is false is skipped and hands its input on', () => {
    const { execution, journal } = run(program([{ ...echo('a'), if: expression(() => false) }, echo('b')]), { n: 0 });
    expect(execution.end?.output?.value).toEqual({ n: 1 });
    expect(viewOf(identity, execution.program, journal, 'completed').tasks.map((task) => [task.name, task.status])).toEqual([['a', 'skipped'], ['b', 'completed']]);
  });
});

test('a call that nobody waits for hands its input on, and output.as sees it', () => {
  const detached = (more: Partial<Task> = {}) => run(program([echo('a', { isDetached: true, ...more } as Partial<Task>)]), { n: 4 }, () => 'begun').execution.end?.output?.value;
  expect(detached()).toEqual({ n: 4 });
  expect(detached({ outputAs: computed((output: { n: number }) => output.n) } as Partial<Task>)).toBe(4);
});

describe('flow', () => {
  test('then may name a task, leave the scope or end the workflow', () => {
    const jump = run(program([{ name: 'a', kind: 'set', value: literal({ n: 1 }), then: 'c' }, echo('b'), { name: 'c', kind: 'set', value: computed((input: { n: number }) => ({ n: input.n * 10 })) }]), null);
    expect(jump.execution.end?.output?.value).toEqual({ n: 10 });
    const exit = run(program([{ name: 'block', kind: 'do', tasks: [{ name: 'a', kind: 'set', value: literal(1), then: 'exit' }, echo('b')] }, { name: 'c', kind: 'set', value: computed((input: number) => [input, 'after']) }]), null);
    expect(exit.execution.end?.output?.value).toEqual([1, 'after']);
    const end = run(program([{ name: 'block', kind: 'do', tasks: [{ name: 'a', kind: 'set', value: literal(1), then: 'end' }] }, echo('c')]), null);
    expect(end.execution.end?.output?.value).toBe(1);
  });

  test('switch takes the first case that holds, the default last', () => {
    const chosen = (kind: string): unknown =>
      run(
        program([
          { name: 's', kind: 'switch', cases: [{ name: 'other', then: 'z' }, { name: 'x', when: expression((input: { kind: string }) => input.kind === 'x'), then: 'x' }] },
          { name: 'x', kind: 'set', value: literal('x'), then: 'end' },
          { name: 'z', kind: 'set', value: literal('z') },
        ]),
        { kind },
      ).execution.end?.output?.value;
    expect(chosen('x')).toBe('x');
    expect(chosen('y')).toBe('z');
  });

  test('for hands each iteration the output of the one before, with item and index', () => {
    const { execution, journal } = run(
      program([{ name: 'loop', kind: 'for', in: expression((input: { items: number[] }) => input.items), tasks: [{ name: 'add', kind: 'set', value: computed((input: { sum?: number }, { item, index }) => ({ sum: (input.sum ?? 0) + (item as number) * (index as number) }), ['item', 'index']) }] }]),
      { items: [5, 6, 7] },
    );
    expect(execution.end?.output?.value).toEqual({ sum: 20 });
    expect(viewOf(identity, execution.program, journal, 'completed').tasks.filter((task) => task.name === 'add').map((task) => task.iteration)).toEqual([0, 1, 2]);
  });

  test('while ends a loop before the item for which it does not hold', () => {
    const { steps } = run(program([{ name: 'loop', kind: 'for', in: expression(() => [1, 2, 3]), while: expression((_: never, { item }) => (item as number) < 3, ['item']), tasks: [echo('a', { arguments: computed((_: never, { item }) => ({ item: item as number }), ['item']) })] }]), { n: 0 });
    expect(steps.map((step) => step.arguments)).toEqual([{ item: 1 }, { item: 2 }]);
  });

  test('a loop over nothing hands its input on', () => {
    expect(run(program([{ name: 'loop', kind: 'for', in: expression(() => []), tasks: [echo('a')] }]), { n: 3 }).execution.end?.output?.value).toEqual({ n: 3 });
  });

  test('a loop of many iterations goes on over several turns', () => {
    const { execution } = run(program([{ name: 'loop', kind: 'for', in: expression(() => Array.from({ length: 300 }, (_, index) => index)), tasks: [{ name: 'inc', kind: 'set', value: computed((input: { n: number }) => ({ n: input.n + 1 })) }] }]), { n: 0 });
    expect(execution.end?.output?.value).toEqual({ n: 300 });
  });

  test('wait ends at its due time and hands its input on', () => {
    const { execution, journal } = run(program([{ name: 'w', kind: 'wait', ms: 60_000 }]), { n: 1 });
    expect(execution.end?.output?.value).toEqual({ n: 1 });
    expect(chronicleOf(execution.program, journal).endedAtMs).toBe(61_000);
  });
});

describe('errors', () => {
  test('an error that nothing catches faults the workflow and names the task', () => {
    const { execution } = run(program([{ name: 'block', kind: 'do', tasks: [echo('a')] }]), { n: 0 }, () => unavailable(502));
    expect(execution.end).toMatchObject({ status: 'faulted', error: { status: 502, instance: '/do/0/block/do/0/a' } });
  });

  test('an expression that fails is an expression error of its task', () => {
    const { execution } = run(program([{ name: 'a', kind: 'set', value: computed(() => { throw new Error('no'); }) }]), null);
    expect(execution.end?.error).toMatchObject({ type: 'https://serverlessworkflow.io/spec/1.0.0/errors/expression', status: 400, instance: '/do/0/a' });
  });

  test('catch filters by the error\'s properties and by when', () => {
    const caught = (status: number, wanted: number): unknown =>
      run(program([{ name: 't', kind: 'try', tasks: [echo('a')], catch: { with: { status: wanted } }, handler: [{ name: 'h', kind: 'set', value: computed((_: never, { error }) => ({ seen: (error as { status: number }).status }), ['error']) }] }]), { n: 0 }, () => unavailable(status)).execution.end?.output?.value ?? 'faulted';
    expect(caught(503, 503)).toEqual({ seen: 503 });
    expect(caught(500, 503)).toBe('faulted');
  });

  test('a catch without tasks or retry swallows the error and hands the input on', () => {
    expect(run(program([{ name: 't', kind: 'try', tasks: [echo('a')], catch: {} }]), { n: 8 }, () => unavailable()).execution.end?.output?.value).toEqual({ n: 8 });
  });

  test('a retry keeps the failed task\'s activation with the next attempt; completed ones get new activations (E5)', () => {
    let failures = 2;
    const { execution, steps, journal } = run(
      program([{ name: 't', kind: 'try', tasks: [echo('first'), echo('second')], catch: { retry: { delay: { kind: 'fixed', ms: 100 }, backoff: 'exponential', attemptsMax: 5 } } }]),
      { n: 0 },
      (step, activation) => (activation.node === 3 && failures-- > 0 ? unavailable() : step),
    );
    expect(execution.end?.output?.value).toEqual({ n: 2 });
    expect(steps.map((step) => [step.activation, step.attempt])).toEqual([[3, 1], [4, 1], [5, 1], [4, 2], [6, 1], [4, 3]]);
    const view = viewOf(identity, execution.program, journal, 'completed');
    expect(view.tasks.find((task) => task.activation === 4)).toMatchObject({ attempts: 3, status: 'completed' });
  });

  test('retries stop at the attempt limit; then the handler runs, or the error goes on', () => {
    const retry = { delay: { kind: 'fixed', ms: 1 }, backoff: 'constant', attemptsMax: 3 } as const;
    const handled = run(program([{ name: 't', kind: 'try', tasks: [echo('a')], catch: { retry }, handler: [{ name: 'h', kind: 'set', value: literal('handled') }] }]), { n: 0 }, () => unavailable());
    expect(handled.steps).toHaveLength(3);
    expect(handled.execution.end?.output?.value).toBe('handled');
    const unhandled = run(program([{ name: 't', kind: 'try', tasks: [echo('a')], catch: { retry } }]), { n: 0 }, () => unavailable());
    expect(unhandled.steps).toHaveLength(3);
    expect(unhandled.execution.end?.status).toBe('faulted');
  });

  test('a retry inside a loop keeps the item\'s activation and an outer retry finds it again', () => {
    let failed = false;
    const { steps } = run(
      program([{ name: 't', kind: 'try', tasks: [{ name: 'loop', kind: 'for', in: expression(() => [0, 1]), tasks: [echo('a', { arguments: computed((_: never, { item }) => ({ item: item as number }), ['item']) })] }], catch: { retry: { delay: { kind: 'fixed', ms: 1 }, backoff: 'constant' } } }]),
      { n: 0 },
      (step) => {
        if ((step as { item: number }).item === 1 && !failed) {
          failed = true;
          return unavailable();
        }
        return step;
      },
    );
    expect(steps.map((step) => [step.arguments, step.activation, step.attempt])).toEqual([
      [{ item: 0 }, 4, 1],
      [{ item: 1 }, 5, 1],
      [{ item: 0 }, 7, 1],
      [{ item: 1 }, 5, 2],
    ]);
  });

  test('backoff grows as the policy says and jitter stays in its range', () => {
    const delays = (backoff: 'constant' | 'linear' | 'exponential'): number[] => {
      const { journal } = run(program([{ name: 't', kind: 'try', tasks: [echo('a')], catch: { retry: { delay: { kind: 'fixed', ms: 100 }, backoff, attemptsMax: 4, jitterFromMs: { kind: 'fixed', ms: 5 }, jitterToMs: { kind: 'fixed', ms: 15 } } } }]), { n: 0 }, () => unavailable());
      return journal.flatMap(({ atMs, records }) => records.flatMap((record) => (record.kind === 'retrying' ? [record.dueMs - atMs] : [])));
    };
    for (const [backoff, expected] of [['constant', [100, 100, 100]], ['linear', [100, 200, 300]], ['exponential', [100, 200, 400]]] as const) {
      const found = delays(backoff);
      expect(found).toHaveLength(3);
      found.forEach((delay, index) => {
        expect(delay).toBeGreaterThanOrEqual((expected[index] as number) + 5);
        expect(delay).toBeLessThanOrEqual((expected[index] as number) + 15);
      });
    }
  });

  test('raise makes the error it is told to make', () => {
    const { execution } = run(program([{ name: 'r', kind: 'raise', error: literal({ type: 'https://example.com/errors/late', status: 409, title: 'Late' }) }]), null);
    expect(execution.end?.error).toEqual({ type: 'https://example.com/errors/late', status: 409, title: 'Late', instance: '/do/0/r' });
  });
});

test('a trace has the queue and the worker of every attempt as spans of one tree', () => {
  let failures = 1;
  const { execution, journal } = run(program([{ name: 't', kind: 'try', tasks: [echo('a')], catch: { retry: { delay: { kind: 'fixed', ms: 1 }, backoff: 'constant' } } }]), { n: 0 }, (step) => (failures-- > 0 ? unavailable() : step));
  const { spans } = traceOf(identity, execution.program, journal);
  const ids = new Set(spans.map((span) => span.spanId));
  expect(ids.size).toBe(spans.length);
  expect(spans.filter((span) => span.parentSpanId === undefined || !ids.has(span.parentSpanId))).toHaveLength(1);
  expect(spans.filter((span) => span.name === 'queue')).toHaveLength(2);
  expect(spans.filter((span) => span.service === 'connector')).toHaveLength(2);
});
