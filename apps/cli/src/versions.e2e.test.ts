/** Versions of workflows, plans and pictures of executions, by the command line and REST, against a cluster of its own. */
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { temporaryFolder, type TemporaryFolder } from '@millrace/testkit';
import { millrace, type CommandEnd } from './testing/command-process.ts';

const START_MS = 120_000;

let folder: TemporaryFolder;
let gateway: string;
let target: Server;
/** What reached the target, as METHOD PATH. */
const arrivals: string[] = [];

const run = (...words: readonly string[]): Promise<CommandEnd> => millrace(words, { directory: folder.path });
const json = async (...words: readonly string[]): Promise<Record<string, unknown>> => {
  const end = await run(...words, '--output', 'json');
  if (end.status !== 0) throw new Error(`millrace ${words.join(' ')} ended with status ${end.status}: ${end.errors}`);
  return end.json();
};
const write = (file: string, name: string, version: string, tasks: string): Promise<void> => writeFile(path.join(folder.path, file), `document: { dsl: '1.0.3', namespace: test, name: ${name}, version: ${version} }\ndo:\n${tasks}`);
const greeting = (word: string): string => `  - greet: { set: { said: ${word} } }\n`;
const said = async (workflow: string): Promise<unknown> => ((await json('run', workflow))['output'] as { readonly said: unknown }).said;

beforeAll(async () => {
  target = createServer((request, response) => {
    arrivals.push(`${request.method} ${request.url}`);
    response.setHeader('content-type', 'application/json');
    response.end(JSON.stringify({ at: request.url }));
  });
  await new Promise<void>((resolve) => target.listen(0, '127.0.0.1', resolve));
  folder = await temporaryFolder('versions');
  const up = await run('up', '--detach', '--port-base', '0', '--output', 'json');
  expect([up.status, up.errors]).toEqual([0, expect.any(String)]);
  gateway = (up.json()['gateway'] as { readonly http: string }).http;
}, START_MS);

afterAll(async () => {
  await run('down');
  await folder.remove();
  target.close();
}, START_MS);

test('a draft starts only by its exact version, may be replaced, and counts once it is published', async () => {
  await write('v1.yaml', 'greets', '1.0.0', greeting('one'));
  await write('v2.yaml', 'greets', '1.2.0', greeting('draft'));
  await json('apply', 'v1.yaml');
  expect((await run('apply', 'v2.yaml', '--draft')).output).toMatch(/^created +workflow greets@1\.2\.0 of default, a draft\n$/);
  expect(await said('greets')).toBe('one');
  expect(await said('greets@^1.0')).toBe('one');
  expect(await said('greets@1.2.0')).toBe('draft');
  await write('v2.yaml', 'greets', '1.2.0', greeting('two'));
  expect(await json('apply', 'v2.yaml', '--draft')).toMatchObject({ applied: [{ outcome: 'created', draft: true }] });
  expect(await said('greets@1.2.0')).toBe('two');
  expect((await run('publish', 'greets', '1.2.0')).output).toBe('published workflow greets@1.2.0\n');
  expect((await run('publish', 'greets', '1.2.0')).output).toBe('unchanged workflow greets@1.2.0\n');
  expect([await said('greets'), await said('greets@latest'), await said('greets@1.x'), await said('greets@~1.0.0'), await said('greets@1.0.0')]).toEqual(['two', 'two', 'two', 'one', 'one']);
  await write('v2.yaml', 'greets', '1.2.0', greeting('three'));
  for (const option of [[], ['--draft']]) expect((await run('apply', 'v2.yaml', ...option)).errors).toContain('raise `document.version`');
  expect((await run('publish', 'greets', '7.0.0')).errors).toContain('has no version 7.0.0 of workflow greets');
  expect((await run('run', 'greets@^7')).errors).toContain('greets@^7; apply it first');
}, START_MS);

test('a workflow runs another by a range, or pinned', async () => {
  await write('one.yaml', 'inner', '1.0.0', greeting('one'));
  await write('two.yaml', 'inner', '1.1.0', greeting('two'));
  await json('apply', 'one.yaml', 'two.yaml');
  await write('outer.yaml', 'outer', '1.0.0', '  - range: { run: { workflow: { namespace: test, name: inner, version: ^1.0 } }, export: { as: { range: "${ .said }" } } }\n  - pinned: { run: { workflow: { namespace: test, name: inner, version: 1.0.0 } }, output: { as: { range: "${ $context.range }", pinned: "${ .said }" } } }\n');
  expect((await json('run', 'outer.yaml'))['output']).toEqual({ range: 'two', pinned: 'one' });
});

