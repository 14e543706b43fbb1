/** What an operator does with executions, by the command line, against a cluster of its own. */
import { spawn } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { eventually, temporaryFolder, type TemporaryFolder } from '@millrace/testkit';
import { millrace, type CommandEnd } from './testing/command-process.ts';

const START_MS = 120_000;
const HEAD = (name: string): string => `document:\n  dsl: '1.0.3'\n  namespace: test\n  name: ${name}\n  version: 1.0.0\n`;

let folder: TemporaryFolder;
const run = (...words: readonly string[]): Promise<CommandEnd> => millrace(words, { directory: folder.path });
const json = async (...words: readonly string[]): Promise<Record<string, unknown>> => {
  const end = await run(...words, '--output', 'json');
  if (end.status !== 0) throw new Error(`millrace ${words.join(' ')} ended with status ${end.status}: ${end.errors}`);
  return end.json();
};

beforeAll(async () => {
  folder = await temporaryFolder('operate');
  await writeFile(path.join(folder.path, 'slow.yaml'), `${HEAD('slow')}do:\n  - sleep:\n      wait:\n        minutes: 10\n`);
  await writeFile(
    path.join(folder.path, 'order.yaml'),
    `${HEAD('order')}do:\n  - charge:\n      call: millrace.echo:1.0.0@default\n      with: { amount: 12 }\n      output:\n        as: \${ $workflow.input }\n  - refuse:\n      if: \${ .bad }\n      raise:\n        error: { type: https://example.com/errors/bad, status: 400, title: Bad }\n  - ship:\n      call: millrace.echo:1.0.0@default\n      with: { to: '\${ .to }' }\n`,
  );
  const up = await run('up', '--detach', '--port-base', '0', '--output', 'json');
  expect([up.status, up.errors]).toEqual([0, expect.any(String)]);
}, START_MS);

afterAll(async () => {
  await run('down');
  await folder.remove();
}, START_MS);

test('an execution is paused, explained, resumed and cancelled, and its history says by whom and why', async () => {
  const started = (await run('run', 'slow.yaml', '--timeout', '500ms', '--output', 'json')).json();
  const id = String(started['execution']);
  expect(await json('explain', id)).toEqual({ execution: id, status: 'waiting', sentence: expect.stringMatching(/^It waits for the timer of task \/do\/0\/sleep, until \d{4}-/) });
  expect(await json('pause', id, '--reason', 'maintenance')).toMatchObject({ status: 'suspended', operations: [{ act: 'pause', by: 'operator/bootstrap', reason: 'maintenance' }] });
  expect((await run('explain', id)).output).toMatch(/^It was paused by operator\/bootstrap at .* \(maintenance\) and goes on once it is resumed\.\n$/);
  expect((await json('list', '--status', 'suspended'))['executions']).toMatchObject([{ execution: id }]);
  expect(await json('resume', id)).toMatchObject({ status: 'waiting' });
  expect(await json('cancel', id, '--reason', 'enough')).toMatchObject({ status: 'cancelled', operations: [{ act: 'pause' }, { act: 'resume', reason: null }, { act: 'cancel', reason: 'enough' }] });
  await eventually(async () => (await run('resume', id)).errors.includes('has ended'));
});

test('executions are found by what their workflow declares, running and ended', async () => {
  await writeFile(path.join(folder.path, 'find.yaml'), HEAD('find').replace('document:\n', "document:\n  metadata: { millrace: { fields: { orderId: '${ .order.id }', city: .city } } }\n") + 'do:\n  - rest:\n      if: ${ .slow }\n      wait: { minutes: 10 }\n');
  const start = async (input: object): Promise<string> => String((await run('run', 'find.yaml', '--timeout', '200ms', '--input', JSON.stringify(input), '--output', 'json')).json()['execution']);
  const [slow, done] = [await start({ order: { id: 7 }, city: 'Zürich', slow: true }), await start({ order: { id: 8 }, city: 'Zürich', slow: false })];
  const found = async (where: string): Promise<readonly unknown[]> => ((await json('list', '--where', where))['executions'] as readonly { readonly execution: string }[]).map(({ execution }) => execution);
  await eventually(async () => (await found('workflow = find and status = completed')).length === 1);
  expect(await found('field.city = Zürich and started > 1h ago')).toEqual([done, slow]);
  expect(await found('field.orderId = 7')).toEqual([slow]);
  expect(await found('field.orderId >= 7 and ended < now')).toEqual([done]);
  expect(await json('list', '--where', 'field.orderId = 8')).toMatchObject({ executions: [{ execution: done, organisation: 'default', fields: { orderId: 8, city: 'Zürich' } }] });
  expect((await run('list', '--where', 'status = broken')).errors).toContain('The filter is wrong at character 10: there is no status "broken"');
  await run('cancel', slow);
}, 60_000);

