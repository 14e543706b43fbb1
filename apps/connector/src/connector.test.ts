import { jest } from '@jest/globals';
import path from 'node:path';
import { MongoClient } from 'mongodb';
import type { Connection, ConnectionSummary } from '@millrace/contracts/connector/v1/connections';
import { decodeDeliveryRequest } from '@millrace/delivery';
import { NOTIFY_STREAM, openBucket } from '@millrace/bus';
import { eventually, startHttpTarget, startSmtpSink, type HttpTarget, type SmtpSink } from '@millrace/testkit';
import type { Step } from '@millrace/worker';
import { STEP_UNKNOWN_TYPE } from './failure.ts';
import { startConnectorCluster, type Connector, type ConnectorCluster } from './testing/connector-cluster.ts';
import { stepOf } from './testing/run-operation.ts';

jest.setTimeout(90_000);

let cluster: ConnectorCluster;
let first: Connector;
let http: HttpTarget;
let smtp: SmtpSink;

beforeAll(async () => {
  [http, smtp] = await Promise.all([startHttpTarget(), startSmtpSink()]);
  cluster = await startConnectorCluster();
  first = await cluster.start('connector-1');
});
beforeEach(() => smtp.answerWith(() => ({ kind: 'accept' })));
afterAll(async () => {
  await cluster.stop();
  await Promise.all([http.close(), smtp.close()]);
});

/** Dispatches to one worker and says that the result is durable, as an owner does. */
async function run(step: Step, worker = 'connector-1', timeoutMs = 15_000) {
  cluster.owner.dispatchTo(`${worker}#`, step);
  const result = await cluster.owner.resultOf(step, timeoutMs);
  cluster.owner.say({ $case: 'durable', value: { numbers: [result.number] } }, `${worker}#`);
  return result.outcome;
}

const output = (value: unknown) => ({ $case: 'outputJson', value: JSON.stringify(value) });
const mail = (more: object = {}) => ({ url: smtp.url, from: 'a@example.org', to: 'b@example.org', subject: 'hi', text: 'hello', ...more });
const sql = (statement: string) => ({ url: `sqlite:${path.join(cluster.folder.path, 'data.db')}`, statement });

function put(connector: Connector, connection: Partial<Connection>): Promise<ConnectionSummary> {
  const whole = { organisation: 'acme', name: 'api', connector: 'http', baseUrl: http.url, authJson: '', secrets: {}, ...connection };
  return new Promise((resolve, reject) => connector.connections.put(whole, (error, summary) => (error ? reject(error) : resolve(summary))));
}

test('runs echo and HTTP steps, and shows what it counts', async () => {
  expect(await run(stepOf('millrace.echo', { a: [1, 'ü'] }))).toEqual(output({ a: [1, 'ü'] }));
  expect(await run(stepOf('http.request', { method: 'get', uri: `${http.url}/x` }))).toEqual(output({}));
  expect(await run(stepOf('no.such', {}))).toMatchObject({ $case: 'failure', value: { status: 404, detail: expect.stringContaining('no.such') } });
  const metrics = await (await fetch(`${first.http}/metrics`)).text();
  expect(metrics).toMatch(/millrace_connector_steps_total\{[^}]*operation="millrace\.echo:1\.0\.0@default",outcome="output"[^}]*\} [1-9]/);
  expect(metrics).toMatch(/millrace_connector_open_streams\{[^}]*\} 1/);
});

test('lists its catalogue with retry classes and schemas', async () => {
  const list = await new Promise<{ operations: readonly { operation: string; retryClass: string; argumentsSchemaJson: string }[] }>((resolve, reject) =>
    first.catalogue.list({}, (error, catalogue) => (error ? reject(error) : resolve(catalogue))),
  );
  const classes = Object.fromEntries(list.operations.map(({ operation, retryClass }) => [operation, retryClass]));
  expect(classes).toEqual({
    'millrace.echo:1.0.0@default': 'safe',
    'millrace.notify:1.0.0@default': 'keyed',
    'http.request:1.0.0@default': 'keyed',
    'openapi.call:1.0.0@default': 'keyed',
    'script.run:1.0.0@default': 'safe',
    'grpc.call:1.0.0@default': 'keyed',
    'a2a.read:1.0.0@default': 'safe',
    'a2a.send:1.0.0@default': 'unsafe',
    'asyncapi.publish:1.0.0@default': 'keyed',
    'asyncapi.subscribe:1.0.0@default': 'safe',
    'container.run:1.0.0@default': 'unsafe',
    'event.emit:1.0.0@default': 'keyed',
    'shell.run:1.0.0@default': 'unsafe',
    'mcp.read:1.0.0@default': 'safe',
    'mcp.call:1.0.0@default': 'unsafe',
    'smtp.send:1.0.0@default': 'unsafe',
    'sql.query:1.0.0@default': 'safe',
    'sql.execute:1.0.0@default': 'unsafe',
  });
  expect(cluster.owner.hellos[0]?.operations).toEqual(expect.arrayContaining(Object.keys(classes)));
  for (const { argumentsSchemaJson } of list.operations) expect(JSON.parse(argumentsSchemaJson)).toHaveProperty('type', 'object');
});

