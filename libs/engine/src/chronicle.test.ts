import { chronicleOf, TASKS_SHOWN_MAX, writeChronicle } from './chronicle.ts';
import type { JournalEntry, JournalRecord } from './record.ts';
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

test('of very many tasks the first and the last are shown, with every open scope and the right end, however the journal is read', () => {
  const many = 3 * TASKS_SHOWN_MAX;
  const looping = program([{ name: 'loop', kind: 'for', in: expression(() => []), tasks: [{ name: 'inside', kind: 'set', value: literal({}) }] }]);
  const at = (index: number): JournalEntry['records'] => [
    { kind: 'iterated', activation: 2, index },
    { kind: 'passed', activation: 3 + index, node: looping.nodes.findIndex(({ name }) => name === 'inside'), parent: 2, next: -1 },
  ];
  const opened = [1, 2].map((activation): JournalRecord => ({ kind: 'entered', activation, node: activation - 1, parent: activation - 1, attempt: 1 }));
  const journal: readonly JournalEntry[] = [{ atMs: 1, records: opened }, ...Array.from({ length: many }, (_, index) => ({ atMs: 2 + index, records: at(index) })), { atMs: many + 2, records: [{ kind: 'ended', status: 'completed' }] }];
  const writer = writeChronicle(looping);
  for (const entry of journal) writer.add([entry]);
  const { tasks, status, last } = writer.chronicle();
  expect(last?.kind).toBe('ended');
  expect(status).toBe('completed');
  expect(tasks).toHaveLength(TASKS_SHOWN_MAX);
  const inside = tasks.flatMap(({ iteration }) => iteration ?? []);
  expect(inside[0]).toBe(0);
  expect(inside.at(-1)).toBe(many - 1);
  expect(tasks.every((task) => task.status === 'completed')).toBe(true);
  const last9000 = inside.slice(1 - TASKS_SHOWN_MAX / 2);
  expect(last9000).toEqual(last9000.map((_, index) => many - last9000.length + index));
});
