/** Two orchestrators as real processes, with NATS, MongoDB and a worker, through what happens to them. */
import { inputSubject, keyedExecutionId, newExecutionId, openBucket, BUCKETS, EVENTS_STREAM } from '@millrace/bus';
import type { Execution, Trace } from '@millrace/contracts/execution/v1/execution';
import type { DefinitionList, ListAnswer, TailEvent } from '@millrace/contracts/orchestrator/v1/executions';
import { encodeLaneInputs, type Reply, type StartInput } from '@millrace/engine';
import { encodeLimits } from '@millrace/lease';
import { eventually } from '@millrace/testkit';
import { applyWorkflow, ask, echo, openProcessBed, type Orchestrator, type ProcessBed } from './testing/process-bed.ts';

const LANES = 4;
const CALL = (name: string): string => `  - ${name}:\n      call: millrace.echo:1.0.0@default\n      with:\n        n: \${ .n + 1 }\n`;
const CHAIN = CALL('a') + CALL('b') + CALL('c');
const SLEEPER = `${CALL('before')}  - rest:\n      wait: PT4S\n${CALL('after')}`;

let bed: ProcessBed;
let first: Orchestrator;
let second: Orchestrator;

beforeAll(async () => {
  bed = await openProcessBed(LANES);
  [first, second] = await Promise.all([bed.orchestrator('orchestrator-1'), bed.orchestrator('orchestrator-2')]);
  await applyWorkflow(first, 'chain', CHAIN);
  await applyWorkflow(first, 'sleeper', SLEEPER);
  await spread();
}, 60_000);

afterAll(() => bed.close(), 30_000);

beforeEach(() => {
  bed.answer = echo;
});

const spread = (): Promise<unknown> => eventually(() => JSON.stringify(bed.lanes()) === JSON.stringify({ ...bed.lanes(), 'orchestrator-1': 2, 'orchestrator-2': 2 }), { timeoutMs: 15_000 });
const show = (execution: string): Promise<Execution> => ask(bed.ownerOf(execution).executions, 'get', { organisation: 'acme', execution });
const stored = (ids: readonly string[]): Promise<number> => bed.database.collection<{ readonly _id: string }>('history').countDocuments({ _id: { $in: [...ids] } });
const allStored = (ids: readonly string[]): Promise<unknown> => eventually(async () => (await stored(ids)) === ids.length, { timeoutMs: 15_000 });

async function sendInput(input: Omit<StartInput, 'kind' | 'acceptedAtMs' | 'acceptedBy' | 'organisation'>, organisation = 'acme'): Promise<void> {
  const lane = bed.directory.laneOf(input.execution) ?? 0;
  await bed.bus.jetstream.publish(inputSubject(lane), encodeLaneInputs([{ kind: 'start', organisation, acceptedAtMs: Date.now(), acceptedBy: 'trigger', ...input }]));
}

function replyInbox(): { readonly subject: string; readonly replies: Reply[] } {
  const subject = `test.reply.${newExecutionId()}`;
  const replies: Reply[] = [];
  bed.bus.connection.subscribe(subject, { callback: (_, message) => void replies.push(message.json<Reply>()) });
  return { subject, replies };
}

test('a version is what it was applied as, whoever is asked', async () => {
  expect(await applyWorkflow(second, 'chain', CHAIN)).toMatchObject({ existing: true });
  await expect(applyWorkflow(second, 'chain', CALL('other'))).rejects.toThrow('workflow-version-exists');
  await applyWorkflow(second, 'chain', CALL('only'), { version: '1.1.0-rc.1' });
  const versions = async (): Promise<readonly string[]> => (await ask<object, DefinitionList>(first.definitions, 'list', { organisation: 'acme' })).definitions.filter(({ name }) => name === 'chain').map(({ version }) => version);
  // The other one hears of it a moment later.
  await eventually(async () => (await versions()).length === 2);
  expect(await versions()).toEqual(['1.0.0', '1.1.0-rc.1']);
  const loose = await applyWorkflow(first, 'loose', CALL('x'), { unregistered: true });
  expect(await bed.starts.start({ workflow: `sha256:${loose.hash}`, input: { n: 1 } }).ended).toMatchObject({ status: 'completed', outputJson: '{"n":2}' });
  await expect(bed.starts.start({ workflow: 'loose', input: { n: 1 } }).accepted).rejects.toThrow('workflow-unknown');
});

