import { startHttpTarget, type Arrival, type HttpTarget, type TargetAnswer } from '@millrace/testkit';
import type { ConnectorManifest, JsonObject, JsonValue, OpenConnection } from '../../manifest.ts';
import { openOutside, type Outside } from '../../testing/outside.ts';
import { bench } from '../../testing/run-operation.ts';
import { openApiConnector } from './openapi.ts';

let target: HttpTarget;
let outside: Outside;
let openapi: ConnectorManifest;
/** Documents by path, served as JSON unless they are texts. */
const documents = new Map<string, unknown>();
let answer: (arrival: Arrival) => TargetAnswer = () => ({});

beforeAll(async () => {
  target = await startHttpTarget({
    answer: (arrival) => {
      const document = documents.get(arrival.path);
      return document === undefined ? answer(arrival) : { body: document };
    },
  });
});
beforeEach(() => {
  answer = () => ({ body: { ok: true } });
  documents.clear();
  outside = openOutside();
  openapi = openApiConnector(outside);
});
afterEach(() => outside.close());
afterAll(() => target.close());

const call = (operationId: string, parameters: JsonObject = {}, more: JsonObject = {}): JsonObject => ({ document: { uri: `${target.url}/openapi` }, operationId, parameters, ...more });
const run = (args: JsonObject): Promise<JsonValue> => bench([openapi]).output('openapi.call', args);
const last = (): Arrival | undefined => target.arrivals.at(-1);

/** A document of version 3.1 with one operation `op`. */
function document3(path: string, method: string, operation: object, more: object = {}): object {
  return { openapi: '3.1.0', info: { title: 'T', version: '1' }, servers: [{ url: '/v1/' }], paths: { [path]: { [method]: { operationId: 'op', ...operation } } }, ...more };
}

const query = (more: object = {}): object => ({ name: 'q', in: 'query', schema: {}, ...more });
const inPath = (more: object = {}): object => ({ name: 'p', in: 'path', required: true, schema: {}, ...more });

test('calls an operation of version 3.1, with key, output and redirect as `call: http` has them', async () => {
  documents.set('/openapi', document3('/pets/{petId}', 'get', { parameters: [{ name: 'petId', in: 'path', required: true }, { name: 'X-Trace', in: 'header' }, { name: 'session', in: 'cookie' }, query()] }));
  expect(await run(call('op', { 'petId': 'a/b', 'X-Trace': 7, 'session': 's 1', 'q': null }))).toEqual({ ok: true });
  expect(last()).toMatchObject({ method: 'GET', path: '/v1/pets/a%2Fb', headers: { 'x-trace': '7', 'cookie': 'session=s%201' } });
  expect(last()?.key).toMatch(/^x1\/1\/\d+$/);
  answer = () => ({ status: 302, headers: { location: '/elsewhere' } });
  expect(await bench([openapi]).failure('openapi.call', call('op', { petId: 1 }))).toMatchObject({ type: 'https://serverlessworkflow.io/spec/1.0.0/errors/communication', status: 302 });
  expect(await run(call('op', { petId: 1 }, { redirect: true, output: 'response' }))).toMatchObject({ statusCode: 302, request: { method: 'GET', uri: `${target.url}/v1/pets/1` } });
});

test('calls an operation of version 2.0, in YAML', async () => {
  documents.set(
    '/openapi',
    `swagger: '2.0'
host: ${new URL(target.url).host}
basePath: /v2
schemes: [ http ]
paths:
  /pet/findByStatus:
    get:
      operationId: findPetsByStatus
      parameters: [ { name: status, in: query, required: true, type: array, collectionFormat: multi }, { name: csv, in: query }, { name: pipes, in: query, collectionFormat: pipes } ]
  /pet:
    post: { operationId: addPet, parameters: [ { in: body, name: pet, required: true, schema: { type: object, properties: { name: {} } } } ] }
  /form:
    post: { operationId: form, parameters: [ { in: formData, name: a, type: string }, { in: formData, name: b, type: string } ] }
`,
  );
  await run(call('findPetsByStatus', { status: ['available', 'sold'], csv: [1, 2], pipes: ['a', 'b'] }));
  expect(last()?.path).toBe('/v2/pet/findByStatus?status=available&status=sold&csv=1%2C2&pipes=a%7Cb');
  await run(call('addPet', { pet: { name: 'milou' } }));
  expect(last()).toMatchObject({ method: 'POST', path: '/v2/pet', body: '{"name":"milou"}', headers: { 'content-type': 'application/json' } });
  await run(call('addPet', { name: 'idefix' }));
  expect(last()?.body).toBe('{"name":"idefix"}');
  await run(call('form', { a: 1, b: 'x y' }));
  expect(last()).toMatchObject({ body: 'a=1&b=x+y', headers: { 'content-type': 'application/x-www-form-urlencoded' } });
});

