/** Workflows that run workflows, branches and events, over two orchestrators as real processes. */
import { inputSubject } from '@millrace/bus';
import type { ListAnswer } from '@millrace/contracts/orchestrator/v1/executions';
import { encodeLaneInputs, type CloudEvent } from '@millrace/engine';
import { eventually } from '@millrace/testkit';
import { applyWorkflow, ask, echo, openProcessBed, type Orchestrator, type ProcessBed } from './testing/process-bed.ts';

const LANES = 4;
const CALL = (name: string): string => `  - ${name}:\n      call: millrace.echo:1.0.0@default\n      with:\n        n: \${ .n + 1 }\n`;
const RUN = (workflow: string, more = ''): string => `  - child:\n      run:\n        workflow: { namespace: test, name: ${workflow}, version: 1.0.0, input: { n: "\${ .n }" } }\n${more}`;

let bed: ProcessBed;
let first: Orchestrator;
let second: Orchestrator;

beforeAll(async () => {
  bed = await openProcessBed(LANES);
  [first, second] = await Promise.all([bed.orchestrator('orchestrator-1'), bed.orchestrator('orchestrator-2')]);
  await eventually(() => JSON.stringify(bed.lanes()) === JSON.stringify({ ...bed.lanes(), 'orchestrator-1': 2, 'orchestrator-2': 2 }), { timeoutMs: 15_000 });
  await applyWorkflow(first, 'child', CALL('a') + CALL('b'));
  await applyWorkflow(first, 'parent', RUN('child') + CALL('after'));
  await applyWorkflow(first, 'detached', RUN('child', '        await: false\n') + CALL('after'));
  await applyWorkflow(first, 'faulty', '  - r: { raise: { error: { type: https://example.com/no, status: 418, title: No, detail: "because" } } }\n');
  await applyWorkflow(first, 'of-faulty', RUN('faulty'));
  await applyWorkflow(first, 'of-missing', RUN('missing'));
  await applyWorkflow(first, 'endless', RUN('endless'));
  await applyWorkflow(first, 'slow', '  - w: { wait: PT2S }\n' + CALL('a'));
  await applyWorkflow(first, 'of-slow', RUN('slow') + CALL('after'));
  await applyWorkflow(first, 'leaf', '  - w: { wait: PT1H }\n');
  await applyWorkflow(first, 'branch', RUN('leaf'));
  await applyWorkflow(first, 'tree', RUN('branch'));
  await applyWorkflow(first, 'apart', '  - child: { run: { await: false, workflow: { namespace: test, name: alone, version: 1.0.0, input: {} } } }\n  - w: { wait: PT1H }\n');
  await applyWorkflow(first, 'alone', '  - w: { wait: PT1H }\n');
  await applyWorkflow(first, 'listener', '  - l:\n      listen: { to: { one: { with: { type: a.happened }, correlate: { order: { from: .data.order, expect: "${ .order }" } } } } }\n');
}, 60_000);

afterAll(() => bed.close(), 30_000);

beforeEach(() => {
  bed.answer = echo;
});

const run = (workflow: string, input: object = { n: 1 }) => bed.starts.start({ workflow, input });
const listed = async (workflow: string): Promise<readonly { readonly execution: string; readonly status: string }[]> => {
  const answers = await Promise.all([first, second].map((each) => ask<object, ListAnswer>(each.executions, 'list', { organisation: 'acme', status: '', workflow, cursor: '', limit: 100, liveOnly: false, where: '', nowMs: 0 })));
  return [...new Map(answers.flatMap(({ executions }) => executions).map((each) => [each.execution, each])).values()];
};

const statuses = async (workflow: string): Promise<readonly string[]> => (await listed(workflow)).map(({ status }) => status);
/** One of the two has it. */
const cancel = (execution: string): Promise<unknown> => Promise.any([first, second].map((each) => ask(each.executions, 'cancel', { organisation: 'acme', execution })));

test('a workflow waits for the one it runs, whichever lane that has, and its output is the task\'s', async () => {
  const ended = await Promise.all(Array.from({ length: 20 }, (_, n) => run('parent', { n }).ended));
  expect(ended.map(({ status, outputJson }) => [status, outputJson])).toEqual(Array.from({ length: 20 }, (_, n) => ['completed', JSON.stringify({ n: n + 3 })]));
}, 30_000);

