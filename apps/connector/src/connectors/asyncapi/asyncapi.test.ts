import { connect, headers as natsHeaders, type NatsConnection } from '@nats-io/transport-node';
import { startNats, type NatsServer } from '@millrace/servers';
import { eventually, startHttpTarget, startWebSocketServer, temporaryFolder, type HttpTarget, type TargetAnswer, type TemporaryFolder, type WebSocketServer } from '@millrace/testkit';
import type { ConnectorManifest, JsonObject, JsonValue } from '../../manifest.ts';
import { openOutside, type Outside } from '../../testing/outside.ts';
import { bench } from '../../testing/run-operation.ts';
import { asyncApiConnector } from './asyncapi.ts';

let folder: TemporaryFolder;
let nats: NatsServer;
let bus: NatsConnection;
let target: HttpTarget;
let sockets: WebSocketServer;
let outside: Outside;
let asyncapi: ConnectorManifest;
let answer: () => TargetAnswer;
const documents = new Map<string, unknown>();

beforeAll(async () => {
  folder = await temporaryFolder('asyncapi');
  nats = await startNats({ dataDir: folder.path });
  bus = await connect({ servers: nats.url });
  sockets = await startWebSocketServer();
  target = await startHttpTarget({ answer: ({ path }) => (documents.has(path) ? { body: documents.get(path) } : answer()) });
  const natsHost = new URL(nats.url).host;
  const servers = {
    broker: { host: natsHost, protocol: 'nats' },
    web: { host: '{where}', pathname: '/in/', protocol: 'http', variables: { where: { default: new URL(target.url).host } } },
    live: { host: sockets.host, pathname: '/live', protocol: 'ws' },
    kafka: { host: '127.0.0.1:1', protocol: 'kafka' },
  };
  documents.set('/v3.json', {
    asyncapi: '3.0.0',
    servers,
    channels: { greetings: { address: 'greetings.{lang}', parameters: { lang: { default: 'en' } } }, notifications: { address: '/notifications' } },
    operations: { greet: { action: 'send', channel: { $ref: '#/channels/greetings' } }, notify: { action: 'receive', channel: { $ref: '#/channels/notifications' } } },
  });
  documents.set('/v2.yaml', `asyncapi: 2.6.0\nservers: { broker: { url: 'nats://${natsHost}', protocol: nats } }\nchannels:\n  /notifications: { publish: { operationId: send }, subscribe: { operationId: receive } }\n`);
});
beforeEach(() => {
  answer = () => ({});
  outside = openOutside();
  asyncapi = asyncApiConnector(outside);
});
afterEach(() => outside.close());
afterAll(async () => {
  await bus.close();
  await nats.stop();
  await Promise.all([target.close(), sockets.close()]);
  await folder.remove();
});

const publishing = (server: string, message: JsonObject, more: JsonObject = {}): JsonObject => ({ document: { uri: `${target.url}/v3.json` }, operation: 'greet', server: { name: server }, message, ...more });
const subscribing = (consume: JsonObject, more: JsonObject = {}): JsonObject => ({ document: { uri: `${target.url}/v3.json` }, operation: 'notify', protocol: 'nats', consume, ...more });
const publish = (args: JsonObject): Promise<JsonValue> => bench([asyncapi]).output('asyncapi.publish', args);

/** Begins a subscription and sends messages once NATS knows of it. */
async function consumed(args: JsonObject, messages: readonly unknown[]): Promise<JsonValue> {
  const running = bench([asyncapi]).run('asyncapi.subscribe', args);
  let waiting = true;
  const done = running.finally(() => (waiting = false));
  // Whether somebody listens is what a request without an answer tells: it fails at once as long as nobody does.
  await eventually(async () => !waiting || (await bus.request('notifications', '', { timeout: 50 }).then(() => true, (error: Error) => error.name === 'TimeoutError')), { what: 'the subscription' });
  for (const message of messages) if (waiting) bus.publish('notifications', JSON.stringify(message));
  await bus.flush();
  const outcome = await done;
  if (outcome.kind === 'failure') throw new Error(outcome.failure.detail);
  return (JSON.parse(outcome.json) as { payload: JsonValue }[]).map(({ payload }) => payload);
}

