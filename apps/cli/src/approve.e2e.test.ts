/** Approvals by command line, link and REST, against a cluster of its own. */
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { eventually, temporaryFolder, type TemporaryFolder } from '@millrace/testkit';
import { millrace, type CommandEnd } from './testing/command-process.ts';

const START_MS = 120_000;
const HEAD = (name: string): string => `document:\n  dsl: '1.0.3'\n  namespace: test\n  name: ${name}\n  version: 1.0.0\n`;
const ASK = `call: approval:1.0.0@default
      with: { title: '\${ "Pay <b>\\(.amount)</b>?" }', assignee: ada@example.com, data: { amount: '\${ .amount }' } }
`;

let folder: TemporaryFolder;
let rest: string;
const run = (...words: readonly string[]): Promise<CommandEnd> => millrace(words, { directory: folder.path });
const json = async (...words: readonly string[]): Promise<Record<string, unknown>> => {
  const end = await run(...words, '--output', 'json');
  if (end.status !== 0) throw new Error(`millrace ${words.join(' ')} ended with status ${end.status}: ${end.errors}`);
  return end.json();
};
const ask = async (file = 'pay.yaml'): Promise<string> => String((await run('run', file, '--input', '{"amount":12}', '--timeout', '1s', '--output', 'json')).json()['execution']);
const ended = (id: string): Promise<Record<string, unknown>> =>
  eventually(async () => {
    const found = await json('show', id);
    return found['endedAt'] === null ? undefined : found;
  });
const post = (link: string, form: Readonly<Record<string, string>>): Promise<Response> => fetch(`${rest}/approve`, { method: 'POST', body: new URLSearchParams({ link, ...form }) });
const linkOf = (document: Record<string, unknown>): string => new URL(String(document['path']), rest).searchParams.get('link') ?? '';

beforeAll(async () => {
  folder = await temporaryFolder('approve');
  await writeFile(path.join(folder.path, 'pay.yaml'), `${HEAD('pay')}do:\n  - ask:\n      ${ASK}`);
  await writeFile(path.join(folder.path, 'brief.yaml'), `${HEAD('brief')}do:\n  - guarded:\n      try:\n        - ask:\n            call: approval:1.0.0@default\n            timeout: { after: { seconds: 2 } }\n      catch:\n        errors: { with: { type: https://serverlessworkflow.io/spec/1.0.0/errors/timeout } }\n        do:\n          - assume: { set: { decision: rejected, by: nobody } }\n`);
  const up = await run('up', '--detach', '--port-base', '0', '--output', 'json');
  expect([up.status, up.errors]).toEqual([0, expect.any(String)]);
  rest = String((up.json()['gateway'] as Record<string, unknown>)['http']);
}, START_MS);

afterAll(async () => {
  await run('down');
  await folder.remove();
}, START_MS);

test('what is asked for is listed, approved once by command line, and stands in the history', async () => {
  const id = await ask();
  expect(await json('show', id)).toMatchObject({ status: 'waiting' });
  expect(await json('approve', id, '--list')).toEqual({ approvals: [{ execution: id, task: '/do/0/ask', name: 'ask', details: { title: 'Pay <b>12</b>?', assignee: 'ada@example.com', data: { amount: 12 } }, assignee: 'ada@example.com', delegations: 0, askedAt: expect.any(String), expiresAt: null }] });
  expect((await run('approve', id, 'other')).errors).toContain('waits for no approval other; it waits for ask');
  await json('approve', id, 'ask', '--reason', 'within budget');
  expect(await ended(id)).toMatchObject({ status: 'completed', output: { decision: 'approved', by: 'operator/bootstrap', comment: 'within budget' }, operations: [{ act: 'approve', by: 'operator/bootstrap', reason: 'within budget', task: '/do/0/ask' }] });
  const again = await run('reject', id);
  expect(again.status).not.toBe(0);
  expect(again.errors).toContain('The approval /do/0/ask was approved by operator/bootstrap at');
}, 60_000);

test('a link is opened without deciding, decides once by its form, and its text is no markup', async () => {
  const id = await ask();
  const document = await json('approve', id, '--link', '--for', 'eve@example.com');
  expect(document).toMatchObject({ for: 'eve@example.com' });
  for (const method of ['GET', 'HEAD', 'GET']) {
    const page = await fetch(`${rest}${String(document['path'])}`, { method });
    expect(page.status).toBe(200);
    if (method === 'GET') expect(await page.text()).toMatch(/<h1>Pay &#60;b&#62;12&#60;\/b&#62;\?<\/h1>[^]*<form method="post"/);
    expect(page.headers.get('content-security-policy')).toContain("default-src 'none'");
  }
  expect(await json('show', id)).toMatchObject({ status: 'waiting', operations: [] });
  const link = linkOf(document);
  expect((await post(`${link}x`, { act: 'approve' })).status).toBe(403);
  expect((await post(link, { act: 'maybe' })).status).toBe(400);
  const done = await post(link, { act: 'reject', comment: 'too much' });
  expect([done.status, await done.text()]).toEqual([200, expect.stringContaining('<h1>Rejected</h1>')]);
  expect(await ended(id)).toMatchObject({ output: { decision: 'rejected', by: 'link/eve@example.com', comment: 'too much' } });
  const again = await post(link, { act: 'approve' });
  expect([again.status, await again.text()]).toEqual([409, expect.stringContaining('was rejected by link/eve@example.com')]);
  expect((await fetch(`${rest}${String(document['path'])}`)).status).toBe(409);
}, 60_000);

test('a delegation makes former links void, and the one it was given to decides', async () => {
  const id = await ask();
  const former = linkOf(await json('approve', id, '--link'));
  expect(await json('approve', id, '--delegate', 'bob@example.com', '--reason', 'on holiday')).toMatchObject({ status: 'waiting', operations: [{ act: 'delegate', to: 'bob@example.com', reason: 'on holiday', task: '/do/0/ask' }] });
  const refused = await post(former, { act: 'approve' });
  expect([refused.status, await refused.text()]).toEqual([403, expect.stringContaining('delegated to bob@example.com')]);
  const document = await json('approve', id, '--link');
  expect(document).toMatchObject({ for: 'bob@example.com' });
  const passed = await post(linkOf(document), { act: 'delegate', to: 'cleo@example.com' });
  expect(await passed.text()).toContain('<h1>Delegated</h1>');
  expect((await run('explain', id)).output).toContain('It waits for the approval of task /do/0/ask by cleo@example.com');
  expect((await post(linkOf(await json('approve', id, '--link')), { act: 'approve' })).status).toBe(200);
  expect(await ended(id)).toMatchObject({ output: { decision: 'approved', by: 'link/cleo@example.com' }, operations: [{ act: 'delegate' }, { act: 'delegate', by: 'link/bob@example.com', to: 'cleo@example.com' }, { act: 'approve' }] });
}, 60_000);

test('links end with their time, and an approval with its task\'s, which a catch gives a default', async () => {
  const id = await ask();
  const brief = linkOf(await json('approve', id, '--link', '--valid', '1ms'));
  const late = await post(brief, { act: 'approve' });
  expect([late.status, await late.text()]).toEqual([403, expect.stringContaining('could be used until')]);
  const timed = await ask('brief.yaml');
  expect((await run('explain', timed)).output).toMatch(/^It waits for the approval of task \S+, until \d{4}-/);
  expect(await ended(timed)).toMatchObject({ status: 'completed', output: { decision: 'rejected', by: 'nobody' }, operations: [] });
  expect((await run('approve', timed)).errors).toContain('has ended');
  await run('cancel', id);
}, 60_000);
