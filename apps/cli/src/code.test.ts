import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { runCommandLine } from './command-line.ts';
import { recordedTerminal } from './testing/recorded-terminal.ts';

const ORDERS = path.resolve(import.meta.dirname, '../../../examples/orders');
let folder: string;

// Within the repository, where the package that the code imports is found.
beforeAll(async () => {
  folder = await mkdtemp(path.join(import.meta.dirname, '../.millrace-code-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

async function run(...words: readonly string[]) {
  const terminal = recordedTerminal({ directory: folder });
  return { status: await runCommandLine(words, terminal), output: terminal.output(), errors: terminal.errors() };
}

test('the code of a document is a file that other commands take, with the same document', async () => {
  const code = await run('code', path.join(ORDERS, 'orders.yaml'));
  expect(code.status).toBe(0);
  await writeFile(path.join(folder, 'orders.ts'), code.output);
  const again = await run('code', 'orders.ts');
  expect(again.errors).toBe('');
  expect(again.output).toBe(code.output);
  expect((await run('validate', 'orders.ts')).output).toBe('orders.ts: valid (workflow orders@1.0.0)\n');
});

test('a file that exports no workflow says what to export', async () => {
  await writeFile(path.join(folder, 'nothing.ts'), 'export const x: number = 1;\n');
  expect((await run('validate', 'nothing.ts')).errors).toBe('millrace: nothing.ts exports no workflow; export what `.build()` returns.\n');
});