describe('publishing', () => {
  test('over NATS carries payload, headers and a key that streams store once', async () => {
    const subscription = bus.subscribe('greetings.*', { max: 2 });
    const message = { payload: { hello: 'world' }, headers: { foo: 'bar', nothing: null } };
    expect(await publish(publishing('broker', message))).toEqual({ payload: { hello: 'world' }, headers: { foo: 'bar' } });
    await publish(publishing('broker', { payload: 'plain' }, { server: { name: 'broker', variables: { lang: 'fr' } } }));
    const seen = [];
    for await (const each of subscription) seen.push({ subject: each.subject, text: each.string(), foo: each.headers?.get('foo'), key: each.headers?.get('Nats-Msg-Id') });
    expect(seen).toEqual([
      { subject: 'greetings.en', text: '{"hello":"world"}', foo: 'bar', key: expect.stringMatching(/^x1\/1\/\d+$/) },
      { subject: 'greetings.fr', text: 'plain', foo: '', key: expect.stringMatching(/^x1\/1\/\d+$/) },
    ]);
  });

  test('over HTTP is a request to the server\'s path, and a status that is no success fails it', async () => {
    await publish(publishing('web', { payload: { a: 1 }, headers: { 'X-A': 'b' } }, { authentication: { kind: 'bearer', token: 'a-token' } }));
    expect(target.arrivals.at(-1)).toMatchObject({ method: 'POST', path: '/in/greetings.en', body: '{"a":1}', headers: { 'x-a': 'b', 'content-type': 'application/json', 'authorization': 'Bearer a-token' } });
    expect(target.arrivals.at(-1)?.key).toMatch(/^x1\//);
    answer = () => ({ status: 503 });
    expect(await bench([asyncapi]).failure('asyncapi.publish', publishing('web', { payload: 1 }))).toMatchObject({ type: 'https://serverlessworkflow.io/spec/1.0.0/errors/communication', status: 503 });
  });

  test('over WebSocket is one frame, and the handshake carries the key', async () => {
    await publish(publishing('live', { payload: { a: 1 } }));
    expect(sockets.received).toEqual(['{"a":1}']);
    expect(sockets.handshakes.at(-1)).toMatchObject({ path: '/live/greetings.en', headers: { 'idempotency-key': expect.stringMatching(/^x1\//) } });
  });
});

describe('subscribing', () => {
  const context = { source: '.payload.n > $context.least', variables: { context: { least: 1 } } };

  test.each<[string, JsonObject, JsonValue]>([
    ['an amount', { consume: { amount: 2 } }, [{ n: 1 }, { n: 2 }]],
    ['an amount of those that pass a filter', { consume: { amount: 2 }, filter: context }, [{ n: 2 }, { n: 3 }]],
    ['while', { consume: { while: { source: '($context.consumedMessages | length) < 3', variables: { context: null } } } }, [{ n: 1 }, { n: 2 }, { n: 3 }]],
    ['until', { consume: { until: { source: '.payload.n == 2' } } }, [{ n: 1 }, { n: 2 }]],
  ])('consumes %s', async (_, { consume, ...more }, expected) => {
    const filter = more['filter'] ?? { source: '.payload != null' };
    expect(await consumed(subscribing(consume as JsonObject, { ...more, filter }), [{ n: 1 }, { n: 2 }, { n: 3 }, { n: 4 }])).toEqual(expected);
  });

  test('a window gives what has come, and says whether the subscription is over', async () => {
    const window = async (consume: JsonObject): Promise<JsonValue> => {
      const running = bench([asyncapi]).output('asyncapi.subscribe', { ...subscribing(consume), filter: { source: '.payload.n != null' }, window: true });
      const sending = setInterval(() => bus.publish('notifications', '{"n":1}'), 20);
      try {
        return await running;
      } finally {
        clearInterval(sending);
      }
    };
    expect(await window({ while: { source: 'true' } })).toMatchObject({ messages: expect.arrayContaining([expect.objectContaining({ payload: { n: 1 } })]) as never, over: false });
    expect(await window({ until: { source: '.payload.n == 1' } })).toMatchObject({ messages: [{ payload: { n: 1 } }], over: true });
  });

  test('ends when its time is over, with what it has', async () => {
    expect(await consumed(subscribing({ amount: 100, for: 400 }, { filter: { source: '.payload != null' } }), [{ n: 1 }])).toEqual([{ n: 1 }]);
    expect(await bench([asyncapi]).output('asyncapi.subscribe', subscribing({ amount: 1, for: 'PT0.05S' }))).toEqual([]);
  });

  test('shows headers and the correlation id, and a version 2 document is read by channel or operation', async () => {
    for (const named of [{ channel: '/notifications' }, { operation: 'receive' }]) {
      const running = bench([asyncapi]).output('asyncapi.subscribe', { document: { uri: `${target.url}/v2.yaml` }, ...named, filter: { source: '.headers.foo != null' }, consume: { amount: 1 } });
      const headers = natsHeaders();
      headers.set('foo', 'bar');
      headers.set('correlationId', '77');
      const sending = setInterval(() => bus.publish('notifications', 'text', { headers }), 20);
      expect(await running).toEqual([{ payload: 'text', headers: { foo: 'bar', correlationId: '77' }, correlationId: '77' }]);
      clearInterval(sending);
    }
  });

  test('over WebSocket and over HTTP takes frames and events', async () => {
    sockets.greetWith(['{"n":1}', '{"n":2}']);
    expect(await bench([asyncapi]).output('asyncapi.subscribe', subscribing({ amount: 2 }, { protocol: 'ws' }))).toEqual([{ payload: { n: 1 }, headers: {} }, { payload: { n: 2 }, headers: {} }]);
    answer = () => ({ headers: { 'content-type': 'text/event-stream' }, body: ': hi\n\ndata: {"n":1}\n\nevent: x\r\ndata: two\r\n\r\n' });
    expect(await bench([asyncapi]).output('asyncapi.subscribe', subscribing({ amount: 2 }, { protocol: 'http' }))).toMatchObject([{ payload: { n: 1 } }, { payload: 'two' }]);
    answer = () => ({ headers: { 'content-type': 'application/x-ndjson' }, body: '{"n":1}\n{"n":2}\n' });
    expect(await bench([asyncapi]).output('asyncapi.subscribe', subscribing({ amount: 1 }, { protocol: 'http' }))).toMatchObject([{ payload: { n: 1 } }]);
  });

  test('an expression that fails is an expression error', async () => {
    const running = bench([asyncapi]).failure('asyncapi.subscribe', subscribing({ amount: 1 }, { filter: { source: '.payload.a.b.c' } }));
    const sending = setInterval(() => bus.publish('notifications', '{"a":"text"}'), 20);
    expect(await running).toMatchObject({ type: 'https://serverlessworkflow.io/spec/1.0.0/errors/expression', status: 400 });
    clearInterval(sending);
  });
});

test.each<[string, () => JsonObject, string]>([
  ['a protocol that is not spoken', () => publishing('kafka', { payload: 1 }), 'kafka is not spoken here; nats, http, ws are'],
  ['a server that is not there', () => publishing('other', { payload: 1 }), 'has no server other'],
  ['an operation that is not there', () => publishing('broker', { payload: 1 }, { operation: 'none' }), 'has no operation none; it has greet, notify'],
])('%s ends before anything is sent', async (_, args, detail) => {
  expect(await bench([asyncapi]).failure('asyncapi.publish', args())).toMatchObject({ type: 'https://serverlessworkflow.io/spec/1.0.0/errors/configuration', status: 400, detail: expect.stringContaining(detail) });
});

test('a broker that is not there is a communication error, and the address guard keeps calls from this machine', async () => {
  documents.set('/gone.json', { asyncapi: '3.0.0', servers: { s: { host: '127.0.0.1:1', protocol: 'nats' } }, channels: { c: { address: 'c' } } });
  const gone = { document: { uri: `${target.url}/gone.json` }, channel: 'c', message: { payload: 1 } };
  expect(await bench([asyncapi]).failure('asyncapi.publish', gone)).toMatchObject({ type: 'https://serverlessworkflow.io/spec/1.0.0/errors/communication', status: 503 });
  const guardedOutside = openOutside({ allowLoopback: false });
  const guarded = asyncApiConnector({ ...guardedOutside, resources: outside.resources });
  for (const server of ['broker', 'web', 'live']) expect(await bench([guarded]).failure('asyncapi.publish', publishing(server, { payload: 1 }))).toMatchObject({ status: 403 });
  await guardedOutside.close();
});
