import { startHttpTarget, type HttpTarget } from '@millrace/testkit';
import { DEFAULT_BREAKER_LIMITS } from '../../circuit-breaker.ts';
import type { ConnectorManifest, OpenConnection } from '../../manifest.ts';
import { openOutside, type Outside } from '../../testing/outside.ts';
import { bench } from '../../testing/run-operation.ts';
import { httpConnector } from './http.ts';

let target: HttpTarget;
let outside: Outside;
let http: ConnectorManifest;

beforeAll(async () => {
  target = await startHttpTarget();
  outside = openOutside();
  http = httpConnector({ ...outside, bodyBytesMax: 1000 });
});
beforeEach(() => target.answerWith(() => ({})));
afterAll(async () => {
  await target.close();
  await outside.close();
});

const OPERATION = 'http.request';
const get = (path: string, more: object = {}) => ({ method: 'get', uri: `${target.url}${path}`, ...more });
const api = (): OpenConnection => ({ name: 'api', connector: 'http', baseUrl: `${target.url}/v1/`, auth: { kind: 'bearer', token: 's3cret-token' } });

test('sends method, headers, query and a JSON body, and yields the parsed content', async () => {
  target.answerWith(() => ({ body: { id: 1, name: 'milou' } }));
  const output = await bench([http]).output(OPERATION, {
    method: 'post',
    uri: `${target.url}/pets?kind=dog`,
    headers: { 'X-Number': 7, 'X-Nothing': null },
    query: { tag: ['a', 'b'], page: 2, nothing: null },
    body: { name: 'milou' },
    redirect: null,
  });
  expect(output).toEqual({ id: 1, name: 'milou' });
  const arrival = target.arrivals.at(-1);
  expect(arrival).toMatchObject({ method: 'POST', path: '/pets?kind=dog&tag=a&tag=b&page=2', body: '{"name":"milou"}' });
  expect(arrival?.headers).toMatchObject({ 'content-type': 'application/json', 'x-number': '7' });
  expect(arrival?.headers).not.toHaveProperty('x-nothing');
});

test('passes on the key, which stays the same over attempts, the attempt and the trace', async () => {
  const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';
  const step = { execution: 'e7', run: 2, activation: 33, traceparent };
  await bench([http]).output(OPERATION, get('/a'), { ...step, attempt: 1 });
  await bench([http]).output(OPERATION, get('/a'), { ...step, attempt: 2 });
  const [first, second] = target.arrivals.slice(-2);
  expect(first?.headers).toMatchObject({ 'idempotency-key': 'e7/2/33', 'millrace-attempt': '1', traceparent });
  expect(second?.headers).toMatchObject({ 'idempotency-key': 'e7/2/33', 'millrace-attempt': '2' });
});

test('a key that the workflow gives is left alone', async () => {
  await bench([http]).output(OPERATION, get('/a', { headers: { 'Idempotency-Key': 'order-1' } }));
  expect(target.arrivals.at(-1)?.key).toBe('order-1');
});

test('output `response` describes the request as it was given, without credentials', async () => {
  target.answerWith(() => ({ status: 201, body: 'done', headers: { 'x-a': '1' } }));
  const output = await bench([http]).output(OPERATION, get('/a', { output: 'response', headers: { Accept: 'text/plain' }, authentication: { kind: 'bearer', token: 'tokentoken' } }));
  expect(output).toMatchObject({
    request: { method: 'GET', uri: `${target.url}/a`, headers: { accept: 'text/plain' } },
    statusCode: 201,
    headers: { 'x-a': '1' },
    content: 'done',
  });
  expect(target.arrivals.at(-1)?.headers['authorization']).toBe('Bearer tokentoken');
  expect(JSON.stringify(output)).not.toContain('tokentoken');
});

test('output `raw` is base64, binary content too, and no content is null', async () => {
  target.answerWith(() => ({ body: '{"a":1}', headers: { 'content-type': 'application/json' } }));
  expect(await bench([http]).output(OPERATION, get('/a', { output: 'raw' }))).toBe(Buffer.from('{"a":1}').toString('base64'));
  target.answerWith(() => ({ body: 'bytes', headers: { 'content-type': 'application/octet-stream' } }));
  expect(await bench([http]).output(OPERATION, get('/a'))).toBe(Buffer.from('bytes').toString('base64'));
  target.answerWith(() => ({ status: 204, body: '' }));
  expect(await bench([http]).output(OPERATION, get('/a'))).toBeNull();
});

