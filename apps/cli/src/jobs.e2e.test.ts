/** Operations on many executions at once, against a cluster of its own that loses its processes meanwhile. */
import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { eventually, temporaryFolder, type TemporaryFolder } from '@millrace/testkit';
import { millrace, type CommandEnd } from './testing/command-process.ts';

const START_MS = 120_000;
const EXECUTIONS = 300;

interface ShownJob {
  readonly job: string;
  readonly state: string;
  readonly done: number;
  readonly skipped: number;
  readonly failed: number;
}

let folder: TemporaryFolder;
let http: string;
let key: string;
const run = (...words: readonly string[]): Promise<CommandEnd> => millrace(words, { directory: folder.path });
const json = async <T = Record<string, unknown>>(...words: readonly string[]): Promise<T> => {
  const end = await run(...words, '--output', 'json');
  if (end.status !== 0) throw new Error(`millrace ${words.join(' ')} ended with status ${end.status}: ${end.errors}`);
  return end.json() as T;
};

async function rest<T = Record<string, unknown>>(method: string, at: string, body?: unknown): Promise<T> {
  const answer = await fetch(`${http}${at}`, { method, headers: { authorization: `Bearer ${key}`, ...(body === undefined ? {} : { 'content-type': 'application/json' }) }, ...(body === undefined ? {} : { body: JSON.stringify(body) }) });
  if (!answer.ok) throw new Error(`${method} ${at}: ${answer.status} ${await answer.text()}`);
  return (await answer.json()) as T;
}

async function startMany(workflow: string): Promise<readonly string[]> {
  const started = await Promise.all(Array.from({ length: EXECUTIONS }, (_, order) => rest<{ readonly execution: string }>('POST', '/v1/executions', { workflow, input: { order } })));
  return started.map(({ execution }) => execution);
}

async function count(where: string): Promise<number> {
  const { executions } = await rest<{ readonly executions: readonly unknown[] }>('GET', `/v1/executions?limit=500&where=${encodeURIComponent(where)}`);
  return executions.length;
}

beforeAll(async () => {
  folder = await temporaryFolder('jobs');
  const document = (name: string, tasks: string): string => `document:\n  dsl: '1.0.3'\n  namespace: test\n  name: ${name}\n  version: 1.0.0\n  metadata: { millrace: { fields: { order: .order } } }\ndo:\n${tasks}`;
  await writeFile(path.join(folder.path, 'slow.yaml'), document('slow', '  - rest: { wait: { minutes: 10 } }\n'));
  await writeFile(path.join(folder.path, 'broken.yaml'), document('broken', '  - fail: { raise: { error: { type: https://example.com/errors/no, status: 400 } } }\n'));
  const up = await json<{ readonly gateway: { readonly http: string } }>('up', '--detach', '--port-base', '0');
  http = up.gateway.http;
  await json('apply', 'slow.yaml', 'broken.yaml');
  key = (await readFile(path.join(folder.path, '.millrace', 'key'), 'utf8')).trim();
}, START_MS);

afterAll(async () => {
  await run('down');
  await folder.remove();
}, START_MS);

async function killed(...names: readonly string[]): Promise<void> {
  const { processes } = await json<{ readonly processes: readonly { readonly name: string; readonly pid: number | null }[] }>('status');
  const victims = processes.filter(({ name, pid }) => names.includes(name) && pid !== null);
  expect(victims.length).toBeGreaterThanOrEqual(names.length);
  for (const { pid } of victims) process.kill(pid ?? 0, 'SIGKILL');
}

const ended = (job: string): Promise<ShownJob> =>
  eventually(async () => {
    const end = await run('job', 'show', job, '--output', 'json');
    const shown = end.status === 0 ? (end.json() as unknown as ShownJob) : undefined;
    return shown === undefined || shown.state === 'running' ? undefined : shown;
  }, { timeoutMs: 120_000 });

test('a job goes on after its gateway and all orchestrators were killed, and each execution says once what was done', async () => {
  const ids = await startMany('slow');
  await eventually(async () => (await count('workflow = slow and status = waiting')) === EXECUTIONS);
  const { job } = await rest<ShownJob>('POST', '/v1/jobs', { act: 'pause', where: `workflow = slow and field.order < ${EXECUTIONS}`, reason: 'maintenance' });
  await killed('gateway', 'orchestrator');
  const shown = await ended(job);
  expect(shown).toMatchObject({ state: 'completed', failed: 0 });
  await eventually(async () => (await count('workflow = slow and status = suspended')) === EXECUTIONS, { timeoutMs: 60_000 });
  for (const id of ids.slice(0, 20)) expect(await rest('GET', `/v1/executions/${id}`)).toMatchObject({ status: 'suspended', operations: [{ act: 'pause', by: 'operator/bootstrap', reason: `job ${job}: maintenance` }] });
}, 240_000);

test('a filter resumes some and cancels the rest, and what cannot be is refused', async () => {
  expect(await json('resume', '--where', 'workflow = slow and field.order in (1, 2, 3)')).toMatchObject({ state: 'completed', done: 3, skipped: 0, failed: 0 });
  expect(await count('workflow = slow and status = waiting')).toBe(3);
  const cancelled = await run('cancel', '--where', 'workflow = slow');
  expect([cancelled.status, cancelled.output]).toEqual([0, expect.stringMatching(new RegExp(`^job \\S+\\n[^]*completed: ${EXECUTIONS} done, 0 too late, 0 failed\\n$`))]);
  expect((await run('cancel', '--where', 'state = x')).errors).toContain('The filter is wrong at character 1: there is no property `state`');
  expect((await run('pause')).errors).toContain('pause needs ID, or --where FILTER');
  const { jobs } = await json<{ readonly jobs: readonly ShownJob[] }>('job', 'list');
  expect(jobs.map(({ state }) => state)).toEqual(['completed', 'completed', 'completed']);
  expect(await json('job', 'cancel', jobs[0]?.job ?? '')).toMatchObject({ state: 'completed' });
  expect((await run('job', 'show', 'none')).errors).toContain('There is no job "none"');
}, 120_000);

test('what failed is retried once by a job, and a job that is cancelled does no more', async () => {
  await startMany('broken');
  await eventually(async () => (await count('workflow = broken and status = failed')) === EXECUTIONS);
  const retry = (await run('retry', '--where', 'workflow = broken', '--detach', '--output', 'json')).json() as unknown as ShownJob;
  const stopped = await rest<ShownJob>('POST', `/v1/jobs/${retry.job}:cancel`);
  expect(['cancelled', 'completed']).toContain(stopped.state);
  const again = await json<ShownJob>('retry', '--where', 'workflow = broken and field.order < 5 and ended < now');
  expect(again).toMatchObject({ state: 'completed', failed: 0 });
  expect(again.done).toBeGreaterThanOrEqual(5);
}, 120_000);
