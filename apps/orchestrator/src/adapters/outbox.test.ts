import { connectBus, EVENTS_STREAM, type Bus } from '@millrace/bus';
import { payloadOf } from '@millrace/engine';
import { startNats, type NatsServer } from '@millrace/servers';
import { eventually, temporaryFolder, type TemporaryFolder } from '@millrace/testkit';
import { logger } from '../testing/lane-bench.ts';
import { systemClock } from '@millrace/clock';
import { createOutbox, EVENT_OUTPUT_CHARACTERS_MAX, type LifecycleEvent, type Outbox } from '@millrace/lane';
import { createEventPublisher } from './event-publisher.ts';

let folder: TemporaryFolder;
let nats: NatsServer;
let bus: Bus;
let outbox: Outbox;

beforeAll(async () => {
  folder = await temporaryFolder('outbox');
  nats = await startNats({ dataDir: folder.path });
  bus = await connectBus({ url: nats.url, name: 'outbox test', logger });
}, 60_000);

afterAll(async () => {
  await bus.close();
  await nats.stop();
  await folder.remove();
});

beforeEach(() => {
  outbox = createOutbox(createEventPublisher(bus), systemClock, logger);
});

afterEach(() => outbox.close());

const PROGRAM = { namespace: 'test', name: 'flow', version: '1.0.0' };
const eventOf = (sequence: number, more: Partial<LifecycleEvent> = {}): LifecycleEvent => ({ kind: 'completed', lane: 0, sequence, index: 1, atMs: 1_000, organisation: 'acme', execution: `e${sequence}`, program: PROGRAM, output: payloadOf({ n: sequence }), ...more });

interface CloudEvent {
  readonly id: string;
  readonly type: string;
  readonly data: { readonly output?: unknown };
}

/** Everything that the stream has, by id. */
async function published(): Promise<ReadonlyMap<string, CloudEvent>> {
  const found = new Map<string, CloudEvent>();
  const consumer = await bus.jetstream.consumers.get(EVENTS_STREAM);
  const { num_pending: pending } = await consumer.info(true);
  if (pending === 0) return found;
  for await (const message of await consumer.fetch({ max_messages: pending, expires: 5_000 })) for (const event of message.json<CloudEvent[]>()) found.set(event.id, event);
  return found;
}

test('events are out once nothing waits, each under lane, sequence, execution and index', async () => {
  for (let sequence = 1; sequence <= 1_500; sequence++) outbox.put(eventOf(sequence, { organisation: sequence % 2 === 0 ? 'acme' : 'globex' }));
  expect(outbox.lowWater(0)).toBe(1);
  expect(outbox.lowWater(1)).toBe(Infinity);
  await eventually(() => outbox.waiting === 0);
  expect(outbox.lowWater(0)).toBe(Infinity);
  const events = await published();
  expect(events.size).toBe(1_500);
  expect(events.get('0/7/e7/1')).toMatchObject({ type: 'io.serverlessworkflow.workflow.completed.v1', subject: 'e7', source: '/organisations/globex/executions/e7', time: '1970-01-01T00:00:01.000Z', data: { name: 'e7', definition: PROGRAM, output: { n: 7 } } });
});

test('no organisation waits for the batches of others, and each gets its events in their order', async () => {
  const order = new Map<string, number[]>();
  let release = (): void => undefined;
  const stuck = new Promise<void>((resolve) => (release = resolve));
  const many = createOutbox(
    async (organisation, batch) => {
      if (organisation === 'org-0') await stuck;
      await new Promise((resolve) => setImmediate(resolve));
      order.set(organisation, [...(order.get(organisation) ?? []), ...(JSON.parse(batch) as { id: string }[]).map(({ id }) => Number(id.split('/')[1]))]);
    },
    systemClock,
    logger,
  );
  for (let sequence = 1; sequence <= 6_000; sequence++) many.put(eventOf(sequence, { organisation: `org-${sequence % 300}` }));
  await eventually(() => many.waiting === 20);
  expect(many.lowWater(0)).toBe(300);
  release();
  await eventually(() => many.waiting === 0);
  expect(order.size).toBe(300);
  for (const sequences of order.values()) expect(sequences).toEqual([...sequences].sort((a, b) => a - b));
  await many.close();
});

test('events of tasks say which task, what became of it, and when', async () => {
  const place = { lane: 0, sequence: 1_900, atMs: 2_000, organisation: 'acme', execution: 'e1900' };
  outbox.putTask({ ...place, fact: { change: 'completed', reference: '/do/0/a', index: '2.1.0', output: payloadOf({ n: 1 }) } });
  outbox.putTask({ ...place, fact: { change: 'faulted', reference: '/do/1/b', index: '3.1.0', error: { type: 'https://example.com/e', status: 500, instance: '/do/1/b' } } });
  expect(outbox.lowWater(0)).toBe(1_900);
  await eventually(() => outbox.waiting === 0);
  const events = await published();
  expect(events.get('0/1900/e1900/2.1.0')).toMatchObject({ type: 'io.serverlessworkflow.task.completed.v1', subject: 'e1900', data: { workflow: 'e1900', task: '/do/0/a', completedAt: '1970-01-01T00:00:02.000Z', output: { n: 1 } } });
  expect(events.get('0/1900/e1900/3.1.0')).toMatchObject({ type: 'io.serverlessworkflow.task.faulted.v1', data: { task: '/do/1/b', error: { status: 500 } } });
});

test('large outputs do not hold the others up, and stay out of their events', async () => {
  const text = 'ü'.repeat(EVENT_OUTPUT_CHARACTERS_MAX - 100);
  for (let sequence = 2_001; sequence <= 2_100; sequence++) outbox.put(eventOf(sequence, { output: payloadOf({ text }) }));
  outbox.put(eventOf(2_101, { output: payloadOf({ text: text + text }) }));
  await eventually(() => outbox.waiting === 0);
  const events = await published();
  expect(events.get('0/2050/e2050/1')?.data.output).toEqual({ text });
  expect(events.get('0/2101/e2101/1')?.data).not.toHaveProperty('output');
}, 20_000);

test('what cannot be published waits, keeps its frame in the log, and goes out later', async () => {
  await nats.kill();
  outbox.put(eventOf(3_001, { kind: 'started', index: 0 }));
  outbox.put(eventOf(3_002, { lane: 4 }));
  await eventually(() => bus.status() !== 'connected');
  expect([outbox.lowWater(0), outbox.lowWater(4)]).toEqual([3_001, 3_002]);
  outbox.dropLane(4);
  expect(outbox.lowWater(4)).toBe(Infinity);
  await nats.restart();
  await eventually(() => outbox.waiting === 0, { timeoutMs: 15_000 });
  const events = await published();
  expect(events.has('0/3001/e3001/0')).toBe(true);
  expect(events.has('4/3002/e3002/1')).toBe(false);
}, 30_000);

test('closing publishes what waits', async () => {
  outbox.put(eventOf(4_001));
  await outbox.close();
  expect((await published()).has('0/4001/e4001/1')).toBe(true);
});
