/** The service's parts in this process, against real servers: NATS, MongoDB, SMTP. */
import { randomUUID } from 'node:crypto';
import path from 'node:path';
import { connectBus, createDeadLetters, ensureStream, notifyStreamConfig, notifySubject, type Bus } from '@millrace/bus';
import { DEFAULT_POLICY, encodeDeliveryRequest, type DeliveryPolicy, type DeliveryRequest } from '@millrace/delivery';
import { startMongod, startNats, type MongoServer, type NatsServer } from '@millrace/servers';
import { createLogger, createMetrics, createSpanExporter } from '@millrace/telemetry';
import { eventually, freePort, startSmtpSink, startTcpProxy, temporaryFolder, type SmtpSink, type TemporaryFolder } from '@millrace/testkit';
import { MongoClient, type Collection } from 'mongodb';
import { createMongoDeliveries, ensureDeliveryIndexes, type DeliveryDocument } from './adapters/mongo.ts';
import { consumeRequests } from './adapters/nats.ts';
import { createMailTransports } from './adapters/smtp.ts';
import { startNotification } from './notification.ts';
import type { DeliveryStore } from './ports.ts';
import { spansOf } from './spans.ts';

const POLICY: DeliveryPolicy = { ...DEFAULT_POLICY, retryBaseMs: 200, retryCapMs: 400, leaseMs: 20_000, unknownHoldMs: 300 };

let folder: TemporaryFolder;
let nats: NatsServer;
let mongod: MongoServer;
let client: MongoClient;
let bus: Bus;
let deliveries: Collection<DeliveryDocument>;
let sink: SmtpSink;
/** Ended after each test, last first. */
let running: (() => Promise<unknown>)[] = [];

beforeAll(async () => {
  folder = await temporaryFolder('notification');
  [nats, mongod] = await Promise.all([
    startNats({ dataDir: path.join(folder.path, 'nats') }),
    startMongod({ dataDir: path.join(folder.path, 'mongo') }),
  ]);
  client = await new MongoClient(mongod.url, { writeConcern: { w: 'majority', journal: true }, serverSelectionTimeoutMS: 1_000 }).connect();
  bus = await connectBus({ url: nats.url, name: 'test', logger: createLogger({ service: 'test', instance: 'test', level: 'silent' }) });
  await ensureStream(bus, notifyStreamConfig);
}, 90_000);

afterAll(async () => {
  await bus?.close();
  await client?.close();
  await Promise.all([nats?.kill(), mongod?.kill()]);
  await folder?.remove();
});

beforeEach(async () => {
  // A database of its own keeps what one test left from being sent in another.
  deliveries = client.db(`test-${randomUUID()}`).collection('deliveries');
  await ensureDeliveryIndexes(deliveries);
  sink = await startSmtpSink();
});

afterEach(async () => {
  for (const end of running.reverse()) await end();
  running = [];
  await sink.close();
});

interface InstanceOptions {
  readonly smtpUrl?: string | undefined;
  readonly policy?: Partial<DeliveryPolicy>;
  readonly sendTimeoutMs?: number;
}

function startInstance(name: string, { smtpUrl = sink.url, policy = {}, sendTimeoutMs = 10_000 }: InstanceOptions = {}): DeliveryStore {
  const logger = createLogger({ service: 'notification', instance: name, level: 'silent' });
  const transports = createMailTransports(
    smtpUrl === '' ? undefined : { url: smtpUrl, from: 'Millrace <millrace@example.test>', connections: 4, messagesPerConnection: 50, silenceTimeoutMs: 10_000 },
  );
  const store = createMongoDeliveries(deliveries, name);
  const notification = startNotification({
    store,
    transports,
    policy: { ...POLICY, ...policy },
    owner: name,
    domain: 'example.test',
    sendTimeoutMs,
    ratePerSecond: 0,
    logger,
    metrics: createMetrics({ service: 'notification', instance: name }),
    spans: createSpanExporter({ service: 'notification', instance: name }),
  });
  const consumer = consumeRequests(bus, logger, notification.take);
  running.push(async () => {
    await consumer.stop();
    await notification.drain(100);
    transports.close();
  });
  return store;
}

