import { Server, ServerCredentials, status, type Metadata, type sendUnaryData, type ServerUnaryCall, type ServerWritableStream } from '@grpc/grpc-js';
import { startHttpTarget, type HttpTarget } from '@millrace/testkit';
import type { JsonObject, JsonValue } from '../../manifest.ts';
import { openOutside, type Outside } from '../../testing/outside.ts';
import { bench } from '../../testing/run-operation.ts';
import { grpcConnector, type GrpcConnector } from './grpc.ts';

const PROTO = `syntax = "proto3";
package demo.v1;
import "kinds.proto";
import "google/protobuf/timestamp.proto";
import "google/protobuf/struct.proto";
import "google/protobuf/wrappers.proto";
import "google/protobuf/duration.proto";
message Everything {
  string name = 1; int64 big_number = 2; bool yes = 3; bytes raw = 4; Kind kind = 5; repeated string tags = 6; map<string, Inner> by_name = 7;
  google.protobuf.Timestamp at = 8; google.protobuf.Struct data = 9; google.protobuf.StringValue maybe = 10; google.protobuf.Duration span = 11;
  oneof choice { string left = 12; int32 right = 13; } double ratio = 14; Inner inner = 15;
}
service Demo { rpc Echo(Everything) returns (Everything); rpc Count(Everything) returns (stream Everything); rpc Fail(Everything) returns (Everything); rpc Hang(Everything) returns (Everything); }
`;
const KINDS = 'syntax = "proto3"; package demo.v1; enum Kind { KIND_NONE = 0; KIND_SOME = 1; } message Inner { int32 n = 1; }';

let files: HttpTarget;
let server: Server;
let port: number;
let outside: Outside;
let grpc: GrpcConnector;
const seen: Metadata[] = [];

beforeAll(async () => {
  files = await startHttpTarget({ answer: ({ path }) => (path === '/demo.proto' ? { body: PROTO } : path === '/kinds.proto' ? { body: KINDS } : path === '/bad.proto' ? { body: 'syntax "x" {' } : { status: 404 }) });
  server = new Server();
  const same = (bytes: Buffer): Buffer => bytes;
  const method = (name: string, responseStream = false) => ({ path: `/demo.v1.Demo/${name}`, requestStream: false, responseStream, requestSerialize: same, requestDeserialize: same, responseSerialize: same, responseDeserialize: same });
  server.addService(
    { Echo: method('Echo'), Count: method('Count', true), Fail: method('Fail'), Hang: method('Hang') },
    {
      Echo: (call: ServerUnaryCall<Buffer, Buffer>, done: sendUnaryData<Buffer>) => {
        seen.push(call.metadata);
        done(null, call.request);
      },
      Count: (call: ServerWritableStream<Buffer, Buffer>) => {
        for (let n = 0; n < 3; n += 1) call.write(call.request);
        call.end();
      },
      Fail: (_call: ServerUnaryCall<Buffer, Buffer>, done: sendUnaryData<Buffer>) => done({ code: status.NOT_FOUND, details: 'no such thing' }),
      Hang: () => undefined,
    },
  );
  port = await new Promise((resolve, reject) => server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, bound) => (error ? reject(error) : resolve(bound))));
});
beforeEach(() => {
  outside = openOutside();
  grpc = grpcConnector(outside);
});
afterEach(async () => {
  grpc.close();
  await outside.close();
});
afterAll(async () => {
  server.forceShutdown();
  await files.close();
});

const call = (method: string, args: JsonObject = {}, more: JsonObject = {}): JsonObject => ({ proto: { uri: `${files.url}/demo.proto` }, service: { name: 'demo.v1.Demo', host: '127.0.0.1', port }, method, arguments: args, ...more });
const run = (args: JsonObject): Promise<JsonValue> => bench([grpc]).output('grpc.call', args);