test('one that is not awaited runs by itself, and the task hands its input on', async () => {
  const before = (await listed('child')).length;
  expect(await run('detached', { n: 5 }).ended).toMatchObject({ status: 'completed', outputJson: '{"n":6}' });
  await eventually(async () => (await listed('child')).length === before + 1);
});

test('an error of the one that is run is the task\'s; one that is not there is an error', async () => {
  expect(await run('of-faulty').ended).toMatchObject({ status: 'faulted', detail: expect.stringContaining('because') as never });
  expect(await run('of-missing').ended).toMatchObject({ status: 'faulted', detail: expect.stringContaining('has no workflow missing') as never });
});

test('a workflow that runs itself ends at the most levels there may be', async () => {
  expect(await run('endless').ended).toMatchObject({ status: 'faulted', detail: expect.stringContaining('32 deep') as never });
}, 30_000);

test('an execution takes the event that is meant for it, whichever lane it is in', async () => {
  const orders = Array.from({ length: 12 }, (_, order) => order);
  const started = orders.map((order) => run('listener', { order }));
  await Promise.all(started.map(({ accepted }) => accepted));
  await eventually(async () => (await listed('listener')).filter(({ status }) => status === 'waiting').length === orders.length);
  for (const order of orders) {
    const event: CloudEvent = { specversion: '1.0', id: `e${order}`, source: 'urn:test', type: 'a.happened', data: { order } };
    const text = encodeLaneInputs([{ kind: 'event', organisation: 'acme', event }]);
    await Promise.all(Array.from({ length: LANES }, (_, lane) => bed.bus.jetstream.publish(inputSubject(lane), text)));
  }
  expect((await Promise.all(started.map(({ ended }) => ended))).map(({ outputJson }) => outputJson)).toEqual(orders.map((order) => JSON.stringify([{ order }])));
}, 30_000);

test('with a parent all that it waits for is cancelled, down to the last, and what it does not wait for is not', async () => {
  const [trees, apart] = [Array.from({ length: 8 }, (_, n) => run('tree', { n })), run('apart')];
  await Promise.all([...trees, apart].map(({ accepted }) => accepted));
  await eventually(async () => (await listed('leaf')).length === trees.length && (await listed('alone')).length === 1, { timeoutMs: 15_000 });
  await Promise.all([...trees, apart].map(({ id }) => cancel(id)));
  for (const workflow of ['branch', 'leaf']) await eventually(async () => JSON.stringify(await statuses(workflow)) === JSON.stringify(trees.map(() => 'cancelled')), { timeoutMs: 15_000 });
  expect(await statuses('alone')).toEqual(['waiting']);
}, 60_000);

test('the end of a child reaches its parent when either owner dies meanwhile, and there is one child for each; those of cancelled parents are cancelled', async () => {
  const started = Array.from({ length: 8 }, (_, n) => run('of-slow', { n }));
  await Promise.all(started.map(({ accepted }) => accepted));
  await eventually(async () => (await listed('slow')).length === started.length);
  const trees = Array.from({ length: 8 }, () => run('tree'));
  await Promise.all(trees.map(({ accepted }) => accepted));
  await eventually(async () => (await statuses('leaf')).filter((status) => status === 'waiting').length === trees.length, { timeoutMs: 15_000 });
  await Promise.all(trees.map(({ id }) => cancel(id)));
  await second.process.kill();
  const ended = await Promise.all(started.map(({ ended: end }) => end));
  expect(ended.map(({ status }) => status)).toEqual(started.map(() => 'completed'));
  expect(await listedBy(first, 'slow')).toBe(started.length);
  await eventually(async () => (await listOf(first, 'leaf')).every(({ status }) => status === 'cancelled'), { timeoutMs: 20_000 });
}, 60_000);

async function listOf(orchestrator: Orchestrator, workflow: string): Promise<ListAnswer['executions']> {
  const { executions } = await ask<object, ListAnswer>(orchestrator.executions, 'list', { organisation: 'acme', status: '', workflow, cursor: '', limit: 100, liveOnly: false, where: '', nowMs: 0 });
  return executions;
}

async function listedBy(orchestrator: Orchestrator, workflow: string): Promise<number> {
  return (await listOf(orchestrator, workflow)).length;
}