const request = (key: string, change: Partial<DeliveryRequest> = {}): DeliveryRequest => ({
  organisation: 'acme',
  key,
  channel: 'email',
  recipient: { address: 'ann@example.test', name: 'Ann' },
  template: { subject: 'Order {{ id }}', text: 'Order {{ id }} is on its way.', html: '<p>Order {{ id }}</p>' },
  data: { id: key },
  execution: 'x1',
  traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
  requestedAtMs: Date.now(),
  ...change,
});

async function publish(...requests: readonly DeliveryRequest[]): Promise<void> {
  await Promise.all(requests.map((one) => bus.jetstream.publish(notifySubject(one.organisation), encodeDeliveryRequest(one))));
}

const stored = (key: string): Promise<DeliveryDocument | null> => deliveries.findOne({ key });
const inState = (key: string, state: string, timeoutMs = 10_000): Promise<DeliveryDocument> =>
  eventually(async () => {
    const found = await stored(key);
    return found?.state === state && found;
  }, { timeoutMs, what: `${key} ${state}` });

test('one key is one mail, though it is asked for five times and two instances are there', async () => {
  startInstance('n-1');
  startInstance('n-2');
  const keys = Array.from({ length: 40 }, (_, index) => `order-${index}`);
  await publish(...keys.flatMap((key) => Array.from({ length: 5 }, () => request(key))));
  await eventually(async () => (await deliveries.countDocuments({ state: 'sent' })) === keys.length, { what: 'all sent' });
  await eventually(async () => (await bus.manager.streams.info('NOTIFY')).state.messages === 0, { what: 'all acknowledged' });

  expect(sink.mails.map(({ subject }) => subject).sort()).toEqual(keys.map((key) => `Order ${key}`).sort());
  expect(new Set(sink.mails.map(({ messageId }) => messageId)).size).toBe(keys.length);
  const documents = await deliveries.find().toArray();
  expect(documents.map(({ repeats }) => repeats)).toEqual(documents.map(() => 4));
  expect(documents.flatMap(({ tries }) => tries.filter(({ outcome }) => outcome !== 'sent'))).toEqual([]);
  expect(documents.every(({ attempts }) => attempts === 1)).toBe(true);
});

test('a mail carries its parts, addresses, delivery and a Message-ID of its key', async () => {
  startInstance('n-1');
  await publish(request('order-1', { data: { id: '<7>' } }));
  const mail = await sink.waitFor(() => true);
  const { _id, messageId } = await inState('order-1', 'sent');
  expect(mail).toMatchObject({ from: 'millrace@example.test', to: ['ann@example.test'], subject: 'Order <7>', messageId });
  expect(mail.messageId).toMatch(/^<[0-9a-f]{32}@example\.test>$/);
  expect(mail.headers.get('millrace-delivery')).toBe(_id);
  expect(mail.headers.get('to')).toBe('Ann <ann@example.test>');
  expect(mail.raw).toContain('Order <7> is on its way.');
  expect(mail.raw).toContain('<p>Order &lt;7&gt;</p>');
});

test('a 4xx answer is tried again and then sent', async () => {
  let arrivals = 0;
  sink.answerWith(() => (arrivals++ < 2 ? { kind: 'refuse', code: 451, text: '4.3.0 come back later' } : { kind: 'accept' }));
  const store = startInstance('n-1');
  await publish(request('later'));
  const document = await inState('later', 'sent');
  expect(document).toMatchObject({ attempts: 3, unknowns: 0 });
  expect(document.tries.map(({ outcome }) => outcome)).toEqual(['deferred', 'deferred', 'sent']);
  // Every attempt is the same message to the last byte.
  expect(new Set(sink.mails.map(({ raw }) => raw)).size).toBe(1);

  const record = await store.find(document._id);
  const spans = record === undefined ? [] : spansOf(record);
  expect(spans.map(({ name }) => name)).toEqual([
    'notification.accept',
    ...['notification.queue', 'smtp.send'],
    ...['notification.queue', 'smtp.send'],
    ...['notification.queue', 'smtp.send'],
  ]);
  expect(spans[0]).toMatchObject({ traceId: '0af7651916cd43dd8448eb211c80319c', parentSpanId: 'b7ad6b7169203331' });
  expect(spans.map(({ status }) => status)).toEqual(['ok', 'unset', 'error', 'unset', 'error', 'unset', 'ok']);
});