test('a diff says by path what changed, to people, programs and over REST', async () => {
  await write('a.yaml', 'compared', '1.0.0', '  - charge: { set: { amount: 1 } }\n  - ship: { set: { to: here } }\n');
  await write('b.yaml', 'compared', '1.1.0-draft', '  - check: { set: { isChecked: true } }\n  - charge: { set: { amount: 2 } }\n  - ship: { set: { to: here } }\n');
  await json('apply', 'a.yaml');
  await json('apply', 'b.yaml', '--draft');
  const changes = [
    { path: '/document/version', kind: 'changed', before: '1.0.0', after: '1.1.0-draft' },
    { path: '/do/charge/set/amount', kind: 'changed', before: 1, after: 2 },
    { path: '/do/check', kind: 'added', before: null, after: { set: { isChecked: true } } },
  ];
  expect(await json('diff', 'compared', 'latest', '1.1.0-draft')).toEqual({ name: 'compared', from: '1.0.0', to: '1.1.0-draft', changes });
  expect((await run('diff', 'compared', '^1', '1.1.0-draft')).output).toBe(
    'compared: 1.0.0 → 1.1.0-draft\n~ /document/version changed\n    - "1.0.0"\n    + "1.1.0-draft"\n~ /do/charge/set/amount changed\n    - 1\n    + 2\n+ /do/check added\n    + {"set":{"isChecked":true}}\n',
  );
  const headers = { authorization: `Bearer ${(await readFile(path.join(folder.path, '.millrace/key'), 'utf8')).trim()}` };
  expect(await (await fetch(`${gateway}/v1/workflows/compared/diff?to=1.1.0-draft`, { headers })).json()).toEqual({ name: 'compared', from: '1.0.0', to: '1.1.0-draft', changes });
  const published = await fetch(`${gateway}/v1/workflows/compared/1.1.0-draft:publish`, { method: 'POST', headers });
  expect([published.status, await published.json()]).toEqual([200, expect.objectContaining({ version: '1.1.0-draft', draft: false, existing: false })]);
  expect((await fetch(`${gateway}/v1/workflows/compared/diff?to=9.0.0`, { headers })).status).toBe(404);
});

test('a plan reads through the cluster, withholds writes, and performs those that are approved', async () => {
  const { port } = target.address() as AddressInfo;
  await write('plan.yaml', 'planned', '1.0.0', `  - look: { call: http, with: { method: get, endpoint: 'http://127.0.0.1:${port}/stock' } }\n  - order: { call: http, with: { method: post, endpoint: 'http://127.0.0.1:${port}/orders', body: '\${ . }' } }\n`);
  const how = (plan: Record<string, unknown>): unknown => (plan['steps'] as readonly { readonly name: string; readonly how: string }[]).map((step) => `${step.name} ${step.how}`);
  const plan = await json('plan', 'plan.yaml');
  expect([plan['status'], how(plan), arrivals.splice(0)]).toEqual(['completed', ['look read', 'order withheld'], ['GET /stock']]);
  expect(plan['steps']).toMatchObject([{ answer: { output: { at: '/stock' } } }, { arguments: { body: { at: '/stock' } }, answer: {} }]);
  const approved = await json('run', 'plan.yaml', '--dry-run', '--approve', 'order');
  expect([how(approved), approved['output'], arrivals.splice(0)]).toEqual([['look read', 'order written'], { at: '/orders' }, ['GET /stock', 'POST /orders']]);
}, START_MS);

test('a picture of an execution shows what became of its tasks', async () => {
  await write('drawn.yaml', 'drawn', '1.0.0', "  - first: { set: { a: 1 } }\n  - refuse: { raise: { error: { type: https://example.com/errors/no, status: 400, title: No } } }\n  - never: { set: { b: 1 } }\n");
  const id = String((await run('run', 'drawn.yaml', '--output', 'json')).json()['execution']);
  const drawn = await run('graph', 'drawn.yaml', '--execution', id);
  expect([drawn.status, drawn.errors]).toEqual([0, '']);
  const classOf = (name: string): string | undefined => {
    const node = drawn.output.match(new RegExp(`(\\w+)[[({>]+"?[^\\n]*${name}`))?.[1];
    return drawn.output.match(new RegExp(`class [\\w,]*\\b${node}\\b[\\w,]* (\\w+)`))?.[1];
  };
  expect([classOf('first'), classOf('refuse'), classOf('never')]).toEqual(['completed', 'faulted', undefined]);
  await write('other.yaml', 'drawn', '1.0.0', greeting('hello'));
  expect((await run('graph', 'other.yaml', '--execution', id)).errors).toContain('is not what');
  expect((await run('graph', 'drawn.yaml', '--execution', id, '--to', 'drawn.svg')).status).toBe(0);
  expect(await readFile(path.join(folder.path, 'drawn.svg'), 'utf8')).toContain(id);
});
