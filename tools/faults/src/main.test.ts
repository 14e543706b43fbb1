import { execFile } from 'node:child_process';
import path from 'node:path';
import { FAULTS } from './faults/fault-list.ts';

interface Ran {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

function faults(...args: readonly string[]): Promise<Ran> {
  return new Promise((settle) => {
    execFile(process.execPath, ['--disable-warning=ExperimentalWarning', path.join(import.meta.dirname, 'main.ts'), ...args], (error, out, err) => settle({ code: typeof error?.code === 'number' ? error.code : 0, out, err }));
  });
}

test('--list names every fault once, those that a machine lacks something for as well', async () => {
  const { code, out } = await faults('--list');
  const lines = out.trimEnd().split('\n');
  expect(code).toBe(0);
  expect(lines).toHaveLength(FAULTS.length);
  expect(new Set(FAULTS.map(({ bed, name }) => `${bed}: ${name}`)).size).toBe(FAULTS.length);
  for (const [index, { bed, name }] of FAULTS.entries()) expect(lines[index]).toContain(`${bed}: ${name}`);
});

test('--only keeps those that have the text in their name or their kind of cluster, in any case', async () => {
  const { out } = await faults('--list', '--only', 'REPLICATED: sigkill');
  expect(out.trimEnd().split('\n').every((line) => line.startsWith('replicated: SIGKILL'))).toBe(true);
});

test.each([
  [['--only', 'meteorite'], 'No fault has "meteorite" in its name; --list shows them all'],
  [['--minutes', 'many'], '--minutes must be a number above 0, not many'],
  [['--in-flight', '0'], '--in-flight must be a number above 0, not 0'],
])('%j is a wrong option', async (args, message) => {
  expect(await faults(...args)).toEqual({ code: 2, out: '', err: `${message}\n` });
});
