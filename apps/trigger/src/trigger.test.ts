import { credentials } from '@grpc/grpc-js';
import { LANE_TABLE_KEY, connectBus, inputStream, openBucket, type Bus } from '@millrace/bus';
import { WebhooksClient, type Webhook, type WebhookSummary } from '@millrace/contracts/trigger/v1/webhooks';
import { decodeLaneInputs, type Reply, type StartInput } from '@millrace/engine';
import { startMongod, startNats, type MongoServer, type NatsServer } from '@millrace/servers';
import { createLogger } from '@millrace/telemetry';
import { startService, temporaryFolder, type ServiceProcess, type TemporaryFolder } from '@millrace/testkit';
import { createHmac, randomBytes } from 'node:crypto';
import path from 'node:path';

const LANES = 2;
const SECRET = 'a secret of the sender';

let folder: TemporaryFolder;
let nats: NatsServer;
let mongod: MongoServer;
let bus: Bus;
let trigger: ServiceProcess;
let http: string;
let grpc: string;
let environment: Record<string, string>;

beforeAll(async () => {
  folder = await temporaryFolder('trigger');
  [nats, mongod] = await Promise.all([startNats({ dataDir: path.join(folder.path, 'nats') }), startMongod({ dataDir: path.join(folder.path, 'mongo') })]);
  bus = await connectBus({ url: nats.url, name: 'trigger-test', logger: createLogger({ service: 'test', instance: 'test', level: 'silent' }) });
  await (await openBucket(bus, 'lanes')).putJson(LANE_TABLE_KEY, { version: 1, lanes: LANES, map: 'modulo' });
  environment = { MILLRACE_NATS_URL: nats.url, MILLRACE_MONGODB_URL: mongod.url, MILLRACE_SECRET_KEY: randomBytes(32).toString('base64') };
  await startTrigger();
}, 60_000);

afterAll(async () => {
  await trigger.stop();
  await bus.close();
  await Promise.all([nats.stop(), mongod.stop()]);
  await folder.remove();
});

async function startTrigger(): Promise<void> {
  trigger = startService({ name: 'trigger-1', entry: 'apps/trigger/src/main.ts', environment });
  const { record } = await trigger.waitForLine((line) => line.record?.['msg'] === 'Ready');
  http = String(record?.['http']);
  grpc = String(record?.['grpc']);
}

const WEBHOOK: Webhook = {
  organisation: 'acme',
  name: 'github',
  workflow: 'sort-events@1.0.0',
  reply: 'accepted',
  signatureScheme: 'github-sha256',
  signatureSecret: SECRET,
  idempotencyKey: '.headers["x-github-delivery"]',
};

function put(webhook: Partial<Webhook>): Promise<WebhookSummary> {
  const client = new WebhooksClient(grpc, credentials.createInsecure());
  return new Promise<WebhookSummary>((resolve, reject) => {
    client.put({ ...WEBHOOK, ...webhook }, (error, summary) => (error === null ? resolve(summary) : reject(error)));
  }).finally(() => client.close());
}

function deliver(id: string, body: string, headers: Record<string, string> = {}): Promise<Response> {
  return fetch(`${http}/v1/hooks/acme/github?page=2&tag=a&tag=b`, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      'x-github-delivery': id,
      'x-hub-signature-256': `sha256=${createHmac('sha256', SECRET).update(body).digest('hex')}`,
      authorization: 'Bearer not-for-the-workflow',
      ...headers,
    },
    body,
  });
}

/** All starts in the lanes' inputs. */
async function startsInLanes(): Promise<readonly StartInput[]> {
  const starts: StartInput[] = [];
  for (let lane = 0; lane < LANES; lane += 1) {
    const info = await bus.manager.streams.info(inputStream(lane)).catch(() => undefined);
    if (info === undefined) continue;
    for (let sequence = info.state.first_seq; sequence <= info.state.last_seq; sequence += 1) {
      const message = await bus.manager.streams.getMessage(inputStream(lane), { seq: sequence });
      if (message !== null) starts.push(...decodeLaneInputs(message.string()).filter((input) => input.kind === 'start'));
    }
  }
  return starts;
}

/** What an orchestrator does in the end: answers every start that asks for it. */
async function answerStarts(answer: (start: StartInput) => Omit<Reply, 'execution'>): Promise<() => void> {
  const answered = new Set<string>();
  const timer = setInterval(() => {
    void startsInLanes().then((starts) => {
      for (const start of starts) {
        if (start.replyTo === undefined || answered.has(start.replyTo)) continue;
        answered.add(start.replyTo);
        bus.connection.publish(start.replyTo, JSON.stringify({ execution: start.execution, ...answer(start) }));
      }
    });
  }, 20);
  return () => clearInterval(timer);
}

