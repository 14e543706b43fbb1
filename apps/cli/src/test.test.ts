import { mkdtemp, readFile, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { runCommandLine } from './command-line.ts';
import { recordedTerminal } from './testing/recorded-terminal.ts';

const ORDERS = path.resolve(import.meta.dirname, '../../../examples/orders');

async function run(...words: readonly string[]) {
  const terminal = recordedTerminal({ directory: ORDERS });
  return { status: await runCommandLine(['test', ...words], terminal), output: terminal.output(), errors: terminal.errors() };
}

test('the tests of a folder are found, run on mocks, and all hold', async () => {
  const { status, output } = await run();
  expect(output).toMatchInlineSnapshot(`
"orders.test.yaml  orders
  ok   an order is paid after two failures, and told
  ok   what is sold out is said, and nobody is charged
  ok   three refusals of the bank are apologised for
  ok   a confirmation that never comes is a timeout after a day
  coverage 100 % of the tasks of orders

4 passed, 0 failed
"
`);
  expect(status).toBe(0);
});

test('with a filter only those run, and coverage demands nothing', async () => {
  const { status, output } = await run('orders.test.yaml', '--filter', 'sold out', '--output', 'json');
  expect(JSON.parse(output)).toMatchObject({ passed: 1, failed: 0, problems: [], tests: [{ cases: [{ status: 'faulted', path: ['/do/0/stock', '/do/1/enough', '/do/2/sold'] }] }] });
  expect(status).toBe(0);
});

test('JUnit goes to a file', async () => {
  const folder = await mkdtemp(path.join(os.tmpdir(), 'millrace-junit-'));
  try {
    const file = path.join(folder, 'junit.xml');
    expect((await run('--junit', file)).status).toBe(0);
    expect(await readFile(file, 'utf8')).toContain('<testsuites tests="4" failures="0">');
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});

test('a filter that no case has is wrong usage', async () => {
  const { status, errors } = await run('--filter', 'nothing like it');
  expect(errors).toContain('no case of these files was asked for');
  expect(status).toBe(1);
});
