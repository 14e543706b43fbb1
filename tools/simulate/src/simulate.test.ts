/** The command as its users run it: in processes of its own. */
import { execFile } from 'node:child_process';
import path from 'node:path';
import { planted } from './plant-source.ts';
import { PLANTS } from './plants.ts';
import { expectedOf } from './work/model.ts';

/** Within so many steps each defect has to be found. */
const STEPS_MAX = 200_000;

interface Ran {
  readonly code: number;
  readonly lines: readonly string[];
}

function simulate(...args: readonly string[]): Promise<Ran> {
  return new Promise((settle) => {
    execFile(process.execPath, ['--disable-warning=ExperimentalWarning', path.join(import.meta.dirname, 'main.ts'), ...args], { maxBuffer: 64 * 1024 * 1024 }, (error, stdout) => {
      settle({ code: typeof error?.code === 'number' ? error.code : error === null ? 0 : -1, lines: stdout.trimEnd().split('\n') });
    });
  });
}

test('the same seed gives the same digest in two processes, another seed another', async () => {
  const [first, again, other] = await Promise.all([simulate('--seed', '7', '--steps', '20000'), simulate('--seed', '7', '--steps', '20000'), simulate('--seed', '8', '--steps', '20000')]);
  expect(first?.lines.at(-1)).toMatch(/^seed 7: \d+ steps, \d+ faults, \d+ violations$/);
  expect(first?.lines.at(-2)).toMatch(/^digest [0-9a-f]{32}$/);
  expect(again?.lines.slice(-2)).toEqual(first?.lines.slice(-2));
  expect(other?.lines.at(-2)).not.toBe(first?.lines.at(-2));
}, 120_000);

test('plants are listed by name, one a line', async () => {
  const { lines } = await simulate('--list-plants');
  expect(lines).toEqual(PLANTS.map(({ name }) => name));
  expect(new Set(lines).size).toBeGreaterThanOrEqual(12);
}, 30_000);

test.each(PLANTS.map(({ name }) => name))('the planted defect %s is found', async (name) => {
  const { code, lines } = await simulate('--plant', name, '--steps', String(STEPS_MAX));
  expect({ code, said: lines.filter((line) => line.startsWith('plant ')) }).toMatchObject({ code: 0, said: [expect.stringContaining(`plant ${name} found by `)] });
}, 180_000);

test('a plant whose text is not in the product is refused', () => {
  const [plant] = PLANTS;
  if (plant === undefined) throw new Error('there are no plants');
  expect(() => planted({ ...plant, text: 'this stands nowhere' })).toThrow('does not fit');
});

test('what is not understood ends with 2 and says how it is used', async () => {
  expect((await simulate('--seed', 'x')).code).toBe(2);
  expect((await simulate('--plant', 'nonesuch')).code).toBe(2);
}, 30_000);

test('the model keeps the attempt of the step that failed over runs of its block, and gives the others new ones', () => {
  const step = (label: string, fails: number) => ({ kind: 'step', label, add: 1, fails, status: 503, ms: 0, size: 0 }) as const;
  const block = { kind: 'try', body: [step('a', 0), step('b', 2)], retries: 3, delayMs: 0, handler: [] } as const;
  expect(expectedOf([block], 1)).toMatchObject({ status: 'completed', performed: ['a/1', 'b/1', 'a/1', 'b/2', 'a/1', 'b/3'] });
  expect(expectedOf([{ ...block, retries: 1 }], 1)).toMatchObject({ status: 'faulted', errorStatus: 503, performed: ['a/1', 'b/1', 'a/1', 'b/2'] });
  expect(expectedOf([{ ...block, retries: 0 }], 1)).toMatchObject({ status: 'completed', n: 1 });
});

test('what an inner try kept of a later turn of its loop is gone with it: the outer one keeps the attempt of the step whose error it caught', () => {
  const inner = { kind: 'try', body: [{ kind: 'for', count: 2, body: [{ kind: 'step', label: 'a', add: 1, fails: 1, status: 503, ms: 0, size: 0 }] }], retries: 2, delayMs: 0, handler: [] } as const;
  const outer = { kind: 'try', body: [inner], retries: 3, delayMs: 0, handler: [] } as const;
  // Turn 0, turn 0 again, turn 1; the inner one runs once more, and then the outer one.
  expect(expectedOf([outer], 1).performed.slice(0, 6)).toEqual(['a/1', 'a/2', 'a/1', 'a/1', 'a/2', 'a/1']);
});
