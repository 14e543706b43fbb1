/** The command line against a cluster of its own: every command, and what stays when processes are killed. */
import { spawn } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { isRunning, readClusterState, type MemberRecord } from '@millrace/cluster';
import { eventually, temporaryFolder, type TemporaryFolder } from '@millrace/testkit';
import type { ProcessDocument } from './status.ts';
import { millrace, type CommandEnd } from './testing/command-process.ts';

const START_MS = 120_000;

let folder: TemporaryFolder;
const dataDir = (): string => path.join(folder.path, '.millrace');
const run = (words: readonly string[], more: { readonly environment?: Readonly<Record<string, string>>; readonly input?: string } = {}): Promise<CommandEnd> => millrace(words, { directory: folder.path, ...more });
/** Of a command that has to succeed. */
const json = async (...words: readonly string[]): Promise<Record<string, unknown>> => {
  const end = await run([...words, '--output', 'json']);
  if (end.status !== 0) throw new Error(`millrace ${words.join(' ')} ended with status ${end.status}: ${end.errors}`);
  return end.json();
};
const members = (): readonly MemberRecord[] => readClusterState(dataDir())?.processes ?? [];
const processes = async (): Promise<readonly ProcessDocument[]> => (await json('status'))['processes'] as readonly ProcessDocument[];

const HEAD = (name: string): string => `document:\n  dsl: '1.0.3'\n  namespace: test\n  name: ${name}\n  version: 1.0.0\n`;
const FILES: Readonly<Record<string, string>> = {
  'hello.yaml': `${HEAD('hello')}do:\n  - greet:\n      set:\n        message: \${ "hello " + (.name // "you") }\n`,
  'broken.yaml': `${HEAD('broken')}do:\n  - fail:\n      raise:\n        error:\n          type: https://example.com/errors/teapot\n          status: 418\n          title: Teapot\n`,
  'slow.yaml': `${HEAD('slow')}do:\n  - sleep:\n      wait:\n        minutes: 10\n`,
  'short.yaml': `${HEAD('short')}do:\n  - sleep:\n      wait:\n        seconds: 5\n`,
  'team.yaml': `millrace: v1\nkind: webhook\nname: hello\norganisation: team\nspec:\n  workflow: hello\n  reply: output\n---\nmillrace: v1\nkind: limits\nname: team\norganisation: team\nspec: { concurrency: 5 }\n---\nmillrace: v1\nkind: organisation\nname: team\nspec: {}\n`,
};

beforeAll(async () => {
  folder = await temporaryFolder('cli');
  for (const [name, text] of Object.entries(FILES)) await writeFile(path.join(folder.path, name), text);
  const up = await run(['up', '--detach', '--port-base', '0', '--scale', 'connector=2', '--output', 'json']);
  expect([up.status, up.errors]).toEqual([0, expect.any(String)]);
  expect(up.json()).toMatchObject({ already: false, dataDir: dataDir(), gateway: { http: expect.stringMatching(/^http:/) } });
}, START_MS);

afterAll(async () => {
  await run(['down']);
  await folder.remove();
}, START_MS);

test('status shows every process, ready, with version, addresses and lanes', async () => {
  const shown = await processes();
  expect(shown.map((each) => each.instance).sort()).toEqual(['connector-1', 'connector-2', 'gateway-1', 'mongod', 'nats-server', 'notification-1', 'orchestrator-1', 'throttle-1', 'trigger-1']);
  expect(shown.filter((each) => !each.ready || each.pid === null || each.version === null || Object.keys(each.addresses).length === 0)).toEqual([]);
  expect(shown.find((each) => each.name === 'orchestrator')?.lanes).toContain(0);
  expect(shown.filter((each) => each.name !== 'orchestrator').flatMap((each) => each.lanes)).toEqual([]);
});

test('a second up says that it is up', async () => {
  expect(await json('up', '--detach')).toMatchObject({ already: true });
  const inFront = await run(['up']);
  expect([inFront.status, inFront.errors]).toEqual([1, expect.stringContaining('is up on')]);
});