test('executions can be read, listed, traced, tailed and cancelled', async () => {
  const tailed: TailEvent[] = [];
  const sleeper = bed.starts.start({ workflow: 'sleeper', input: { n: 1 } });
  await sleeper.accepted;
  const owner = bed.ownerOf(sleeper.id);
  const tail = owner.executions.tail({ organisation: 'acme', execution: sleeper.id, workflow: '' });
  tail.on('error', () => undefined).on('data', (event: TailEvent) => void tailed.push(event));
  await eventually(async () => (await show(sleeper.id)).status === 'waiting');
  const { executions } = await ask<object, ListAnswer>(owner.executions, 'list', { organisation: 'acme', status: 'waiting', workflow: 'sleeper', cursor: '', limit: 10, liveOnly: false, where: '', nowMs: 0 });
  expect(executions.map(({ execution }) => execution)).toContain(sleeper.id);
  await expect(ask(owner.executions, 'get', { organisation: 'globex', execution: sleeper.id })).rejects.toThrow('execution-unknown');
  expect(await ask(owner.executions, 'cancel', { organisation: 'acme', execution: sleeper.id })).toMatchObject({ status: 'cancelled' });
  expect(await sleeper.ended).toMatchObject({ status: 'cancelled' });
  await expect(ask(owner.executions, 'cancel', { organisation: 'acme', execution: sleeper.id })).rejects.toThrow('execution-ended');
  expect((await show(sleeper.id)).tasks.map(({ name, status }) => [name, status])).toEqual([['before', 'completed'], ['rest', 'cancelled']]);
  await eventually(() => tailed.some(({ kind }) => kind === 'cancelled'));
  tail.cancel();
  const trace = await ask<object, Trace>(owner.executions, 'trace', { organisation: 'acme', execution: sleeper.id });
  expect(trace.spans.map(({ name }) => name)).toEqual(expect.arrayContaining(['accept', 'call before', 'attempt 1', 'queue', 'wait rest']));
  const ids = new Set(trace.spans.map(({ spanId }) => spanId));
  expect(trace.spans.filter(({ parentSpanId }) => parentSpanId !== '' && !ids.has(parentSpanId))).toEqual([]);
});

test('a start without a key that is sent again after its end is the same execution', async () => {
  const once = bed.starts.start({ workflow: 'chain@1.0.0', input: { n: 0 } });
  expect(await once.accepted).toBe(false);
  await once.ended;
  await allStored([once.id]);
  const again = bed.starts.start({ workflow: 'chain@1.0.0', input: { n: 0 }, id: once.id, resent: true });
  expect(await again.accepted).toBe(true);
  expect(await again.ended).toMatchObject({ status: 'completed', outputJson: '{"n":3}' });
  expect(bed.steps.filter((step) => step.startsWith(once.id))).toHaveLength(3);
});

test('inputs of other services run once each, and who waits at a reply subject is told, also whoever comes again', async () => {
  const one = replyInbox();
  const again = replyInbox();
  const conflict = replyInbox();
  const late = replyInbox();
  const unknown = replyInbox();
  const id = keyedExecutionId('acme', 'chain', 'delivery-1');
  let release = (): void => undefined;
  const held = new Promise<void>((settle) => (release = settle));
  bed.answer = async (step) => {
    await held;
    return echo(step);
  };
  await sendInput({ execution: id, workflow: 'chain@1.0.0', key: 'delivery-1', input: { n: 0 }, replyTo: one.subject });
  await sendInput({ execution: id, workflow: 'chain@1.0.0', key: 'delivery-1', input: { n: 0 }, replyTo: again.subject });
  await sendInput({ execution: id, workflow: 'chain@1.0.0', key: 'delivery-1', input: { n: 7 }, replyTo: conflict.subject });
  await sendInput({ execution: newExecutionId(), workflow: 'we"ird@0.0.1', input: null, replyTo: unknown.subject });
  await eventually(() => conflict.replies.length === 1 && unknown.replies.length === 1);
  expect(conflict.replies).toMatchObject([{ status: 'refused', reason: 'idempotency-conflict' }]);
  expect(unknown.replies).toMatchObject([{ status: 'faulted', error: { detail: 'organisation acme has no workflow we"ird@0.0.1' } }]);
  release();
  await eventually(() => one.replies.length === 1 && again.replies.length === 1);
  expect([...one.replies, ...again.replies]).toEqual(Array(2).fill({ execution: id, status: 'completed', output: { n: 3 } }));
  await allStored([id]);
  await sendInput({ execution: id, workflow: 'chain@1.0.0', key: 'delivery-1', input: { n: 0 }, replyTo: late.subject });
  await eventually(() => late.replies.length === 1);
  expect(late.replies).toMatchObject([{ status: 'completed', output: { n: 3 } }]);
  expect(new Set(bed.steps.filter((step) => step.startsWith(id))).size).toBe(3);
});