test('hands a delivery over to the stream, with nobody there to take it, and a second time changes nothing', async () => {
  const step = stepOf('millrace.notify', { recipient: 'who@example.org', template: { subject: 'Hi', text: 'Hello' }, data: { n: 1 } }, { execution: 'n1' });
  expect(await run(step)).toEqual(output({ key: `n1/1/${step.activation}`, channel: 'email', recipient: 'who@example.org' }));
  await run({ ...step, attempt: 2 });
  const { state } = await cluster.bus.manager.streams.info(NOTIFY_STREAM);
  expect(state.messages).toBe(1);
  const message = await cluster.bus.manager.streams.getMessage(NOTIFY_STREAM, { seq: state.last_seq });
  expect(message?.subject).toBe('notify.acme');
  expect(message?.header.get('traceparent')).toMatch(/^00-[0-9a-f]{32}-[0-9a-f]{16}-0[01]$/);
  const decoded = decodeDeliveryRequest(new TextDecoder().decode(message?.data));
  expect(decoded).toMatchObject({ kind: 'request', request: { organisation: 'acme', execution: 'n1', recipient: { address: 'who@example.org' }, data: { n: 1 } } });
  expect(await run(stepOf('millrace.notify', { recipient: 'nobody', template: 'summary' }))).toMatchObject({ $case: 'failure', value: { status: 400 } });
});

test('keeps connections sealed, applies them at once, and shows no secret anywhere', async () => {
  const secret = 'very-secret-token-value';
  const auth = { kind: 'bearer', tokenSecret: 'token' };
  expect(await put(first, { authJson: JSON.stringify(auth), secrets: { token: secret } })).toMatchObject({ organisation: 'acme', name: 'api', revision: 1 });
  expect(await put(first, { authJson: JSON.stringify(auth), secrets: { token: secret } })).toMatchObject({ revision: 2 });
  await eventually(async () => (await run(stepOf('http.request', { method: 'get', uri: '/with' }, { connection: 'api' })))?.$case === 'outputJson');
  expect(http.arrivals.findLast(({ path: at }) => at === '/with')?.headers['authorization']).toBe(`Bearer ${secret}`);
  http.answerWith(() => ({ status: 500, body: secret }));
  const failed = await run(stepOf('http.request', { method: 'get', uri: '/with' }, { connection: 'api' }));
  http.answerWith(() => ({}));
  expect(failed).toMatchObject({ $case: 'failure', value: { status: 500 } });
  const bucket = await openBucket(cluster.bus, 'connections');
  const mongo = await new MongoClient(cluster.servers.mongo.url).connect();
  const stored = await mongo.db('millrace_connector').collection('connections').find().toArray();
  await mongo.close();
  expect(stored).toHaveLength(1);
  for (const text of [JSON.stringify(failed), JSON.stringify((await bucket.getJson('acme.api'))?.value), JSON.stringify(stored), ...first.process.lines.map((line) => line.text)]) {
    expect(text).not.toContain(secret);
  }
  await expect(put(first, { name: 'bad', connector: 'ftp', authJson: '{"kind":"basic"}' })).rejects.toThrow(/no connector ftp.*spec\.auth\.username/s);
});