describe('a webhook', () => {
  test('is stored once, with the same revision for the same content and a higher one for another', async () => {
    expect(await put({})).toEqual({ organisation: 'acme', name: 'github', workflow: 'sort-events@1.0.0', reply: 'accepted', path: '/v1/hooks/acme/github', revision: 1 });
    expect(await put({})).toMatchObject({ revision: 1 });
    expect(await put({ name: 'other', signatureScheme: '', signatureSecret: '' })).toMatchObject({ revision: 1 });
    expect(await put({ name: 'other', signatureScheme: '', signatureSecret: '', reply: 'output' })).toMatchObject({ revision: 2 });
  });

  test('is refused with its problems when its expression does not compile', async () => {
    await expect(put({ name: 'broken', idempotencyKey: '.headers[' })).rejects.toMatchObject({ details: expect.stringContaining('spec.idempotencyKey') });
  });

  test('keeps its secret encrypted in both stores', async () => {
    await put({});
    const stored = await (await openBucket(bus, 'webhooks')).get('acme.github');
    expect(Buffer.from(stored?.value ?? []).toString()).toContain('sealedSecret');
    expect(Buffer.from(stored?.value ?? []).toString()).not.toContain(SECRET);
  });
});

describe('a request to a webhook', () => {
  beforeAll(() => put({}));

  test('is answered after its start is in the lane of its execution, with what the workflow will see', async () => {
    const answer = await deliver('delivery-1', '{"action": "opened", "n": 1}', { traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01' });
    expect(answer.status).toBe(202);
    const { execution } = (await answer.json()) as { execution: string };
    expect(answer.headers.get('location')).toBe(`/v1/executions/${execution}`);
    const start = (await startsInLanes()).find((each) => each.execution === execution);
    expect(start).toMatchObject({
      organisation: 'acme',
      workflow: 'sort-events@1.0.0',
      key: 'delivery-1',
      acceptedBy: 'trigger',
      traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
      input: { query: { page: '2', tag: ['a', 'b'] }, body: { action: 'opened', n: 1 } },
    });
    const { headers } = start?.input as { headers: Record<string, string> };
    expect(headers['x-github-delivery']).toBe('delivery-1');
    expect(Object.keys(headers)).not.toContain('authorization');
    expect(Math.abs((start?.acceptedAtMs ?? 0) - Date.now())).toBeLessThan(60_000);
  });

  test('with the same key is the same execution, whatever version the webhook names', async () => {
    const first = (await (await deliver('delivery-2', '{}')).json()) as { execution: string };
    await put({ workflow: 'sort-events' });
    const second = (await (await deliver('delivery-2', '{}')).json()) as { execution: string };
    expect(second.execution).toBe(first.execution);
    await put({});
  });

  test('with a wrong signature is refused and starts nothing', async () => {
    const answer = await deliver('delivery-3', '{}', { 'x-hub-signature-256': `sha256=${'0'.repeat(64)}` });
    expect(answer.status).toBe(401);
    expect(answer.headers.get('content-type')).toContain('application/problem+json');
    expect(await answer.json()).toMatchObject({ reason: 'signature-invalid', status: 401 });
    expect((await startsInLanes()).filter(({ key }) => key === 'delivery-3')).toEqual([]);
  });

  test.each([
    ['no JSON though it says so', '{', {}, 400, 'argument-invalid'],
    ['a body over the limit', JSON.stringify('x'.repeat(1024 * 1024)), {}, 413, 'payload-too-large'],
    ['a body nested too deep', '['.repeat(300) + ']'.repeat(300), {}, 400, 'argument-invalid'],
  ])('with %s is refused', async (_what, body, headers, status, reason) => {
    const answer = await deliver('delivery-4', body, headers);
    expect(await answer.json()).toMatchObject({ status, reason });
    expect(answer.status).toBe(status);
  });

  test('without what the key is made of is refused', async () => {
    const answer = await deliver('', '{}');
    expect(await answer.json()).toMatchObject({ status: 400, reason: 'argument-invalid' });
  });

  test('keeps a body that is not JSON as text', async () => {
    await put({ name: 'forms', signatureScheme: '', signatureSecret: '', idempotencyKey: '' });
    const answer = await fetch(`${http}/v1/hooks/acme/forms`, { method: 'POST', headers: { 'content-type': 'application/x-www-form-urlencoded' }, body: 'a=1&b=2' });
    const { execution } = (await answer.json()) as { execution: string };
    expect((await startsInLanes()).find((each) => each.execution === execution)?.input).toMatchObject({ body: 'a=1&b=2', query: {} });
  });

  test('to a webhook that is not there is answered with a problem', async () => {
    const answer = await fetch(`${http}/v1/hooks/acme/nobody`, { method: 'POST' });
    expect(await answer.json()).toMatchObject({ status: 404, reason: 'webhook-unknown' });
    expect(await (await fetch(`${http}/v1/elsewhere`)).json()).toMatchObject({ status: 404, reason: 'resource-unknown' });
  });

  test('of many at once all are answered and each is one start', async () => {
    const ids = Array.from({ length: 200 }, (_, index) => `many-${index}`);
    const answers = await Promise.all(ids.map((id) => deliver(id, `{"id":"${id}"}`)));
    expect(answers.map(({ status }) => status)).toEqual(ids.map(() => 202));
    const keys = (await startsInLanes()).map(({ key }) => key).filter((key) => key?.startsWith('many-'));
    expect(keys.toSorted()).toEqual(ids.toSorted());
  });
});

describe('a request whose webhook replies with the output', () => {
  beforeAll(() => put({ name: 'github', reply: 'output' }));
  afterAll(() => put({}));

  test('is answered with the output when the execution has completed', async () => {
    const stop = await answerStarts(() => ({ status: 'completed', output: { sum: 3 } }));
    const answer = await deliver('output-1', '{}');
    stop();
    expect(answer.status).toBe(200);
    expect(await answer.json()).toEqual({ sum: 3 });
  });

  test('is answered with the error of a faulted execution and its id', async () => {
    const stop = await answerStarts(() => ({ status: 'faulted', error: { type: 'https://example.com/too-slow', status: 504, title: 'too slow', instance: '/do/0/call' } }));
    const answer = await deliver('output-2', '{}');
    stop();
    expect(answer.status).toBe(504);
    expect(await answer.json()).toMatchObject({ type: 'https://example.com/too-slow', title: 'too slow', instance: '/do/0/call', execution: answer.headers.get('millrace-execution') });
  });

  test('is answered with the execution when that takes longer than the sender waits', async () => {
    const answer = await deliver('output-3', '{}', { prefer: 'respond-async, wait=0' });
    expect(answer.status).toBe(202);
    expect(answer.headers.get('location')).toMatch(/^\/v1\/executions\/k/);
  });
});

test('a webhook stored through one instance is served by another at once', async () => {
  const other = startService({ name: 'trigger-2', entry: 'apps/trigger/src/main.ts', environment: { ...environment, MILLRACE_INSTANCE: 'trigger-2' } });
  const { record } = await other.waitForLine((line) => line.record?.['msg'] === 'Ready');
  const statuses: number[] = [];
  for (let index = 0; index < 20; index += 1) {
    await put({ name: `fresh-${index}`, signatureScheme: '', signatureSecret: '', idempotencyKey: '' });
    statuses.push((await fetch(`${String(record?.['http'])}/v1/hooks/acme/fresh-${index}`, { method: 'POST' })).status);
  }
  expect(new Set(statuses)).toEqual(new Set([202]));
  await other.stop();
});

describe('faults', () => {
  beforeAll(() => put({}));

  test('requests are accepted while MongoDB is away, after a restart of the trigger too', async () => {
    await mongod.stop();
    expect((await deliver('no-mongo-1', '{}')).status).toBe(202);
    expect(await trigger.stop()).toEqual({ code: 0, signal: null });
    await startTrigger();
    expect((await deliver('no-mongo-2', '{}')).status).toBe(202);
    await expect(put({ name: 'late' })).rejects.toMatchObject({ details: expect.stringContaining('database') });
    await mongod.restart();
  }, 60_000);

  test('requests wait through a crash of NATS and are one start each', async () => {
    await deliver('crash-0', '{}');
    await nats.kill();
    const waiting = Promise.all(['crash-1', 'crash-2', 'crash-3'].map((id) => deliver(id, '{}')));
    await nats.restart();
    expect((await waiting).map(({ status }) => status)).toEqual([202, 202, 202]);
    const keys = (await startsInLanes()).map(({ key }) => key).filter((key) => key?.startsWith('crash-'));
    expect(keys.toSorted()).toEqual(['crash-0', 'crash-1', 'crash-2', 'crash-3']);
  }, 60_000);
});