test('a tail follows several executions and leaves the others out', async () => {
  const ids: string[] = [];
  for (let count = 0; count < 3; count++) ids.push(String((await run('run', 'slow.yaml', '--timeout', '1ms', '--output', 'json')).json()['execution']));
  const seen: string[] = [];
  const tail = spawn(process.execPath, [path.resolve(import.meta.dirname, '../bin/millrace.js'), 'tail', ids[0] ?? '', ids[2] ?? '', '--output', 'json'], { cwd: folder.path, stdio: ['ignore', 'pipe', 'inherit'] });
  createInterface({ input: tail.stdout }).on('line', (line) => seen.push((JSON.parse(line) as { readonly execution: string }).execution));
  // The stream may open after the first of these.
  await eventually(async () => {
    for (const id of ids) await run('pause', id);
    for (const id of ids) await run('resume', id);
    return seen.includes(ids[0] ?? '') && seen.includes(ids[2] ?? '');
  }, { timeoutMs: 90_000 });
  tail.kill('SIGINT');
  expect(new Set(seen)).toEqual(new Set([ids[0], ids[2]]));
  for (const id of ids) await run('cancel', id);
}, 120_000);

test('what faulted is retried or forked, and what had been done is taken over', async () => {
  const first = (await run('run', 'order.yaml', '--input', '{"bad":true,"to":"Ada"}', '--output', 'json')).json();
  const id = String(first['execution']);
  expect(first).toMatchObject({ status: 'faulted', origin: null });
  const effects = [{ reference: '/do/0/charge', iterations: [], operation: 'millrace.echo:1.0.0@default', outcome: 'reused', because: expect.any(String) }];
  expect(await json('retry', id, '--dry-run')).toMatchObject({ execution: null, effects });
  const retried = await json('retry', id, '--key', 'again', '--reason', 'try once more');
  expect(retried).toMatchObject({ existing: false, workflow: 'order', effects });
  expect(await json('retry', id, '--key', 'again')).toMatchObject({ execution: retried['execution'], existing: true });
  const shown = await eventually(async () => {
    const found = await json('show', String(retried['execution']));
    return found['endedAt'] === null ? undefined : found;
  });
  expect(shown).toMatchObject({ status: 'faulted', origin: { execution: id, act: 'retry', by: 'operator/bootstrap', reason: 'try once more' } });
  expect((shown['tasks'] as readonly { readonly name: string; readonly reused?: true }[]).map(({ name, reused }) => [name, reused])).toEqual([['charge', true], ['refuse', undefined]]);
  const forked = await json('fork', id, '--input', '{"bad":false,"to":"Ada"}');
  expect(forked).toMatchObject({ effects });
  const done = await eventually(async () => {
    const found = await json('show', String(forked['execution']));
    return found['status'] === 'completed' ? found : undefined;
  });
  expect(done).toMatchObject({ output: { to: 'Ada' }, origin: { execution: id, act: 'fork' } });
  // From the first task on everything is done again.
  expect(await json('rerun', String(forked['execution']), '/do/0/charge', '--dry-run')).toMatchObject({ effects: [{ reference: '/do/2/ship', outcome: 'resent' }] });
  expect((await run('rerun', id, '/do/7/never')).errors).toContain('never reached a task /do/7/never');
  expect((await run('retry', String(forked['execution']))).errors).toContain('only one that has faulted or was cancelled is retried');
}, 60_000);