test('keeps secrets of workflows sealed, opens them for a step alone, and knows no others', async () => {
  const value = { username: 'robot', password: 'very-secret-password-value' };
  await put(first, { name: 'secret.mySecret', connector: 'secret', baseUrl: '', secrets: { value: JSON.stringify(value) } });
  const request = { method: 'get', uri: `${http.url}/with-secret`, authentication: { kind: 'basic', secret: 'mySecret' } };
  await eventually(async () => (await run(stepOf('http.request', request)))?.$case === 'outputJson');
  expect(http.arrivals.findLast(({ path: at }) => at === '/with-secret')?.headers['authorization']).toBe(`Basic ${Buffer.from(`${value.username}:${value.password}`).toString('base64')}`);
  expect(await run(stepOf('http.request', request, { organisation: 'other' }))).toMatchObject({ $case: 'failure', value: { status: 403, detail: expect.stringContaining('no secret mySecret in organisation other') } });
  const bucket = await openBucket(cluster.bus, 'connections');
  const mongo = await new MongoClient(cluster.servers.mongo.url).connect();
  const stored = await mongo.db('millrace_connector').collection('connections').find({ connector: 'secret' }).toArray();
  await mongo.close();
  expect(stored).toHaveLength(1);
  for (const text of [JSON.stringify((await bucket.getJson('acme.secret.mySecret'))?.value), JSON.stringify(stored), ...first.process.lines.map((line) => line.text)]) expect(text).not.toContain(value.password);
  await expect(put(first, { name: 'secret.mySecret', connector: 'http' })).rejects.toThrow(/name is not a name/);
  await expect(put(first, { name: 'secret.bad', connector: 'secret', secrets: { value: 'no json' } })).rejects.toThrow(/spec\.value is not JSON/);
});

describe('an unsafe step', () => {
  test('whose outcome is stored is answered from its claim by any worker, and not performed again', async () => {
    await cluster.start('connector-2');
    const step = stepOf('smtp.send', mail(), { execution: 'once' });
    const outcome = await run(step);
    expect(outcome).toMatchObject({ $case: 'outputJson' });
    const sent = smtp.mails.length;
    cluster.owner.results.length = 0;
    expect(await run(step, 'connector-2')).toEqual(outcome);
    expect(await run({ ...step, attempt: 2 }, 'connector-2')).toEqual(outcome);
    expect(smtp.mails).toHaveLength(sent);
  });

  test('that failed without effect is performed again by a higher attempt, and answered by the same one', async () => {
    smtp.answerWith(() => ({ kind: 'refuse', code: 451 }));
    const step = stepOf('smtp.send', mail(), { execution: 'again' });
    expect(await run(step)).toMatchObject({ $case: 'failure', value: { status: 503 } });
    smtp.answerWith(() => ({ kind: 'accept' }));
    cluster.owner.results.length = 0;
    expect(await run(step, 'connector-2')).toMatchObject({ $case: 'failure', value: { status: 503 } });
    expect(await run({ ...step, attempt: 2 }, 'connector-2')).toMatchObject({ $case: 'outputJson' });
  });

  test('that is dispatched twice while it runs is performed once and is not unknown, here or on another worker', async () => {
    smtp.answerWith(() => ({ kind: 'accept', delayMs: 600 }));
    const step = stepOf('smtp.send', mail(), { execution: 'twice' });
    const before = smtp.mails.length;
    cluster.owner.dispatchTo('connector-1#', step);
    await smtp.waitFor((sent) => sent.index >= before);
    cluster.owner.dispatchTo('connector-1#', step);
    cluster.owner.dispatchTo('connector-2#', step);
    cluster.owner.dispatchTo('connector-1#', { ...step, attempt: 2 });
    await cluster.owner.sees('three results', ({ results }) => results.filter(({ execution }) => execution === 'twice').length >= 3);
    const outcomes = cluster.owner.results.filter(({ execution }) => execution === 'twice').map(({ outcome }) => outcome);
    expect(outcomes.map((each) => each?.$case)).toEqual(['outputJson', 'outputJson', 'outputJson']);
    expect(smtp.mails).toHaveLength(before + 1);
  });

  test('whose worker was killed between claim and outcome is unknown to the next one; its policy may send it again', async () => {
    smtp.answerWith(() => ({ kind: 'stall' }));
    const doomed = await cluster.start('connector-3');
    const asks = stepOf('smtp.send', mail(), { execution: 'killed-asks' });
    const resends = stepOf('smtp.send', mail({ onUnknown: 'resend' }), { execution: 'killed-resends' });
    const skips = stepOf('smtp.send', mail({ onUnknown: 'skip' }), { execution: 'killed-skips' });
    const before = smtp.mails.length;
    cluster.owner.dispatchTo('connector-3#', asks, resends, skips);
    await smtp.waitFor((sent) => sent.index >= before + 2);
    await doomed.process.kill();
    smtp.answerWith(() => ({ kind: 'accept' }));
    const [asked, resent, skipped] = await Promise.all([run(asks), run(resends), run(skips)]);
    expect(asked).toMatchObject({ $case: 'failure', value: { type: STEP_UNKNOWN_TYPE, status: 409, detail: expect.stringContaining('connector-3') } });
    expect(resent).toMatchObject({ $case: 'outputJson' });
    expect(skipped).toEqual(output(null));
    expect(smtp.mails).toHaveLength(before + 4);
  });
});