test('a 5xx answer to the message fails it, and one to the recipient bounces', async () => {
  sink.answerWith(() => ({ kind: 'refuse', code: 554, text: '5.7.1 no thank you' }));
  startInstance('n-1');
  await publish(request('refused'));
  expect(await inState('refused', 'failed')).toMatchObject({ attempts: 1, lastError: '554 5.7.1 no thank you' });
  await sink.close();

  sink = await startSmtpSink({ port: sink.port, answerRecipient: () => ({ kind: 'refuse', code: 550, text: '5.1.1 no such user' }) });
  await publish(request('nobody'));
  expect(await inState('nobody', 'bounced')).toMatchObject({ attempts: 1, lastError: '550 5.1.1 no such user' });
});

test('a connection lost after the final dot makes the outcome unknown, and the same message is sent again', async () => {
  let arrivals = 0;
  sink.answerWith(() => (arrivals++ === 0 ? { kind: 'drop' } : { kind: 'accept' }));
  startInstance('n-1');
  await publish(request('dropped'));
  const document = await inState('dropped', 'sent');
  expect(document).toMatchObject({ attempts: 2, unknowns: 1 });
  expect(document.tries.map(({ outcome }) => outcome)).toEqual(['unknown', 'sent']);
  expect(sink.mails.map(({ messageId }) => messageId)).toEqual([document.messageId, document.messageId]);
});

test('a connection lost before the message was handed over is no unknown outcome', async () => {
  const proxy = await startTcpProxy({ targetPort: sink.port });
  running.unshift(() => proxy.close());
  // In the middle of the envelope.
  const sprung = proxy.resetAfter(60, 'up');
  startInstance('n-1', { smtpUrl: `smtp://127.0.0.1:${proxy.port}` });
  await publish(request('cut'));
  await sprung;
  const document = await inState('cut', 'sent');
  expect(document).toMatchObject({ attempts: 2, unknowns: 0 });
  expect(document.tries.map(({ outcome }) => outcome)).toEqual(['deferred', 'sent']);
  expect(sink.mails).toHaveLength(1);
});

test('a server that stalls after the final dot is given up in time, as unknown; where the policy says so it fails then', async () => {
  sink.answerWith(() => ({ kind: 'stall' }));
  startInstance('n-1', { sendTimeoutMs: 400, policy: { unknown: 'fail' } });
  await publish(request('stalled'));
  expect(await inState('stalled', 'failed')).toMatchObject({ attempts: 1, unknowns: 1 });
  expect(sink.mails).toHaveLength(1);
});

test('a mail server that is away delays, and costs few attempts; nothing is lost when it comes', async () => {
  const port = await freePort();
  startInstance('n-1', { smtpUrl: `smtp://127.0.0.1:${port}` });
  const keys = Array.from({ length: 20 }, (_, index) => `away-${index}`);
  await publish(...keys.map((key) => request(key)));
  await eventually(async () => (await deliveries.countDocuments({ state: 'deferred' })) > 0, { what: 'one deferred' });
  const late = await startSmtpSink({ port });
  running.unshift(() => late.close());
  await eventually(async () => (await deliveries.countDocuments({ state: 'sent' })) === keys.length, { what: 'all sent', timeoutMs: 15_000 });
  expect(late.mails).toHaveLength(keys.length);
  const attempts = (await deliveries.find().toArray()).reduce((sum, one) => sum + one.attempts, 0);
  expect(attempts).toBeLessThan(2 * keys.length);
});

test('a slow mail server makes messages wait, not outcomes unknown', async () => {
  sink.answerWith(() => ({ kind: 'accept', delayMs: 500 }));
  startInstance('n-1', { sendTimeoutMs: 1_500 });
  const keys = Array.from({ length: 24 }, (_, index) => `slow-${index}`);
  await publish(...keys.map((key) => request(key)));
  await eventually(async () => (await deliveries.countDocuments({ state: 'sent' })) === keys.length, { what: 'all sent', timeoutMs: 15_000 });
  expect(sink.mails).toHaveLength(keys.length);
  expect(await deliveries.countDocuments({ attempts: 1, unknowns: 0 })).toBe(keys.length);
});