test('sends text as text and forms as forms', async () => {
  await bench([http]).output(OPERATION, { method: 'PUT', uri: `${target.url}/t`, body: 'plain' });
  expect(target.arrivals.at(-1)).toMatchObject({ body: 'plain', headers: { 'content-type': 'text/plain; charset=utf-8' } });
  await bench([http]).output(OPERATION, { method: 'POST', uri: `${target.url}/t`, headers: { 'content-type': 'application/x-www-form-urlencoded' }, body: { a: 1, b: 'x y', c: null } });
  expect(target.arrivals.at(-1)?.body).toBe('a=1&b=x+y');
});

test.each([400, 404, 429, 500, 503])('status %d is a communication error with that status', async (status) => {
  target.answerWith(() => ({ status, body: { why: 'broken today' } }));
  const failure = await bench([http]).failure(OPERATION, get('/a'));
  expect(failure).toMatchObject({ type: 'https://serverlessworkflow.io/spec/1.0.0/errors/communication', status });
  expect(failure.detail).toContain(`GET ${target.url}/a answered ${status}`);
  expect(failure.detail).toContain('broken today');
});

test('a redirect is an error, and with `redirect` an output that is not followed', async () => {
  target.answerWith(() => ({ status: 302, headers: { location: '/b' }, body: '' }));
  expect(await bench([http]).failure(OPERATION, get('/a'))).toMatchObject({ status: 302 });
  expect(await bench([http]).output(OPERATION, get('/a', { redirect: true, output: 'response' }))).toMatchObject({ statusCode: 302, headers: { location: '/b' } });
  expect(target.arrivals.filter(({ path }) => path === '/b')).toHaveLength(0);
});

test('a server that is not there, or resets, is a communication error with status 503', async () => {
  const gone = await startHttpTarget();
  await gone.close();
  expect(await bench([http]).failure(OPERATION, { method: 'GET', uri: `${gone.url}/` })).toMatchObject({ status: 503, detail: expect.stringContaining('ECONNREFUSED') });
  target.answerWith(() => ({ reset: true }));
  expect(await bench([http]).failure(OPERATION, get('/a'))).toMatchObject({ status: 503 });
});

test('an answer that takes longer than the step may is a timeout', async () => {
  target.answerWith(() => ({ delayMs: 400 }));
  const failure = await bench([http]).failure(OPERATION, get('/a'), { timeoutMs: 60 });
  expect(failure).toMatchObject({ type: 'https://serverlessworkflow.io/spec/1.0.0/errors/timeout', status: 408 });
});

test('a cancelled step breaks its request off', async () => {
  target.answerWith(() => ({ delayMs: 400 }));
  const control = new AbortController();
  const running = bench([http]).run(OPERATION, get('/cancelled'), {}, { signal: control.signal });
  await target.waitFor(({ path }) => path === '/cancelled');
  control.abort();
  expect(await running).toMatchObject({ kind: 'failure', failure: { title: 'Cancelled' } });
});

test('an answer larger than the limit, and one that only claims to be JSON, are communication errors', async () => {
  target.answerWith(() => ({ body: 'x'.repeat(1001) }));
  expect(await bench([http]).failure(OPERATION, get('/a'))).toMatchObject({ status: 502, detail: expect.stringContaining('larger than 1000 bytes') });
  target.answerWith(() => ({ body: '{', headers: { 'content-type': 'application/json' } }));
  expect(await bench([http]).failure(OPERATION, get('/a'))).toMatchObject({ status: 502, detail: expect.stringContaining('not valid JSON') });
});

test.each([
  [{ method: 'get' }, "/ must have required property 'uri'"],
  [{ method: 'get', uri: 7 }, '/uri must be string'],
  [{ method: 'get', uri: 'http://127.0.0.1/', wrong: 1 }, '(wrong)'],
  [{ method: 'get', uri: '/relative' }, '/uri is not an absolute URI'],
  [{ method: 'get', uri: 'file:///etc/passwd' }, 'only http: and https:'],
  [{ method: 'get', uri: 'http://user:password@127.0.0.1/' }, 'has credentials'],
  [{ method: 'get', uri: 'http://127.0.0.1/', headers: { Host: 'other' } }, '/headers/Host'],
  [{ method: 'get', uri: 'http://127.0.0.1/', headers: { 'a b': 'c' } }, 'invalid header key'],
])('arguments %j fail validation and name the place', async (args, place) => {
  const failure = await bench([http]).failure(OPERATION, args as never);
  expect(failure).toMatchObject({ type: 'https://serverlessworkflow.io/spec/1.0.0/errors/validation', status: 400 });
  expect(failure.detail).toContain(place);
});