test('with MongoDB away safe and keyed steps go on, unsafe ones wait for it, and a connection cannot be applied', async () => {
  const mongod = cluster.servers.mongo.process;
  if (mongod === undefined) throw new Error('this test needs a mongod of its own');
  await run(stepOf('sql.execute', sql('CREATE TABLE t (a)')));
  await mongod.kill();
  expect(await run(stepOf('http.request', { method: 'get', uri: '/away' }, { connection: 'api' }))).toEqual(output({}));
  expect(await run(stepOf('sql.query', sql('SELECT count(*) AS n FROM t')))).toEqual(output([{ n: 0 }]));
  await expect(put(first, { name: 'new' })).rejects.toThrow(/MongoDB cannot be reached/);
  const hurried = stepOf('sql.execute', sql('INSERT INTO t VALUES (1)'), { timeoutMs: 300 });
  expect(await run(hurried)).toMatchObject({ $case: 'failure', value: { status: 408, detail: expect.stringContaining('was not performed') } });
  const patient = stepOf('sql.execute', sql('INSERT INTO t VALUES (2)'));
  cluster.owner.dispatchTo('connector-1#', patient);
  await first.process.waitForLine(({ record }) => record?.['msg'] === 'unsafe steps wait for MongoDB');
  await mongod.restart();
  expect((await cluster.owner.resultOf(patient, 30_000)).outcome).toEqual(output({ changes: 1, lastInsertRowid: 1 }));
});

test('a process that starts without MongoDB serves what needs none, with the connections it finds in the bucket', async () => {
  const mongod = cluster.servers.mongo.process;
  await mongod?.stop();
  await cluster.start('connector-4');
  expect(await run(stepOf('http.request', { method: 'get', uri: '/cold' }, { connection: 'api' }), 'connector-4')).toEqual(output({}));
  await mongod?.restart();
});

test('with NATS killed steps go on over the streams that stand, and a delivery waits until it is back', async () => {
  const nats = cluster.servers.nats.process;
  if (nats === undefined) throw new Error('this test needs a nats-server of its own');
  await nats.kill();
  expect(await run(stepOf('http.request', { method: 'get', uri: '/no-nats' }, { connection: 'api' }))).toEqual(output({}));
  expect(await run(stepOf('sql.execute', sql('INSERT INTO t VALUES (3)')))).toMatchObject({ $case: 'outputJson' });
  const delivery = stepOf('millrace.notify', { recipient: 'late@example.org', template: { subject: 'Hi', text: 'Hello' } });
  cluster.owner.dispatchTo('connector-1#', delivery);
  await nats.restart();
  expect((await cluster.owner.resultOf(delivery, 30_000)).outcome).toMatchObject({ $case: 'outputJson' });
});

test('asked to stop, it finishes what runs, waits until that is durable, and ends with status 0', async () => {
  const last = await cluster.start('connector-5');
  http.answerWith(() => ({ delayMs: 300 }));
  const step = stepOf('http.request', { method: 'get', uri: `${http.url}/last` });
  cluster.owner.dispatchTo('connector-5#', step);
  await http.waitFor(({ path: at }) => at === '/last');
  const stopped = last.process.stop();
  const result = await cluster.owner.resultOf(step);
  expect(result.outcome).toEqual(output({}));
  expect(last.process.running()).toBe(true);
  cluster.owner.say({ $case: 'durable', value: { numbers: [result.number] } }, 'connector-5#');
  expect(await stopped).toEqual({ code: 0, signal: null });
  http.answerWith(() => ({}));
});
