/** Schedules on real servers, with triggers as real processes. */
import { lifecycleSubject } from '@millrace/bus';
import { SchedulesClient, type Schedule, type ScheduleList, type ScheduleStatus } from '@millrace/contracts/trigger/v1/schedules';
import { connectStore } from '@millrace/store';
import { createLogger } from '@millrace/telemetry';
import { eventually } from '@millrace/testkit';
import { ask, openTriggerBed, type RunningTrigger, type TriggerBed } from './testing/trigger-bed.ts';

let bed: TriggerBed;
let first: RunningTrigger;

beforeAll(async () => {
  bed = await openTriggerBed('schedules');
  first = await bed.start('trigger-1');
}, 60_000);
afterAll(() => bed.close(), 30_000);

const put = (schedule: Partial<Schedule> & { readonly name: string }): Promise<ScheduleStatus> =>
  ask(SchedulesClient, first.grpc, (client) => client.put, { organisation: 'acme', workflow: schedule.name, kind: 'every', cron: '', timeZone: 'UTC', intervalMs: 1_000, inputJson: '{"n":1}', catchUp: 'latest', paused: undefined, ...schedule });
const get = (name: string): Promise<ScheduleStatus> => ask(SchedulesClient, first.grpc, (client) => client.get, { organisation: 'acme', name });
const setPaused = (name: string, paused: boolean): Promise<ScheduleStatus> => ask(SchedulesClient, first.grpc, (client) => client.setPaused, { organisation: 'acme', name, paused });

/** A schedule's due time, as a long outage leaves it. */
async function dueSince(name: string, agoMs: number): Promise<void> {
  const store = await connectStore({ url: bed.mongod.url, database: 'millrace_trigger', logger: createLogger({ service: 'test', instance: 'test', level: 'silent' }) });
  await store.collection<{ _id: string }>('schedules').updateOne({ _id: `acme/${name}` }, { $set: { dueMs: Date.now() - agoMs } });
  await store.close();
}

test('the same schedule again changes nothing; another one is due anew', async () => {
  expect(await put({ name: 'stored', intervalMs: 3_600_000 })).toMatchObject({ outcome: 'created', revision: 1, schedule: { paused: false } });
  expect(await put({ name: 'stored', intervalMs: 3_600_000 })).toMatchObject({ outcome: 'unchanged', revision: 1 });
  const changed = await put({ name: 'stored', intervalMs: 7_200_000 });
  expect(changed).toMatchObject({ outcome: 'changed', revision: 2 });
  expect(changed.nextMs[1]! - changed.nextMs[0]!).toBe(7_200_000);
  await expect(put({ name: 'stored', kind: 'cron', cron: 'often' })).rejects.toMatchObject({ details: expect.stringContaining('no cron expression') });
});

test('a workflow starts at every due time once, whichever of two instances does it', async () => {
  const second = await bed.start('trigger-2');
  await put({ name: 'ticks' });
  await eventually(async () => (await bed.starts('ticks')).length >= 4, { timeoutMs: 15_000 });
  await setPaused('ticks', true);
  const starts = await bed.starts('ticks');
  expect(new Set(starts.map(({ execution }) => execution)).size).toBe(starts.length);
  expect(starts[0]).toMatchObject({ organisation: 'acme', input: { n: 1 }, key: expect.stringMatching(/^schedule\/ticks\/\d{4}-/) as never, acceptedBy: 'trigger' });
  const times = starts.map(({ key }) => Date.parse(String(key).slice('schedule/ticks/'.length))).sort((a, b) => a - b);
  expect(times.slice(1).map((time, index) => time - times[index]!)).toEqual(times.slice(1).map(() => 1_000));
  await second.process.stop();
}, 40_000);

test('a paused schedule starts nothing, and what passed is not made up for when it goes on', async () => {
  await put({ name: 'rests', paused: true });
  expect(await get('rests')).toMatchObject({ dueAtMs: 0, nextMs: [], schedule: { paused: true } });
  expect((await put({ name: 'rests', inputJson: '2' })).schedule?.paused).toBe(true);
  const resumed = await setPaused('rests', false);
  expect(resumed.dueAtMs).toBeGreaterThan(Date.now() - 1_000);
  await eventually(async () => (await bed.starts('rests')).length >= 1, { timeoutMs: 10_000 });
  await setPaused('rests', true);
}, 20_000);

test.each([
  ['latest', 1],
  ['all', 6],
  ['none', 0],
])('of times that passed in an outage, %s starts so many: %i', async (catchUp, count) => {
  const name = `missed-${catchUp}`;
  await put({ name, catchUp, intervalMs: 3_600_000 });
  await dueSince(name, 5.5 * 3_600_000);
  await eventually(async () => (await get(name)).dueAtMs > Date.now(), { timeoutMs: 10_000 });
  expect(await bed.starts(name)).toHaveLength(count);
  expect(await get(name)).toMatchObject({ started: count, missed: 6 - count });
}, 20_000);

test('with after, the next start is due when the execution before has ended', async () => {
  await put({ name: 'follows', kind: 'after', intervalMs: 100 });
  await eventually(async () => (await get('follows')).waitsFor !== '', { timeoutMs: 10_000 });
  const [started] = await bed.starts('follows');
  const { waitsFor } = await get('follows');
  expect(waitsFor).toBe(started?.execution);
  const end = { specversion: '1.0', id: '0/1/x/1', source: '/x', type: 'io.serverlessworkflow.workflow.faulted.v1', subject: waitsFor, time: new Date().toISOString(), data: {} };
  await eventually(async () => {
    await bed.bus.jetstream.publish(lifecycleSubject('acme'), JSON.stringify([end]));
    return (await bed.starts('follows')).length === 2;
  }, { timeoutMs: 15_000 });
  expect((await get('follows')).waitsFor).not.toBe(waitsFor);
}, 40_000);

test('a workflow\'s own schedule is that of its latest version, and goes with it', async () => {
  const document = (version: string, schedule?: object) => ({ document: { dsl: '1.0.3', namespace: 'test', name: 'nightly', version }, ...(schedule === undefined ? {} : { schedule }), do: [] }) as never;
  await bed.define('acme', document('1.0.0', { every: { seconds: 1 } }));
  await eventually(async () => (await bed.starts('nightly')).length > 0, { timeoutMs: 10_000 });
  expect((await bed.starts('nightly'))[0]).toMatchObject({ workflow: 'nightly@1.0.0', input: {} });
  await bed.define('acme', document('1.1.0', { cron: '0 3 * * *' }));
  await eventually(async () => (await get('workflow.nightly')).schedule?.kind === 'cron');
  expect(await get('workflow.nightly')).toMatchObject({ documentOf: 'nightly', schedule: { workflow: 'nightly@1.1.0', cron: '0 3 * * *' } });
  await bed.define('acme', document('1.2.0'));
  await eventually(async () => (await ask<SchedulesClient, object, ScheduleList>(SchedulesClient, first.grpc, (client) => client.list as never, { organisation: 'acme' })).schedules.every(({ documentOf }) => documentOf !== 'nightly'));
}, 30_000);

test('what is due while the database is away starts once it is back', async () => {
  const { dueAtMs } = await put({ name: 'outage', intervalMs: 2_000 });
  await bed.mongod.stop();
  await eventually(() => Date.now() > dueAtMs, { timeoutMs: 10_000 });
  await bed.mongod.restart();
  await eventually(async () => (await bed.starts('outage')).length > 0, { timeoutMs: 20_000 });
}, 60_000);
