import { mkdtemp, readFile, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { runCommandLine } from './command-line.ts';
import { recordedTerminal } from './testing/recorded-terminal.ts';

const ORDERS = path.resolve(import.meta.dirname, '../../../examples/orders');

async function run(...words: readonly string[]) {
  const terminal = recordedTerminal({ directory: ORDERS });
  return { status: await runCommandLine(['graph', ...words], terminal), output: terminal.output(), errors: terminal.errors() };
}

test('a workflow is drawn as Mermaid', async () => {
  const { status, output } = await run('orders.yaml');
  expect(output).toContain('title: "orders 1.0.0"');
  expect(output).toContain('-->|"none: .stock == 0"|');
  expect(status).toBe(0);
});

test('a name that ends in .svg asks for SVG, written there', async () => {
  const folder = await mkdtemp(path.join(os.tmpdir(), 'millrace-graph-'));
  try {
    const { status, output } = await run('orders.yaml', '--to', path.join(folder, 'orders.svg'));
    expect(output).toBe('');
    expect(await readFile(path.join(folder, 'orders.svg'), 'utf8')).toContain('data-reference="/do/3/charge/try/0/pay"');
    expect(status).toBe(0);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});

test('another format is wrong usage', async () => {
  expect((await run('orders.yaml', '--format', 'png')).errors).toContain('--format is mermaid or svg, not png');
});