describe('run', () => {
  test('of a file that completes ends with 0 and prints the execution', async () => {
    const { status, ...end } = await run(['run', 'hello.yaml', '--input', '-', '--output', 'json'], { input: '{"name":"Ada"}' });
    expect(status).toBe(0);
    expect(end.json()).toMatchObject({
      status: 'completed',
      output: { message: 'hello Ada' },
      error: null,
      tasks: [{ reference: '/do/0/greet', name: 'greet', status: 'completed', attempts: 1, startedAt: expect.any(String), endedAt: expect.any(String) }],
      events: [],
    });
  });

  test('of a file that faults ends with 2 and says why', async () => {
    const end = await run(['run', 'broken.yaml', '--output', 'json']);
    expect(end.status).toBe(2);
    expect(end.json()).toMatchObject({ status: 'faulted', output: null, error: { type: 'https://example.com/errors/teapot', status: 418, title: 'Teapot', instance: '/do/0/fail' } });
  });

  test('out of time ends with 4 and leaves the execution; cancelled meanwhile, with 3', async () => {
    const late = await run(['run', 'slow.yaml', '--timeout', '500ms', '--key', 'late', '--output', 'json']);
    expect([late.status, late.json()['status']]).toEqual([4, 'waiting']);
    const execution = String(late.json()['execution']);
    const waiting = run(['run', 'slow.yaml', '--timeout', '60s', '--key', 'late', '--output', 'json']);
    expect(await json('cancel', execution)).toMatchObject({ execution, status: 'cancelled' });
    const end = await waiting;
    expect([end.status, end.json()['execution']]).toEqual([3, execution]);
  });

  test('of a workflow that nobody applied ends with 1', async () => {
    const end = await run(['run', 'nobody@1.0.0', '--output', 'json']);
    expect([end.status, end.json()['reason']]).toEqual([1, 'workflow-unknown']);
    expect(end.errors).toContain('nobody@1.0.0; apply it first');
  });
});

describe('apply', () => {
  test('brings documents into an order that works, and says what became of each', async () => {
    const first = await run(['apply', 'team.yaml', 'hello.yaml', '--org', 'team']);
    expect([first.errors, first.output.split('\n').slice(0, -1)]).toEqual(['', ['created   organisation team', 'created   limits team of team', 'created   workflow hello@1.0.0 of team', 'created   webhook hello of team']]);
    const again = await run(['apply', 'team.yaml', 'hello.yaml', '--org', 'team', '--output', 'json']);
    expect((again.json()['applied'] as readonly { readonly outcome: string }[]).map((each) => each.outcome)).toEqual(Array.from({ length: 4 }, () => 'unchanged'));
    const trigger = readClusterState(dataDir())?.addresses.triggerHttp;
    const answer = await fetch(`${trigger}/v1/hooks/team/hello`, { method: 'POST', body: '{}', headers: { 'content-type': 'application/json' } });
    expect([answer.status, await answer.json()]).toEqual([200, { message: 'hello you' }]);
  });

  test('of a version with other content is an error', async () => {
    await writeFile(path.join(folder.path, 'other.yaml'), FILES['hello.yaml']?.replace('hello "', 'hi "') ?? '');
    const end = await run(['apply', 'other.yaml', '--org', 'team', '--output', 'json']);
    expect([end.status, end.json()['reason']]).toEqual([1, 'workflow-version-exists']);
    expect(await json('run', 'hello@1.0.0', '--org', 'team')).toMatchObject({ output: { message: 'hello you' } });
  });
});

test('show, list and trace tell of the same execution', async () => {
  const { execution } = await json('run', 'hello.yaml', '--key', 'told');
  expect(await json('show', String(execution))).toMatchObject({ execution, workflow: 'hello', status: 'completed' });
  const { executions } = (await json('list', '--workflow', 'hello')) as { executions: readonly { readonly execution: string }[] };
  expect(executions.map((each) => each.execution)).toContain(execution);
  const trace = (await json('trace', String(execution))) as { traceId: string; spans: readonly Record<string, unknown>[] };
  expect(trace.traceId).toMatch(/^[0-9a-f]{32}$/);
  expect(trace.spans.map((span) => `${String(span['service'])} ${String(span['name'])}`)).toEqual(expect.arrayContaining(['gateway accept', 'orchestrator execution hello', 'orchestrator set greet']));
  expect((await run(['trace', String(execution)])).output).toContain('└─ orchestrator execution hello');
});