test.each<[string, object, JsonValue, string]>([
  ['form, exploded', query(), ['a', 'b'], '?q=a&q=b'],
  ['form, an object exploded', query(), { a: 1, b: 'c' }, '?a=1&b=c'],
  ['form, not exploded', query({ explode: false }), ['a', 'b'], '?q=a%2Cb'],
  ['an object not exploded', query({ explode: false }), { a: 1 }, '?q=a%2C1'],
  ['spaces', query({ style: 'spaceDelimited', explode: false }), ['a', 'b'], '?q=a+b'],
  ['pipes', query({ style: 'pipeDelimited', explode: false }), ['a', 'b'], '?q=a%7Cb'],
  ['a deep object', query({ style: 'deepObject' }), { a: 1, b: null, c: 'd' }, '?q%5Ba%5D=1&q%5Bc%5D=d'],
  ['content', query({ content: { 'application/json': {} } }), { a: [1] }, '?q=%7B%22a%22%3A%5B1%5D%7D'],
  ['a path, simple', inPath(), ['a b', 'c'], '/a%20b,c'],
  ['a path, label', inPath({ style: 'label', explode: true }), ['a', 'b'], '/.a.b'],
  ['a path, matrix', inPath({ style: 'matrix', explode: true }), { a: 1, b: 2 }, '/;a=1;b=2'],
  ['a path, matrix, not exploded', inPath({ style: 'matrix' }), ['a', 'b'], '/;p=a,b'],
])('writes %s', async (_, parameter, value, written) => {
  const isPath = (parameter as { in: string }).in === 'path';
  documents.set('/openapi', document3(isPath ? '/{p}' : '/', 'get', { parameters: [parameter] }));
  await run(call('op', { [isPath ? 'p' : 'q']: value }));
  expect(last()?.path).toBe(`/v1${isPath ? '' : '/'}${written}`);
});

test.each<[string, string, JsonObject, string, string]>([
  ['JSON', 'application/json', { a: 1, b: [2] }, 'application/json', '{"a":1,"b":[2]}'],
  ['a vendor\'s JSON', 'application/vnd.x+json', { a: 1 }, 'application/vnd.x+json', '{"a":1}'],
  ['a form', 'application/x-www-form-urlencoded', { a: 'x y' }, 'application/x-www-form-urlencoded', 'a=x+y'],
  ['text', 'text/plain', { body: 'hello' }, 'text/plain', 'hello'],
])('writes a body as %s', async (_, type, parameters, contentType, body) => {
  documents.set('/openapi', document3('/b', 'post', { requestBody: { required: true, content: { [type]: { schema: {} } } } }));
  await run(call('op', parameters));
  expect(last()).toMatchObject({ headers: { 'content-type': contentType }, body });
});

test('writes a body in parts', async () => {
  documents.set('/openapi', document3('/b', 'post', { requestBody: { content: { 'multipart/form-data': { schema: { properties: { a: {}, b: {} } } } } } }));
  await run(call('op', { a: 'x', b: { c: 1 } }));
  const boundary = /boundary=(.+)/.exec(last()?.headers['content-type'] ?? '')?.[1] ?? 'none';
  expect(last()?.body).toBe(`--${boundary}\r\nContent-Disposition: form-data; name="a"\r\n\r\nx\r\n--${boundary}\r\nContent-Disposition: form-data; name="b"\r\nContent-Type: application/json\r\n\r\n{"c":1}\r\n--${boundary}--\r\n`);
});

test('follows references, also to other documents, and the operation\'s own server and parameters come first', async () => {
  documents.set('/openapi', {
    openapi: '3.0.3',
    servers: [{ url: 'http://{host}/root', variables: { host: { default: 'wrong.example' } } }],
    paths: { '/a/{id}': { parameters: [{ $ref: '#/components/parameters/id' }, query({ explode: true })], put: { operationId: 'op', servers: [{ url: `${target.url}/own` }], parameters: [query({ explode: false }), { $ref: 'other.json#/parts/limit' }], requestBody: { $ref: 'other.json#/body' } } } },
    components: { parameters: { id: { name: 'id', in: 'path', required: true } } },
  });
  documents.set('/other.json', { parts: { limit: { name: 'limit', in: 'query' } }, body: { content: { 'application/json': { schema: { $ref: '#/thing' } } } }, thing: { properties: { name: {} } } });
  await run(call('op', { id: 1, q: [1, 2], limit: 3, name: 'n' }));
  expect(last()).toMatchObject({ method: 'PUT', path: '/own/a/1?q=1%2C2&limit=3', body: '{"name":"n"}' });
});