test('starts of an organisation wait for its rate, durable and pending', async () => {
  const limits = await openBucket(bed.bus, BUCKETS.limits);
  await applyWorkflow(first, 'chain', CHAIN, { organisation: 'slow' });
  await limits.put('organisation.slow', encodeLimits({ concurrency: undefined, startsPerSecond: 4, weight: 1, strict: false, revision: 1 }));
  const started = Array.from({ length: 12 }, (_, n) => bed.starts.start({ organisation: 'slow', workflow: 'chain', input: { n } }));
  await Promise.all(started.map(({ accepted }) => accepted));
  const views = await Promise.all(started.map(({ id }) => ask<object, Execution>(bed.ownerOf(id).executions, 'get', { organisation: 'slow', execution: id })));
  expect(views.some(({ status }) => status === 'pending')).toBe(true);
  await limits.put('organisation.slow', encodeLimits({ concurrency: undefined, startsPerSecond: 40, weight: 1, strict: false, revision: 2 }));
  expect((await Promise.all(started.map(({ ended }) => ended))).map(({ status }) => status)).toEqual(Array(12).fill('completed'));
}, 30_000);

test('the lanes of an owner that is killed move, and every execution ends once', async () => {
  const started = Array.from({ length: 200 }, (_, n) => bed.starts.start({ workflow: 'chain@1.0.0', input: { n } }));
  const large = 'ü'.repeat(200_000);
  bed.answer = async (step) => {
    await new Promise((settle) => setTimeout(settle, 300));
    return echo(step);
  };
  await applyWorkflow(first, 'large', `  - keep:\n      call: millrace.echo:1.0.0@default\n      with:\n        text: \${ .text }\n${CALL('then').replace('.n', '0')}`);
  const withLarge = bed.starts.start({ workflow: 'large', inputJson: JSON.stringify({ text: large }), id: idOwnedBy(first) });
  await Promise.all([...started, withLarge].map(({ accepted }) => accepted));
  const killedAt = performance.now();
  await first.process.kill();
  const ended = await Promise.all(started.map((each) => each.ended));
  const tookMs = performance.now() - killedAt;
  expect(ended.map(({ status, outputJson }) => `${status} ${outputJson}`)).toEqual(Array.from({ length: 200 }, (_, n) => `completed {"n":${n + 3}}`));
  expect(await withLarge.ended).toMatchObject({ status: 'completed' });
  expect(bed.lanes()).toEqual({ 'orchestrator-2': LANES });
  // Lease, replay, three steps.
  expect(tookMs).toBeLessThan(15_000);
  await allStored(started.map(({ id }) => id));
  const view = await show(withLarge.id);
  expect(JSON.parse(view.inputJson)).toEqual({ text: large });
  first = await bed.orchestrator('orchestrator-1');
  await spread();
}, 60_000);

test('an owner that is asked to stop hands its lanes over within two seconds', async () => {
  const started = Array.from({ length: 20 }, (_, n) => bed.starts.start({ workflow: 'sleeper', input: { n }, id: idOwnedBy(second) }));
  await Promise.all(started.map(({ accepted }) => accepted));
  const since = performance.now();
  const stopped = second.process.stop();
  await eventually(() => bed.lanes()['orchestrator-1'] === LANES, { timeoutMs: 5_000 });
  expect(performance.now() - since).toBeLessThan(2_000);
  expect((await stopped).code).toBe(0);
  expect((await Promise.all(started.map(({ ended }) => ended))).map(({ status }) => status)).toEqual(Array(20).fill('completed'));
  second = await bed.orchestrator('orchestrator-2');
  await spread();
}, 60_000);