test('tail shows what happens, one line each, until it is interrupted', async () => {
  const tail = spawn(process.execPath, [path.resolve(import.meta.dirname, '../bin/millrace.js'), 'tail', '--workflow', 'hello', '--output', 'json'], { cwd: folder.path, env: { ...process.env, NODE_OPTIONS: '' }, stdio: ['ignore', 'pipe', 'inherit'] });
  const seen: Record<string, unknown>[] = [];
  createInterface({ input: tail.stdout }).on('line', (line) => seen.push(JSON.parse(line) as Record<string, unknown>));
  // A tail tells only of what comes after it began: start until one is seen.
  await eventually(async () => {
    await run(['run', 'hello.yaml']);
    return seen.length > 0;
  });
  const ended = new Promise((settle) => tail.once('close', settle));
  tail.kill('SIGTERM');
  expect(await ended).toBe(0);
  expect(seen[0]).toMatchObject({ organisation: 'default', workflow: 'hello', kind: expect.any(String), at: expect.any(String) });
}, 60_000);

test('MILLRACE_GATEWAY names a gateway by its gRPC or its HTTP address', async () => {
  const { addresses } = readClusterState(dataDir()) ?? { addresses: { gatewayHttp: '', gatewayGrpc: '' } };
  const key = (await readFile(path.join(dataDir(), 'key'), 'utf8')).trim();
  for (const MILLRACE_GATEWAY of [addresses.gatewayGrpc, addresses.gatewayHttp]) {
    const elsewhere = await millrace(['list', '--data', 'nowhere', '--output', 'json'], { directory: folder.path, environment: { MILLRACE_GATEWAY, MILLRACE_KEY: key } });
    expect([elsewhere.errors, elsewhere.status]).toEqual(['', 0]);
  }
  const wrong = await run(['list', '--output', 'json'], { environment: { MILLRACE_KEY: 'mr_operator_wrong' } });
  expect([wrong.status, wrong.json()['reason']]).toEqual([1, 'key-invalid']);
});

test('run goes on waiting while the gateway is killed and comes back', async () => {
  const gateway = members().find((each) => each.name === 'gateway');
  const waiting = run(['run', 'short.yaml', '--timeout', '60s', '--key', 'through', '--output', 'json']);
  await eventually(async () => ((await json('list', '--workflow', 'short'))['executions'] as readonly unknown[]).length === 1, { timeoutMs: 20_000 });
  process.kill(gateway?.pid ?? 0, 'SIGKILL');
  const end = await waiting;
  expect([end.errors, end.status, end.json()['status']]).toEqual(['', 0, 'completed']);
}, START_MS);

test('processes that are killed, a server too, are started again under the same names', async () => {
  const victims = members().filter((each) => each.instance === 'connector-1' || each.instance === 'nats-server');
  expect(victims).toHaveLength(2);
  for (const { pid } of victims) process.kill(pid, 'SIGKILL');
  await eventually(async () => {
    const now = await processes();
    return victims.every(({ instance, pid }) => now.some((each) => each.instance === instance && each.ready && each.pid !== pid)) && now.every((each) => each.ready);
  }, { timeoutMs: 60_000 });
  expect((await run(['run', 'hello.yaml', '--timeout', '30s'])).status).toBe(0);
}, START_MS);

test('down leaves no process, up keeps the data; both also after the supervisor was killed', async () => {
  const { execution } = await json('run', 'hello.yaml', '--key', 'kept');
  const before = members();
  expect((await run(['down'])).status).toBe(0);
  expect(before.filter(isRunning)).toEqual([]);
  expect(await json('down')).toMatchObject({ outcome: 'not-up' });

  expect((await run(['up', '--detach', '--port-base', '0'])).status).toBe(0);
  expect(await json('show', String(execution))).toMatchObject({ execution, status: 'completed', output: { message: 'hello you' } });

  const orphans = members();
  process.kill(readClusterState(dataDir())?.supervisor.pid ?? 0, 'SIGKILL');
  expect((await run(['up', '--detach', '--port-base', '0'])).status).toBe(0);
  expect(orphans.filter(isRunning)).toEqual([]);
  expect(await json('show', String(execution))).toMatchObject({ execution, status: 'completed' });

  const last = members();
  process.kill(readClusterState(dataDir())?.supervisor.pid ?? 0, 'SIGKILL');
  expect((await run(['down', '--output', 'json'])).json()).toMatchObject({ outcome: 'cleaned' });
  expect(last.filter(isRunning)).toEqual([]);
}, 2 * START_MS);