test('a mail server that swallows what it gets is found to be away, and is used when it answers', async () => {
  const proxy = await startTcpProxy({ targetPort: sink.port });
  running.unshift(() => proxy.close());
  proxy.hold();
  startInstance('n-1', { smtpUrl: `smtp://127.0.0.1:${proxy.port}` });
  await publish(request('swallowed'));
  expect(await inState('swallowed', 'deferred')).toMatchObject({ attempts: 1, lastError: 'there was no connection to the mail server in time' });
  proxy.restore();
  expect(await inState('swallowed', 'sent')).toMatchObject({ unknowns: 0 });
  expect(sink.mails).toHaveLength(1);
});

test('without a mail server deliveries wait and say why', async () => {
  startInstance('n-1', { smtpUrl: '' });
  await publish(request('waits'));
  expect(await inState('waits', 'deferred')).toMatchObject({ attempts: 0, lastError: expect.stringContaining('MILLRACE_SMTP_URL') });
});

test('what cannot be rendered fails with the place, and an invalid request fails where people can see it', async () => {
  startInstance('n-1');
  await publish(request('broken', { template: { subject: 's', text: 'Hello {{ name' } }));
  await publish(request('nameless', { template: 'no-such-template' }));
  await publish({ ...request('invalid'), recipient: { address: 'nobody' } });
  expect(await inState('broken', 'failed')).toMatchObject({ lastError: expect.stringContaining('line 1, column 7') });
  expect(await inState('nameless', 'failed')).toMatchObject({ lastError: 'there is no template of the name "no-such-template"' });
  expect(await inState('invalid', 'failed')).toMatchObject({ lastError: expect.stringContaining('not an e-mail address') });
});

test('nobody can ask in the name of another organisation, and what was asked is a dead letter of whoever asked', async () => {
  startInstance('n-1');
  await bus.jetstream.publish(notifySubject('intruder'), encodeDeliveryRequest(request('foreign')));
  await publish(request('own'));
  await inState('own', 'sent');
  await eventually(async () => (await bus.manager.streams.info('NOTIFY')).state.messages === 0, { what: 'all taken' });
  expect(await stored('foreign')).toBeNull();
  expect((await createDeadLetters(bus).list('intruder', '', 10)).letters).toMatchObject([{ stream: 'NOTIFY', subject: notifySubject('intruder'), reason: 'the organisation is not the one of the subject', text: expect.stringContaining('"key":"foreign"') }]);
});

test('a delivery asked for later is sent then', async () => {
  startInstance('n-1');
  const notBeforeMs = Date.now() + 600;
  await publish(request('later', { notBeforeMs }));
  const mail = await sink.waitFor(() => true);
  expect(mail.atMs).toBeGreaterThanOrEqual(notBeforeMs);
});

test('what another instance left in sending becomes unknown when its lease is over, and is sent', async () => {
  const store = startInstance('n-1');
  await publish(request('first'));
  const { _id, ...rest } = await inState('first', 'sent');
  const nowMs = Date.now();
  await deliveries.insertOne({
    ...rest,
    _id: 'acme/left-behind',
    key: 'left-behind',
    state: 'sending',
    dueAtMs: nowMs + 300,
    lease: { owner: 'n-dead', token: 'dead' },
    attempts: 1,
    tries: [{ attempt: 1, owner: 'n-dead', token: 'dead', startedAtMs: nowMs }],
  });
  const document = await inState('left-behind', 'sent');
  expect(document).toMatchObject({ unknowns: 1, attempts: 2 });
  expect(document.tries[0]).toMatchObject({ outcome: 'unknown', detail: expect.stringContaining('n-dead') });
  const page = await store.list({ organisation: 'acme', state: 'sent', limit: 1 });
  const next = await store.list({ organisation: 'acme', state: 'sent', limit: 1, cursor: page.cursor });
  expect([...page.records, ...next.records].map(({ key }) => key)).toEqual(['left-behind', 'first']);
  expect(next.cursor).toBe('');
});