test('sleeping executions come back from checkpoints though the log has forgotten them, and keys stay used', async () => {
  const id = keyedExecutionId('acme', 'chain', 'once');
  expect(await bed.starts.start({ workflow: 'chain@1.0.0', input: { n: 0 }, id, key: 'once' }).ended).toMatchObject({ status: 'completed' });
  const sleepers = Array.from({ length: 40 }, (_, n) => bed.starts.start({ workflow: 'sleeper', input: { n } }));
  await Promise.all(sleepers.map(({ accepted }) => accepted));
  const ids = sleepers.map((each) => each.id);
  const checkpoints = bed.database.collection<{ readonly _id: string; readonly sequence: number; readonly segments: number }>('checkpoints');
  await eventually(async () => (await checkpoints.countDocuments({ _id: { $in: ids } })) === ids.length, { timeoutMs: 10_000 });
  const written = await checkpoints.find({ _id: { $in: ids } }).toArray();
  // Other work goes on, and what came before it is no longer in the log.
  await Promise.all(Array.from({ length: LANES * 10 }, (_, n) => bed.starts.start({ workflow: 'chain@1.0.0', input: { n } }).ended));
  await eventually(async () => {
    const firsts = await Promise.all(Array.from({ length: LANES }, (_, lane) => bed.firstFrame(lane)));
    return written.every(({ _id, sequence }) => (firsts[bed.directory.laneOf(_id) ?? 0] ?? 0) > sequence);
  }, { timeoutMs: 10_000 });
  await allStored([id]);
  await Promise.all([first.process.kill(), second.process.kill()]);
  [first, second] = await Promise.all([bed.orchestrator('orchestrator-1'), bed.orchestrator('orchestrator-2')]);
  expect((await Promise.all(sleepers.map(({ ended }) => ended))).map(({ status, outputJson }) => `${status} ${outputJson}`)).toEqual(ids.map((_, n) => `completed {"n":${n + 2}}`));
  expect((await show(ids[0] as string)).tasks.map(({ name, status }) => [name, status])).toEqual([['before', 'completed'], ['rest', 'completed'], ['after', 'completed']]);
  // The memory of keys was made from history; the text may be written otherwise.
  const repeated = bed.starts.start({ workflow: 'chain@1.0.0', inputJson: '{ "n" : 0 }', id, key: 'once' });
  expect(await repeated.accepted).toBe(true);
  expect(await repeated.ended).toMatchObject({ status: 'completed', outputJson: '{"n":3}' });
  await expect(bed.starts.start({ workflow: 'chain@1.0.0', input: { n: 1 }, id, key: 'once' }).accepted).rejects.toThrow('idempotency-conflict');
  expect(new Set(bed.steps.filter((step) => step.startsWith(id))).size).toBe(3);
  await spread();
}, 60_000);

test('with MongoDB away starts, steps and questions go on, and history is written when it is back', async () => {
  await bed.mongod.kill();
  const started = Array.from({ length: 40 }, (_, n) => bed.starts.start({ workflow: 'chain@1.0.0', input: { n }, key: `away-${n}`, id: keyedExecutionId('acme', 'chain', `away-${n}`) }));
  expect((await Promise.all(started.map(({ ended }) => ended))).map(({ status }) => status)).toEqual(Array(40).fill('completed'));
  expect(await show((started[0] as (typeof started)[number]).id)).toMatchObject({ status: 'completed' });
  await bed.mongod.restart();
  await allStored(started.map(({ id }) => id));
}, 60_000);

test('every start and end was announced, under ids that a second announcement shares', async () => {
  const announced = new Map<string, Set<string>>();
  const ended = await bed.database.collection<{ readonly _id: string; readonly status: string }>('history').find({}).toArray();
  expect(ended.length).toBeGreaterThan(300);
  const consumer = await bed.bus.jetstream.consumers.get(EVENTS_STREAM);
  // Events go out by themselves, behind the log: history may have an execution before JetStream has its end.
  await eventually(async () => {
    for await (const message of await consumer.fetch({ max_messages: 1_000, expires: 1_000 })) {
      for (const event of message.json<{ readonly id: string; readonly type: string; readonly subject: string }[]>()) {
        const key = `${event.subject} ${event.type.split('.').at(-2) ?? ''}`;
        announced.set(key, (announced.get(key) ?? new Set()).add(event.id));
      }
    }
    expect(ended.filter(({ _id, status }) => !announced.has(`${_id} started`) || !announced.has(`${_id} ${status}`)).map(({ _id }) => _id)).toEqual([]);
    return true;
  }, { timeoutMs: 30_000 });
  expect([...announced].filter(([, ids]) => ids.size !== 1)).toEqual([]);
}, 60_000);

/** An id whose lane the orchestrator owns. */
function idOwnedBy(owner: Orchestrator): string {
  for (;;) {
    const id = newExecutionId();
    if (bed.ownerOf(id) === owner) return id;
  }
}