test('calls a method, with imports, and messages go through JSON and back', async () => {
  const message = {
    name: 'n',
    bigNumber: '9007199254740993',
    yes: true,
    raw: Buffer.from('bytes').toString('base64'),
    kind: 'KIND_SOME',
    tags: ['a', 'b'],
    byName: { x: { n: 1 } },
    at: '2025-01-31T12:00:00.500Z',
    data: { a: [1, 'b', null, { c: true }] },
    maybe: 'text',
    span: '-1.500s',
    right: 7,
    ratio: 0.5,
    inner: { n: 2 },
  };
  expect(await run(call('Echo', message))).toEqual(message);
  expect(await run(call('Echo', { big_number: 5, by_name: {}, data: null }))).toEqual({ name: '', bigNumber: '5', yes: false, raw: '', kind: 'KIND_NONE', tags: [], byName: {}, ratio: 0 });
  expect(await run(call('Count', { name: 'x' }))).toEqual(Array(3).fill(expect.objectContaining({ name: 'x' })));
  expect(files.arrivals.filter(({ path }) => path === '/kinds.proto')).toHaveLength(1);
});

test('carries key, attempt, trace and credentials as metadata', async () => {
  const step = { execution: 'e9', run: 1, activation: 4, attempt: 2, traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01' };
  await bench([grpc], { secrets: { mine: 'the-bearer-token' } }).output('grpc.call', call('Echo', {}, { authentication: { kind: 'bearer', secret: 'mine' } }), step);
  expect(seen.at(-1)?.getMap()).toMatchObject({ 'idempotency-key': 'e9/1/4', 'millrace-attempt': '2', 'traceparent': step.traceparent, 'authorization': 'Bearer the-bearer-token' });
});

test('what the service answers besides a message is a communication error with HTTP\'s nearest status', async () => {
  expect(await bench([grpc]).failure('grpc.call', call('Fail'))).toMatchObject({
    type: 'https://serverlessworkflow.io/spec/1.0.0/errors/communication',
    status: 404,
    title: 'NOT_FOUND',
    detail: expect.stringContaining('demo.v1.Demo/Fail of 127.0.0.1'),
  });
  const gone = { ...call('Echo'), service: { name: 'demo.v1.Demo', host: '127.0.0.1', port: 1 } };
  expect(await bench([grpc]).failure('grpc.call', gone)).toMatchObject({ status: 503 });
  expect(await bench([grpc]).failure('grpc.call', call('Hang'), { timeoutMs: 80 })).toMatchObject({ type: 'https://serverlessworkflow.io/spec/1.0.0/errors/timeout', status: 408 });
});

test.each<[string, () => JsonObject, number, string]>([
  ['a service that is not there', () => ({ ...call('Echo'), service: { name: 'demo.v1.Other', host: '127.0.0.1', port } }), 400, 'has no service demo.v1.Other'],
  ['a method that is not there', () => call('Other'), 400, 'has no method Other; it has Echo, Count, Fail, Hang'],
  ['a proto that is none', () => ({ ...call('Echo'), proto: { uri: `${files.url}/bad.proto` } }), 400, 'is no proto'],
  ['a proto that is not there', () => ({ ...call('Echo'), proto: { uri: `${files.url}/none.proto` } }), 404, 'answered 404'],
  ['a field that is not there', () => call('Echo', { wrong: 1 }), 400, '/arguments/wrong is no field of demo.v1.Everything'],
  ['a value of another type', () => call('Echo', { byName: { x: { n: 'one' } } }), 400, '/arguments/byName/x/n is no int32'],
  ['a value that is no list', () => call('Echo', { tags: 'a' }), 400, '/arguments/tags is not a list'],
  ['a name of no value', () => call('Echo', { kind: 'KIND_OTHER' }), 400, '/arguments/kind is none of KIND_NONE, KIND_SOME'],
])('%s ends before the call, and says so', async (_, args, httpStatus, detail) => {
  expect(await bench([grpc]).failure('grpc.call', args())).toMatchObject({ status: httpStatus, detail: expect.stringContaining(detail) });
});

test('the address guard keeps calls from this machine, and credentials never go out in clear', async () => {
  const guardedOutside = openOutside({ allowLoopback: false });
  const resources = outside.resources;
  const guarded = grpcConnector({ ...guardedOutside, resources });
  expect(await bench([guarded]).failure('grpc.call', call('Echo'))).toMatchObject({ status: 403, detail: expect.stringContaining('MILLRACE_ALLOW_LOOPBACK') });
  const open = { ...call('Echo', {}, { authentication: { kind: 'bearer', token: 'a-token' } }), service: { name: 'demo.v1.Demo', host: '93.184.215.14', port: 50051 } };
  expect(await bench([guarded]).failure('grpc.call', open)).toMatchObject({ status: 400, detail: expect.stringContaining('in clear') });
  guarded.close();
  await guardedOutside.close();
});
