/** The service as real processes: kills, and each outside server away in turn. */
import path from 'node:path';
import { credentials } from '@grpc/grpc-js';
import { connectBus, ensureStream, notifyStreamConfig, notifySubject, type Bus } from '@millrace/bus';
import type { Trace } from '@millrace/contracts/execution/v1/execution';
import { DeliveriesClient, type DeliveryList } from '@millrace/contracts/notification/v1/deliveries';
import { encodeDeliveryRequest, type DeliveryRequest } from '@millrace/delivery';
import { startMongod, startNats, type MongoServer, type NatsServer } from '@millrace/servers';
import { createLogger } from '@millrace/telemetry';
import { eventually, startHttpTarget, startService, startSmtpSink, temporaryFolder, waitUntilReady, type ServiceProcess, type SmtpSink, type TemporaryFolder } from '@millrace/testkit';

/** For one test, in milliseconds: leases run out in some of them. */
const TEST_TIMEOUT_MS = 90_000;

let folder: TemporaryFolder;
let nats: NatsServer;
let mongod: MongoServer;
let sink: SmtpSink;
let bus: Bus;
let organisation = 0;
let services: Instance[] = [];

interface Instance {
  readonly process: ServiceProcess;
  readonly http: string;
  readonly client: DeliveriesClient;
}

beforeAll(async () => {
  folder = await temporaryFolder('notification');
  [nats, mongod] = await Promise.all([
    startNats({ dataDir: path.join(folder.path, 'nats') }),
    startMongod({ dataDir: path.join(folder.path, 'mongo') }),
  ]);
  sink = await startSmtpSink();
  bus = await connectBus({ url: nats.url, name: 'test', logger: createLogger({ service: 'test', instance: 'test', level: 'silent' }) });
  await ensureStream(bus, notifyStreamConfig);
}, 90_000);

afterAll(async () => {
  await bus?.close();
  await Promise.all([nats?.kill(), mongod?.kill(), sink?.close()]);
  await folder?.remove();
});

beforeEach(() => {
  // Each test looks at an organisation of its own.
  organisation += 1;
  sink.answerWith(() => ({ kind: 'accept' }));
});

afterEach(async () => {
  for (const { process, client } of services) {
    client.close();
    await process.stop();
  }
  services = [];
});

function spawn(name: string, environment: Readonly<Record<string, string>> = {}): ServiceProcess {
  return startService({
    name,
    entry: 'apps/notification/src/main.ts',
    environment: {
      MILLRACE_INSTANCE: name,
      MILLRACE_NATS_URL: nats.url,
      MILLRACE_MONGODB_URL: mongod.url,
      MILLRACE_SMTP_URL: sink.url,
      MILLRACE_SMTP_FROM: 'Millrace <millrace@example.test>',
      MILLRACE_SMTP_SEND_TIMEOUT_MS: '2s',
      MILLRACE_DELIVERY_RETRY_BASE_MS: '200ms',
      MILLRACE_DELIVERY_UNKNOWN_HOLD_MS: '500ms',
      ...environment,
    },
  });
}

async function start(name: string, environment?: Readonly<Record<string, string>>): Promise<Instance> {
  return ready(spawn(name, environment));
}

async function ready(process: ServiceProcess): Promise<Instance> {
  const { record } = await process.waitForLine(({ record: line }) => line?.['msg'] === 'Ready', 30_000);
  const instance = { process, http: String(record?.['http']), client: new DeliveriesClient(String(record?.['grpc']), credentials.createInsecure()) };
  services.push(instance);
  return instance;
}

const org = (): string => `org-${organisation}`;

async function publish(keys: readonly string[], change: Partial<DeliveryRequest> = {}): Promise<void> {
  await Promise.all(
    keys.map((key) =>
      bus.jetstream.publish(
        notifySubject(org()),
        encodeDeliveryRequest({
          organisation: org(),
          key,
          channel: 'email',
          recipient: { address: 'ann@example.test' },
          template: 'plain',
          data: { subject: `${org()} ${key}`, text: 'Hello' },
          execution: 'x1',
          traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
          requestedAtMs: Date.now(),
          ...change,
        }),
      ),
    ),
  );
}

