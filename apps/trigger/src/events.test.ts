/** Events from outside and from executions, on real servers, with triggers as real processes. */
import { ARRIVALS_SUBJECT, createDeadLetters, EVENTS_STREAM, eventSubject, lifecycleSubject } from '@millrace/bus';
import { EventsClient, SubscriptionsClient, type Published, type Subscription, type SubscriptionStatus } from '@millrace/contracts/trigger/v1/events';
import type { EventInput, JsonValue } from '@millrace/engine';
import { eventually } from '@millrace/testkit';
import { ask, LANES, openTriggerBed, type RunningTrigger, type TriggerBed } from './testing/trigger-bed.ts';

let bed: TriggerBed;
let trigger: RunningTrigger;

beforeAll(async () => {
  bed = await openTriggerBed('events');
  trigger = await bed.start('trigger-1');
}, 60_000);
afterAll(() => bed.close(), 30_000);

const event = (id: string, type: string, data: JsonValue = null) => ({ specversion: '1.0', id, source: 'urn:shop', type, data });
const publish = (...events: readonly object[]): Promise<Published> => ask(EventsClient, trigger.grpc, (client) => client.publish, { organisation: 'acme', eventsJson: events.map((each) => JSON.stringify(each)) });
const subscribe = (subscription: Partial<Subscription> & { readonly name: string; readonly type: string }): Promise<SubscriptionStatus> =>
  ask(SubscriptionsClient, trigger.grpc, (client) => client.put, { organisation: 'acme', source: '', where: '', workflow: subscription.name, idempotencyKey: '', url: '', secret: '', ...subscription });
const workflow = (name: string, on: object) => ({ document: { dsl: '1.0.3', namespace: 'test', name, version: '1.0.0' }, schedule: { on }, do: [] }) as never;
const inputsOf = async (name: string): Promise<readonly JsonValue[]> => (await bed.starts(name)).map(({ input }) => input);
/** Another event after those that start nothing: when that has started something, they have been looked at. */
const settle = async (name: string, type: string, data: JsonValue): Promise<void> => {
  const before = (await bed.starts(name)).length;
  await publish(event(`settle-${name}-${before}`, type, data));
  await eventually(async () => (await bed.starts(name)).length > before);
};

test('an event reaches every lane and the stream of events', async () => {
  await publish(event('e1', 'lane.happened', { n: 1 }));
  const heard = async (): Promise<readonly EventInput[]> => (await bed.inputs()).filter((input): input is EventInput => input.kind === 'event' && input.event['type'] === 'lane.happened');
  await eventually(async () => (await heard()).length === LANES);
  expect((await heard())[0]).toEqual({ kind: 'event', organisation: 'acme', event: event('e1', 'lane.happened', { n: 1 }) });
  const stored = await bed.bus.manager.streams.getMessage(EVENTS_STREAM, { last_by_subj: eventSubject('acme', 'lane.happened') });
  expect(stored?.json()).toEqual(event('e1', 'lane.happened', { n: 1 }));
});

test('a subscription starts its workflow with the event, once for each source and id', async () => {
  expect(await subscribe({ name: 'orders', type: 'order.placed', where: '.data.n > 1' })).toMatchObject({ outcome: 'created' });
  expect(await subscribe({ name: 'orders', type: 'order.placed', where: '.data.n > 1' })).toMatchObject({ outcome: 'unchanged' });
  await publish(event('1', 'order.placed', { n: 1 }), event('2', 'order.placed', { n: 2 }), { ...event('3', 'order.placed', { n: 3 }), source: 'urn:other' }, event('4', 'order.paid', { n: 4 }));
  await publish(event('2', 'order.placed', { n: 2 }));
  await settle('orders', 'order.placed', { n: 9 });
  const starts = await bed.starts('orders');
  expect(new Set(starts.map(({ execution }) => execution)).size).toBe(3);
  expect(starts.find(({ key }) => key === 'subscription/orders/urn:shop 2')).toMatchObject({ organisation: 'acme', input: event('2', 'order.placed', { n: 2 }) });
});

test('a subscription takes a beginning of types, one source, and a key of its own', async () => {
  await subscribe({ name: 'prefixed', type: 'mail.*', source: 'urn:shop', idempotencyKey: '.data.message' });
  await publish(event('1', 'mail.in', { message: 'a' }), event('2', 'mail.out.sent', { message: 'a' }), { ...event('3', 'mail.in', { message: 'b' }), source: 'urn:other' }, event('4', 'mailbox.in', { message: 'c' }), event('5', 'mail.in', {}));
  await settle('prefixed', 'mail.in', { message: 'last' });
  expect(new Set((await bed.starts('prefixed')).map(({ key }) => key))).toEqual(new Set(['a', 'last']));
});

test('what a subscription says that is wrong is refused with its place', async () => {
  await expect(subscribe({ name: 'wrong', type: 'a b', where: '.data[' })).rejects.toMatchObject({ details: expect.stringMatching(/spec\.type.*spec\.where/) });
});

test('events that executions make start workflows too', async () => {
  await subscribe({ name: 'emitted', type: 'stock.*' });
  await bed.bus.jetstream.publish(eventSubject('acme', 'stock.low'), JSON.stringify(event('s1', 'stock.low')));
  await eventually(async () => (await bed.starts('emitted')).length === 1);
  await subscribe({ name: 'failures', type: 'io.serverlessworkflow.workflow.faulted.v1' });
  const ended = (name: string) => ({ ...event(`0/1/${name}/1`, 'io.serverlessworkflow.workflow.faulted.v1', { definition: { name } }), subject: name, time: new Date().toISOString() });
  await bed.bus.jetstream.publish(lifecycleSubject('acme'), JSON.stringify([ended('failures'), ended('others')]));
  await eventually(async () => (await bed.starts('failures')).length === 1);
  expect((await inputsOf('failures'))[0]).toMatchObject({ data: { definition: { name: 'others' } } });
});

