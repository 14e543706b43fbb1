import { chronicleOf } from './chronicle.ts';
import { computed, expression, literal, program, type Task } from './testing/program-builder.ts';
import { run, unavailable } from './testing/run.ts';
import { traceOf } from './trace.ts';
import { viewOf } from './view.ts';

const IDENTITY = { organisation: 'acme', execution: 'a000000000000000000000000000test' };
const TASKS: readonly Task[] = [
  { name: 'loop', kind: 'for', in: expression(() => [1, 2]), tasks: [{ name: 'inside', kind: 'call', arguments: computed((_, { item }) => ({ item: item ?? null }), ['item']) }] },
  {
    name: 'guarded',
    kind: 'try',
    tasks: [{ name: 'flaky', kind: 'call', arguments: literal({ flaky: true }) }],
    catch: { retry: { delay: { kind: 'fixed', ms: 100 }, backoff: 'constant', attemptsMax: 3 } },
  },
  { name: 'left', kind: 'set', value: literal({}), if: expression(() => false) },
  { name: 'rest', kind: 'wait', ms: 50 },
];
const PROGRAM = program(TASKS);

function flakyRun() {
  let failures = 0;
  return run(PROGRAM, {}, (step) => (typeof step === 'object' && step !== null && 'flaky' in step && failures++ < 2 ? unavailable() : {}));
}

test('tasks stand in the order they started, with iterations, attempts and how they ended', () => {
  const view = viewOf(IDENTITY, PROGRAM, flakyRun().journal, 'running');
  expect(view.tasks.map(({ name, iteration, status, attempts }) => [name, iteration, status, attempts])).toEqual([
    ['loop', undefined, 'completed', 1],
    ['inside', 0, 'completed', 1],
    ['inside', 1, 'completed', 1],
    ['guarded', undefined, 'completed', 1],
    ['flaky', undefined, 'completed', 3],
    ['left', undefined, 'skipped', 1],
    ['rest', undefined, 'completed', 1],
  ]);
  expect(view.status).toBe('completed');
});

test('a journal that is still growing is read at every point, and what has ended stays ended', () => {
  const { journal } = flakyRun();
  for (let length = 1; length <= journal.length; length++) {
    const chronicle = chronicleOf(PROGRAM, journal.slice(0, length));
    expect(chronicle.endedAtMs === undefined).toBe(length < journal.length);
    for (const task of chronicle.tasks) {
      const isOpen = task.status === 'running' || task.status === 'waiting';
      // The attempt that failed is over while the block around it waits for the next one.
      expect(task.attempts.at(-1)?.leftAtMs === undefined).toBe(isOpen);
    }
    const { spans } = traceOf(IDENTITY, PROGRAM, journal.slice(0, length));
    const ids = new Set(spans.map(({ spanId }) => spanId));
    expect(ids.size).toBe(spans.length);
    for (const { parentSpanId, name } of spans) expect([name, parentSpanId === undefined || ids.has(parentSpanId)]).toEqual([name, true]);
  }
});

test('while it runs the open task is the one that waits', () => {
  const { journal } = flakyRun();
  const open = (length: number): readonly string[] => chronicleOf(PROGRAM, journal.slice(0, length)).tasks.flatMap(({ node, status }) => (status === 'running' || status === 'waiting' ? [`${PROGRAM.nodes[node]?.name ?? ''} ${status}`] : []));
  expect(open(1)).toEqual(['do running', 'loop running', 'inside running']);
  expect(journal.map((_, index) => open(index + 1)).filter((tasks) => tasks.some((task) => task === 'guarded waiting')).length).toBeGreaterThan(0);
  expect(open(journal.length - 1)).toEqual(['do running', 'rest waiting']);
});

test('where entries are left out nothing is told of a call whose end they held', () => {
  const { journal } = flakyRun();
  const at = journal.findIndex(({ records }) => records.some((record) => record.kind === 'resolved'));
  const [follower] = journal.slice(at + 1);
  if (follower === undefined) throw new Error('the journal ends too early');
  const entries = [...journal.slice(0, at), { ...follower, afterGap: true as const }, ...journal.slice(at + 2)];
  const view = viewOf(IDENTITY, PROGRAM, entries, 'running');
  expect(view.tasks.filter(({ name }) => name === 'inside').every(({ status }) => status === 'completed')).toBe(true);
  expect(view.tasks.some(({ name, status }) => name === 'loop' && status === 'completed')).toBe(true);
  expect(view.status).toBe('completed');
});