function list({ client }: Instance, state = ''): Promise<DeliveryList> {
  return new Promise((resolve, reject) => {
    client.list({ organisation: org(), state, execution: '', cursor: '', limit: 500 }, (error, answer) => (error === null ? resolve(answer) : reject(error)));
  });
}

function trace({ client }: Instance): Promise<Trace> {
  return new Promise((resolve, reject) => {
    client.trace({ organisation: org(), execution: 'x1' }, (error, answer) => (error === null ? resolve(answer) : reject(error)));
  });
}

const allSent = (instance: Instance, count: number, timeoutMs = 40_000): Promise<DeliveryList> =>
  eventually(
    async () => {
      const found = await list(instance, 'sent');
      return found.deliveries.length === count && found;
    },
    { timeoutMs, what: `${count} sent`, intervalMs: 100 },
  );

const mailsOf = (key?: string): readonly { readonly messageId: string }[] =>
  sink.mails.filter(({ subject }) => (key === undefined ? subject.startsWith(`${org()} `) : subject === `${org()} ${key}`));

test('a service killed after the final dot leaves an unknown outcome; the next one sends the same Message-ID', async () => {
  sink.answerWith(() => ({ kind: 'stall' }));
  const first = await start('n-1');
  await publish(['killed']);
  await sink.waitFor(({ subject }) => subject === `${org()} killed`);
  await first.process.kill();
  sink.answerWith(() => ({ kind: 'accept' }));

  const second = await start('n-1');
  expect((await list(second)).deliveries).toMatchObject([{ state: 'sending', attempts: 1 }]);
  const { deliveries } = await allSent(second, 1);
  expect(deliveries).toMatchObject([{ key: 'killed', attempts: 2, unknowns: 1, subject: `${org()} killed`, dueAtMs: 0 }]);
  expect(mailsOf('killed').map(({ messageId }) => messageId)).toEqual([deliveries[0]?.messageId, deliveries[0]?.messageId]);

  const { traceId, spans } = await trace(second);
  expect(traceId).toBe('0af7651916cd43dd8448eb211c80319c');
  expect(spans.map(({ name }) => name)).toEqual(['notification.accept', 'notification.queue', 'smtp.send', 'notification.queue', 'smtp.send']);
  expect(spans.filter(({ name }) => name === 'smtp.send').map(({ attributes }) => attributes['millrace.delivery.outcome'])).toEqual(['unknown', 'sent']);
  const metrics = await (await fetch(`${second.http}/metrics`)).text();
  expect(metrics).toMatch(/millrace_delivery_changes_total\{[^}]*state="unknown"[^}]*\} 1\b/);
}, TEST_TIMEOUT_MS);

test('an instance that was stopped for longer than its lease cannot undo what another did meanwhile', async () => {
  const held = sink.mails.length;
  sink.answerWith(({ index }) => ({ kind: 'accept', delayMs: index === held ? 300 : 0 }));
  const first = await start('n-1');
  await publish(['stopped']);
  await sink.waitFor(({ subject }) => subject === `${org()} stopped`);
  first.process.pause();
  const second = await start('n-2');
  await allSent(second, 1);
  first.process.resume();

  await first.process.waitForLine(({ record }) => String(record?.['msg']).startsWith('An outcome came too late'));
  const { deliveries } = await list(second);
  expect(deliveries).toMatchObject([{ state: 'sent', attempts: 2, unknowns: 1 }]);
  const ids = mailsOf('stopped').map(({ messageId }) => messageId);
  expect(ids).toEqual([deliveries[0]?.messageId, deliveries[0]?.messageId]);
}, TEST_TIMEOUT_MS);

test('a service that is asked to stop ends its attempt first, and leaves nothing behind', async () => {
  sink.answerWith(() => ({ kind: 'accept', delayMs: 700 }));
  const collector = await startHttpTarget();
  const first = await start('n-1', { OTEL_EXPORTER_OTLP_ENDPOINT: collector.url });
  await publish(['draining']);
  await sink.waitFor(({ subject }) => subject === `${org()} draining`);
  expect(await first.process.stop()).toEqual({ code: 0, signal: null });
  // The trace is sampled, so its spans went to the collector before the end.
  const exported = collector.arrivals.map(({ body }) => body).join('');
  for (const name of ['notification.accept', 'notification.queue', 'smtp.send']) expect(exported).toContain(name);
  await collector.close();
  const second = await start('n-1');
  expect((await list(second)).deliveries).toMatchObject([{ state: 'sent', attempts: 1, unknowns: 0 }]);
  expect(mailsOf('draining')).toHaveLength(1);
}, TEST_TIMEOUT_MS);