describe('with a connection', () => {
  test('joins the base URL and adds the credentials', async () => {
    await bench([http], { connections: [api()] }).output(OPERATION, { method: 'get', uri: '/pets', connection: 'api' }, { connection: 'api' });
    expect(target.arrivals.at(-1)).toMatchObject({ path: '/v1/pets', headers: { authorization: 'Bearer s3cret-token' } });
  });

  test.each([
    [{ kind: 'basic', username: 'u', password: 'password' }, 'authorization', `Basic ${Buffer.from('u:password').toString('base64')}`],
    [{ kind: 'header', header: 'X-Api-Key', value: 'key-value' }, 'x-api-key', 'key-value'],
  ] as const)('identifies itself by %j', async (auth, header, value) => {
    await bench([http], { connections: [{ ...api(), auth }] }).output(OPERATION, { method: 'get', uri: 'a' }, { connection: 'api' });
    expect(target.arrivals.at(-1)?.headers[header]).toBe(value);
  });

  test('never sends the credentials to another origin', async () => {
    const arrived = target.arrivals.length;
    const failure = await bench([http], { connections: [{ ...api(), baseUrl: 'http://127.0.0.1:1' }] }).failure(OPERATION, get('/a'), { connection: 'api' });
    expect(failure.detail).toContain("not of the connection's origin");
    const without = await bench([http], { connections: [{ ...api(), baseUrl: '' }] }).failure(OPERATION, get('/a'), { connection: 'api' });
    expect(without.detail).toContain('no baseUrl');
    expect(target.arrivals).toHaveLength(arrived);
  });

  test('keeps a secret that the target sends back out of outputs, failures and logs', async () => {
    const runs = bench([http], { connections: [api()] });
    target.answerWith(({ headers }) => ({ body: { seen: headers['authorization'] } }));
    expect(await runs.output(OPERATION, { method: 'get', uri: 'a' }, { connection: 'api' })).toEqual({ seen: 'Bearer ***' });
    target.answerWith(({ headers }) => ({ status: 500, body: { seen: headers['authorization'] } }));
    const failure = await runs.failure(OPERATION, { method: 'get', uri: 'a' }, { connection: 'api' });
    expect(failure.detail).toContain('***');
    expect(JSON.stringify([failure, runs.logged])).not.toContain('s3cret');
  });

  test('says what is wrong when there is none of that name, or it is of another connector', async () => {
    expect(await bench([http]).failure(OPERATION, get('/a'), { connection: 'none' })).toMatchObject({ status: 400, detail: expect.stringContaining('no connection none') });
    const other = bench([http], { connections: [{ ...api(), connector: 'smtp' }] });
    expect((await other.failure(OPERATION, get('/a'), { connection: 'api' })).detail).toContain('is of connector smtp');
  });
});

describe('the address guard', () => {
  const guardedOutside = openOutside({ allowLoopback: false });
  const guarded = httpConnector(guardedOutside);
  afterAll(() => guardedOutside.close());

  test.each(['127.0.0.1', 'localhost'])('keeps %s from being called', async (host) => {
    const arrived = target.arrivals.length;
    const failure = await bench([guarded]).failure(OPERATION, { method: 'get', uri: `http://${host}:${target.port}/` });
    expect(failure).toMatchObject({ status: 403, detail: expect.stringContaining('MILLRACE_ALLOW_LOOPBACK') });
    expect(target.arrivals).toHaveLength(arrived);
  });
});

test('the circuit breaker of a host opens after failures in a row, is named, and closes after a good trial', async () => {
  const runs = bench([http], { breakers: { ...DEFAULT_BREAKER_LIMITS, failuresMax: 2, openMs: 40 } });
  target.answerWith(() => ({ status: 500 }));
  await runs.failure(OPERATION, get('/a'));
  await runs.failure(OPERATION, get('/a'));
  const arrived = target.arrivals.length;
  const refused = await runs.failure(OPERATION, get('/a'));
  expect(refused).toMatchObject({ status: 503, title: 'Circuit breaker open' });
  expect(refused.detail).toMatch(/breaker of host:127\.0\.0\.1:\d+ is open .* in 0\.\d s/);
  expect(target.arrivals).toHaveLength(arrived);
  expect(runs.logged.filter(({ state }) => state === 'open')).toHaveLength(1);
  target.answerWith(() => ({}));
  await new Promise((resolve) => setTimeout(resolve, 45));
  await runs.output(OPERATION, get('/a'));
  await runs.output(OPERATION, get('/a'));
});

test('a client error says nothing about the health of the host', async () => {
  const runs = bench([http], { breakers: { ...DEFAULT_BREAKER_LIMITS, failuresMax: 1 } });
  target.answerWith(() => ({ status: 404 }));
  await runs.failure(OPERATION, get('/a'));
  expect(await runs.failure(OPERATION, get('/a'))).toMatchObject({ status: 404 });
});