test('fetches a document once for many steps, with its own credentials, and again only after a failure', async () => {
  const runs = bench([openapi], { secrets: { documentLogin: { token: 'document-token' } } });
  const args = { ...call('op'), document: { uri: `${target.url}/openapi`, authentication: { kind: 'bearer', secret: 'documentLogin' } }, authentication: { kind: 'bearer', token: 'operation-token' } };
  answer = () => ({ status: 503 });
  expect(await runs.failure('openapi.call', args)).toMatchObject({ status: 503, detail: expect.stringContaining('the resource') });
  answer = () => ({ body: { ok: true } });
  documents.set('/openapi', document3('/a', 'get', {}));
  const before = target.arrivals.length;
  for (let each = 0; each < 3; each += 1) await runs.output('openapi.call', args);
  const arrivals = target.arrivals.slice(before).map(({ headers, path }) => [path, headers['authorization']]);
  expect(arrivals).toEqual([['/openapi', 'Bearer document-token'], ...Array(3).fill(['/v1/a', 'Bearer operation-token'])]);
});

test('a connection of connector http says where the interface is and who calls', async () => {
  documents.set('/openapi', document3('/a', 'get', {}));
  const connection: OpenConnection = { name: 'api', connector: 'http', baseUrl: `${target.url}/mine/`, auth: { kind: 'header', header: 'X-Api-Key', value: 'key-value' } };
  await bench([openapi], { connections: [connection] }).output('openapi.call', call('op'), { connection: 'api' });
  expect(last()).toMatchObject({ path: '/mine/a', headers: { 'x-api-key': 'key-value' } });
});

test.each<[string, unknown, JsonObject, string, number]>([
  ['an operation that is not there', document3('/a', 'get', {}), call0('none'), 'has no operation none; it has op', 400],
  ['a document that is none', { a: 1 }, call0('op'), 'is no OpenAPI document', 400],
  ['a text that is none', 'a: [', call0('op'), 'neither JSON nor YAML', 400],
  ['a reference that leads nowhere', document3('/a', 'get', { parameters: [{ $ref: '#/nowhere' }] }), call0('op'), 'refers to #/nowhere', 400],
  ['a reference in a circle', document3('/a', 'get', { parameters: [{ $ref: '#/x' }] }, { x: { $ref: '#/x' } }), call0('op'), 'leads to more than', 400],
  ['a parameter that is missing', document3('/{p}', 'get', { parameters: [inPath()] }), call0('op', { p: null }), '/parameters has no p', 400],
  ['a parameter that is unknown', document3('/a', 'get', {}), call0('op', { wrong: 1 }), '/parameters/wrong is no parameter of op', 400],
  ['a body that is missing', document3('/a', 'post', { requestBody: { required: true, content: {} } }), call0('op'), 'has no body', 400],
])('%s ends before anything is sent, and says so', async (_, document, args, detail, status) => {
  documents.set('/openapi', document);
  const before = target.arrivals.filter(({ path }) => path !== '/openapi').length;
  expect(await bench([openapi]).failure('openapi.call', { ...args, document: { uri: `${target.url}/openapi` } })).toMatchObject({ status, detail: expect.stringContaining(detail) });
  expect(target.arrivals.filter(({ path }) => path !== '/openapi')).toHaveLength(before);
});

function call0(operationId: string, parameters: JsonObject = {}): JsonObject {
  return { operationId, parameters };
}

test('files are read only below the folder that the operator names', async () => {
  expect(await bench([openapi]).failure('openapi.call', { ...call('op'), document: { uri: 'file:///etc/hostname' } })).toMatchObject({ status: 403, detail: expect.stringContaining('MILLRACE_RESOURCE_ROOT') });
  const withFiles = openOutside({ fileRoot: import.meta.dirname });
  const connector = openApiConnector(withFiles);
  expect(await bench([connector]).failure('openapi.call', { ...call('op'), document: { uri: 'file://openapi.ts' } })).toMatchObject({ status: 400, detail: expect.stringContaining('neither JSON nor YAML') });
  expect(await bench([connector]).failure('openapi.call', { ...call('op'), document: { uri: 'file:///none.json' } })).toMatchObject({ status: 404 });
  expect(await bench([connector]).failure('openapi.call', { ...call('op'), document: { uri: 'file:///a%2f..%2f..%2fhttp/http.ts' } })).toMatchObject({ status: 403, detail: expect.stringContaining('not below the folder') });
  await withFiles.close();
});