test('with MongoDB killed in the middle of an attempt nothing is lost and no mail doubled', async () => {
  sink.answerWith(() => ({ kind: 'accept', delayMs: 500 }));
  const instance = await start('n-1');
  await publish(['under-way']);
  await sink.waitFor(({ subject }) => subject === `${org()} under-way`);
  await mongod.kill();
  sink.answerWith(() => ({ kind: 'accept' }));
  const waiting = Array.from({ length: 20 }, (_, index) => `waiting-${index}`);
  await publish(waiting);

  await eventually(async () => (await fetch(`${instance.http}/readyz`)).status === 503, { what: 'not ready' });
  expect((await fetch(`${instance.http}/healthz`)).status).toBe(200);
  expect(instance.process.running()).toBe(true);
  await mongod.restart();

  const { deliveries } = await allSent(instance, 21);
  expect(deliveries.every(({ attempts, unknowns }) => attempts === 1 && unknowns === 0)).toBe(true);
  expect(mailsOf()).toHaveLength(21);
  await waitUntilReady(instance.process, `${instance.http}/readyz`);
}, TEST_TIMEOUT_MS);

test('a service that starts without MongoDB waits for it', async () => {
  await mongod.kill();
  const process = spawn('n-1');
  await publish(['patient']);
  await process.waitForLine(({ record }) => record?.['msg'] === 'Delivery requests wait for the database', 30_000);
  expect((await bus.manager.streams.info('NOTIFY')).state.messages).toBe(1);
  await mongod.restart();
  await allSent(await ready(process), 1);
  expect(mailsOf()).toHaveLength(1);
}, TEST_TIMEOUT_MS);

test('with nats-server killed what is stored is sent, and what comes after it is back too', async () => {
  sink.answerWith(() => ({ kind: 'accept', delayMs: 150 }));
  const instance = await start('n-1');
  const before = Array.from({ length: 30 }, (_, index) => `before-${index}`);
  await publish(before);
  await eventually(async () => (await list(instance)).deliveries.length === before.length, { what: 'all stored' });
  await nats.kill();
  await allSent(instance, before.length);
  await nats.restart();
  await eventually(async () => bus.status() === 'connected', { what: 'the test connected again' });
  // The same keys once more: an acknowledgement that was lost looks like this.
  await eventually(() => publish([...before, 'after']).then(() => true), { what: 'published' });
  await allSent(instance, before.length + 1);
  expect(mailsOf()).toHaveLength(before.length + 1);
}, TEST_TIMEOUT_MS);

test('two instances share a rush, and one of them killed in the middle costs no mail', async () => {
  sink.answerWith(() => ({ kind: 'accept', delayMs: 20 }));
  const [first, second] = await Promise.all([start('n-1'), start('n-2')]);
  const keys = Array.from({ length: 300 }, (_, index) => `rush-${index}`);
  await publish(keys);
  await eventually(() => mailsOf().length > 60, { what: 'the rush under way' });
  await first.process.kill();
  const { deliveries } = await allSent(second, keys.length);

  const doubtful = new Set(deliveries.filter(({ unknowns }) => unknowns > 0).map(({ key }) => key));
  for (const key of keys) {
    const ids = mailsOf(key).map(({ messageId }) => messageId);
    expect(new Set(ids).size).toBe(1);
    if (!doubtful.has(key)) expect(ids).toHaveLength(1);
  }
  const metrics = await (await fetch(`${second.http}/metrics`)).text();
  expect(Number(/millrace_smtp_send_duration_seconds_count\{[^}]*accepted[^}]*\} (\d+)/.exec(metrics)?.[1])).toBeGreaterThan(50);
}, TEST_TIMEOUT_MS);