test('what cannot be read is a dead letter, and starts its workflow once it is sent again corrected', async () => {
  const letters = createDeadLetters(bed.bus);
  await subscribe({ name: 'corrected', type: 'broken.*' });
  await bed.bus.jetstream.publish(eventSubject('acme', 'broken.json'), '{"specversion":');
  await bed.bus.jetstream.publish(ARRIVALS_SUBJECT, '{"inputs":7}');
  await eventually(async () => (await letters.list('acme', '', 10)).letters.length + (await letters.list(undefined, '', 10)).letters.length === 2);
  expect((await letters.list(undefined, '', 10)).letters).toMatchObject([{ stream: 'ARRIVALS', text: '{"inputs":7}', reason: expect.stringContaining('inputs') }]);
  const [letter] = (await letters.list('acme', '', 10)).letters;
  expect(letter).toMatchObject({ stream: EVENTS_STREAM, text: '{"specversion":' });
  await letters.requeue('acme', letter?.id ?? '', JSON.stringify(event('c1', 'broken.json')));
  await eventually(async () => (await bed.starts('corrected')).length === 1);
  expect((await letters.list('acme', '', 10)).letters).toEqual([]);
});

test('a subscription that was removed starts nothing any more', async () => {
  await subscribe({ name: 'gone', type: 'gone.happened' });
  expect(await ask(SubscriptionsClient, trigger.grpc, (client) => client.remove, { organisation: 'acme', name: 'gone' })).toEqual({ found: true });
  await subscribe({ name: 'stays', type: 'gone.happened' });
  await publish(event('1', 'gone.happened'));
  await eventually(async () => (await bed.starts('stays')).length === 1);
  expect(await bed.starts('gone')).toEqual([]);
});

describe('a workflow with schedule.on', () => {
  test('one and any start it with every event that matches', async () => {
    await bed.define('acme', workflow('on-any', { any: [{ with: { type: 'fire.seen' } }, { with: { type: 'flood.seen', data: '${ .metres > 1 }' } }] }));
    await eventually(async () => {
      await publish(event('f1', 'fire.seen'));
      return (await bed.starts('on-any')).length > 0;
    });
    await publish(event('f2', 'flood.seen', { metres: 0.5 }), event('f3', 'flood.seen', { metres: 2 }));
    await eventually(async () => new Set((await bed.starts('on-any')).map(({ execution }) => execution)).size === 2);
    expect(await inputsOf('on-any')).toContainEqual([event('f3', 'flood.seen', { metres: 2 })]);
    expect((await bed.starts('on-any'))[0]?.workflow).toBe('on-any@1.0.0');
  });

  test('all start it with one event for each filter, of one correlation, in any order, and once', async () => {
    const of = (type: string) => ({ with: { type }, correlate: { order: { from: '.data.order' } } });
    await bed.define('acme', workflow('on-all', { all: [of('ship.packed'), of('ship.paid')] }));
    await bed.define('acme', workflow('probe', { one: { with: { type: 'probe.sent' } } }));
    await eventually(async () => {
      await publish(event('p', 'probe.sent'));
      return (await bed.starts('probe')).length > 0;
    });
    const [packed7, paid7, paid8] = [event('a', 'ship.packed', { order: 7 }), event('b', 'ship.paid', { order: 7 }), event('c', 'ship.paid', { order: 8 })];
    await publish(paid8);
    await publish(paid7);
    await publish(paid7, event('d', 'ship.paid', { order: 7 }));
    await publish(packed7);
    await eventually(async () => (await bed.starts('on-all')).length > 0);
    await publish(packed7, paid7);
    await publish(event('e', 'ship.packed', { order: 8 }));
    await eventually(async () => new Set((await bed.starts('on-all')).map(({ execution }) => execution)).size === 2);
    const sets = new Set((await inputsOf('on-all')).map((set) => (set as readonly { id: string }[]).map(({ id }) => (id === 'd' ? 'b' : id)).join()));
    expect([...sets].sort()).toEqual(['b,a', 'c,e']);
  });

  test('any with until starts it with the events up to the one that ends the set', async () => {
    await bed.define('acme', workflow('on-until', { any: [{ with: { type: 'beat.seen' } }], until: '(. | length) >= 2' }));
    await eventually(async () => {
      await publish(event('b1', 'beat.seen'));
      await publish(event('b2', 'beat.seen'));
      return (await bed.starts('on-until')).length === 1;
    });
    expect(((await inputsOf('on-until'))[0] as readonly { id: string }[]).map(({ id }) => id).sort()).toEqual(['b1', 'b2']);
  });
});

test('events are routed through a crash of the trigger, and are one start each', async () => {
  await subscribe({ name: 'crash', type: 'crash.happened' });
  const ids = Array.from({ length: 300 }, (_, index) => `c${index}`);
  await publish(...ids.map((id) => event(id, 'crash.happened')));
  await trigger.process.kill();
  trigger = await bed.start('trigger-1');
  await eventually(async () => new Set((await bed.starts('crash')).map(({ execution }) => execution)).size === ids.length, { timeoutMs: 90_000, intervalMs: 1_000 });
}, 120_000);
