import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { startHttpTarget, temporaryFolder, type Arrival, type HttpTarget, type TargetAnswer, type TemporaryFolder } from '@millrace/testkit';
import type { ConnectorManifest, JsonObject } from '../../manifest.ts';
import { openOutside, type Outside } from '../../testing/outside.ts';
import { bench } from '../../testing/run-operation.ts';
import { mcpConnector } from './mcp.ts';

/** A server of one tool, as both transports run it. */
const SERVER = `
const tools = [{ name: 'add', inputSchema: { type: 'object' } }];
export function answer({ id, method, params }) {
  const result = (value) => ({ jsonrpc: '2.0', id, result: value });
  if (method === 'initialize') return result({ protocolVersion: params.protocolVersion, capabilities: { tools: {} }, serverInfo: { name: params.clientInfo.name, version: '1' } });
  if (method === 'tools/list') return result({ tools });
  if (method === 'tools/call' && params.name === 'add') return result({ content: [{ type: 'text', text: String(params.arguments.a + params.arguments.b) }] });
  if (method === 'tools/call') return { jsonrpc: '2.0', id, error: { code: -32602, message: 'no tool ' + params.name } };
  return id === undefined ? undefined : { jsonrpc: '2.0', id, error: { code: -32601, message: 'no method ' + method } };
}
`;
const STDIO = `
import { createInterface } from 'node:readline';
import { answer } from './server.mjs';
if (process.argv[2] === 'broken') { console.error('no such account'); process.exit(3); }
console.log('starting');
createInterface({ input: process.stdin }).on('line', (line) => {
  const message = JSON.parse(line);
  if (message.method === 'resources/read') return console.log(JSON.stringify({ jsonrpc: '2.0', id: message.id, result: { environment: process.env } }));
  const answered = answer(message);
  if (answered && process.argv[2] !== 'silent') console.log(JSON.stringify(answered));
});
`;

let folder: TemporaryFolder;
let target: HttpTarget;
let outside: Outside;
let mcp: ConnectorManifest;
let answer: (message: JsonObject) => JsonObject | undefined;
/** How the HTTP server writes an answer. */
let write: (message: JsonObject, arrival: Arrival) => TargetAnswer;

const asJson = (message: JsonObject): TargetAnswer => ({ body: message, headers: { 'mcp-session-id': 'session-7' } });

beforeAll(async () => {
  folder = await temporaryFolder('mcp');
  await writeFile(path.join(folder.path, 'server.mjs'), SERVER);
  await writeFile(path.join(folder.path, 'stdio.mjs'), STDIO);
  ({ answer } = (await import(path.join(folder.path, 'server.mjs'))) as { answer: typeof answer });
  target = await startHttpTarget({
    answer: (arrival) => {
      if (arrival.method === 'DELETE') return { status: 200 };
      const answered = answer(JSON.parse(arrival.body) as JsonObject);
      return answered === undefined ? { status: 202, body: '' } : write(answered, arrival);
    },
  });
});
beforeEach(() => {
  write = asJson;
  outside = openOutside();
  mcp = mcpConnector({ ...outside, commands: [process.execPath], path: '/usr/bin:/bin' });
});
afterEach(() => outside.close());
afterAll(async () => {
  await target.close();
  await folder.remove();
});

const overHttp = (method: string, parameters?: JsonObject, more: JsonObject = {}): JsonObject => ({ protocolVersion: '2025-06-18', method, ...(parameters === undefined ? {} : { parameters }), transport: { http: { uri: `${target.url}/mcp`, headers: { 'X-Team': 'blue' } } }, ...more });
const overStdio = (method: string, parameters?: JsonObject, ...args: readonly string[]): JsonObject => ({
  method,
  ...(parameters === undefined ? {} : { parameters }),
  transport: { stdio: { command: process.execPath, arguments: [path.join(folder.path, 'stdio.mjs'), ...args], environment: { TOKEN: 'abc' } } },
  client: { name: 'mine', version: '2.0.0' },
});
const add = { name: 'add', arguments: { a: 2, b: 3 } };
const sum = { content: [{ type: 'text', text: '5' }] };
const RUNTIME = 'https://serverlessworkflow.io/spec/1.0.0/errors/runtime';

describe('over HTTP', () => {
  test('initialises, calls in the session with key and version, and ends the session', async () => {
    const before = target.arrivals.length;
    expect(await bench([mcp]).output('mcp.call', overHttp('tools/call', add))).toEqual(sum);
    const arrivals = target.arrivals.slice(before);
    expect(arrivals.map(({ body, method }) => (method === 'POST' ? (JSON.parse(body) as JsonObject)['method'] : method))).toEqual(['initialize', 'notifications/initialized', 'tools/call', 'DELETE']);
    expect(arrivals[0]?.headers).not.toHaveProperty('mcp-session-id');
    expect(arrivals[2]?.headers).toMatchObject({ 'mcp-session-id': 'session-7', 'mcp-protocol-version': '2025-06-18', 'x-team': 'blue', 'idempotency-key': expect.stringMatching(/^x1\/1\/\d+$/) });
  });

  test('takes the answer out of a stream of events that goes on, whatever else comes with it', async () => {
    const notification = { jsonrpc: '2.0', method: 'notifications/progress', params: {} };
    write = (message) => ({ headers: { 'content-type': 'text/event-stream' }, body: `: hello\n\nevent: message\r\ndata: ${JSON.stringify(notification)}\r\n\r\nid: 1\ndata: ${JSON.stringify(message)}\n\n` });
    expect(await bench([mcp]).output('mcp.read', overHttp('tools/list'))).toEqual({ tools: [{ name: 'add', inputSchema: { type: 'object' } }] });
    write = (message) => ({ headers: { 'content-type': 'text/event-stream' }, body: `data: ${JSON.stringify({ ...message, id: 99 })}\n\n` });
    expect(await bench([mcp]).failure('mcp.read', overHttp('tools/list'))).toMatchObject({ type: RUNTIME, detail: expect.stringContaining('ended without an answer') });
  });

  test('identifies itself, and a connection of connector http does it too', async () => {
    await bench([mcp], { secrets: { mine: 'mcp-token' } }).output('mcp.read', { method: 'tools/list', transport: { http: { uri: `${target.url}/mcp`, authentication: { kind: 'bearer', secret: 'mine' } } } });
    expect(target.arrivals.at(-1)?.headers['authorization']).toBe('Bearer mcp-token');
    const connection = { name: 'tools', connector: 'http', baseUrl: target.url, auth: { kind: 'header', header: 'X-Key', value: 'key-value' } } as const;
    await bench([mcp], { connections: [connection] }).output('mcp.read', overHttp('tools/list'), { connection: 'tools' });
    expect(target.arrivals.at(-1)?.headers['x-key']).toBe('key-value');
  });

  test('an error of the server is a runtime error, a status of HTTP a communication error with that status', async () => {
    expect(await bench([mcp]).failure('mcp.call', overHttp('tools/call', { name: 'other' }))).toMatchObject({ type: RUNTIME, status: 500, detail: 'tools/call failed with -32602: no tool other' });
    write = () => ({ status: 401, body: 'who are you' });
    expect(await bench([mcp]).failure('mcp.read', overHttp('tools/list'))).toMatchObject({ type: 'https://serverlessworkflow.io/spec/1.0.0/errors/communication', status: 401, detail: expect.stringContaining('who are you') });
    write = (message) => ({ body: { ...message, result: { protocolVersion: '1999-01-01' } } });
    expect(await bench([mcp]).failure('mcp.read', overHttp('tools/list'))).toMatchObject({ type: RUNTIME, detail: expect.stringContaining('version 1999-01-01') });
  });

  test('its own timeout ends a call that takes longer', async () => {
    write = (message) => ({ ...asJson(message), delayMs: 2_000 });
    expect(await bench([mcp]).failure('mcp.read', overHttp('tools/list', undefined, { timeout: 'PT0.05S' }))).toMatchObject({ type: 'https://serverlessworkflow.io/spec/1.0.0/errors/timeout', status: 408 });
  });
});

describe('over stdio', () => {
  test('starts the command for the call, with the environment that is stated alone', async () => {
    expect(await bench([mcp]).output('mcp.call', overStdio('tools/call', add))).toEqual(sum);
    expect(await bench([mcp]).output('mcp.read', overStdio('resources/read'))).toEqual({ environment: { PATH: '/usr/bin:/bin', TOKEN: 'abc' } });
  });

  test('a process that ends early is a runtime error with its last complaint, one that is silent a timeout', async () => {
    expect(await bench([mcp]).failure('mcp.read', overStdio('tools/list', undefined, 'broken'))).toMatchObject({ type: RUNTIME, detail: expect.stringContaining('ended with 3 before it answered: no such account') });
    expect(await bench([mcp]).failure('mcp.read', overStdio('tools/list', undefined, 'silent'), { timeoutMs: 500 })).toMatchObject({ status: 408 });
  });

  test('starts only what the operator has allowed', async () => {
    const failure = await bench([mcpConnector({ ...outside, commands: ['uvx'], path: '' })]).failure('mcp.read', overStdio('tools/list'));
    expect(failure).toMatchObject({ type: 'https://serverlessworkflow.io/spec/1.0.0/errors/authorization', status: 403, detail: expect.stringContaining('has allowed uvx') });
    const gone = { ...overStdio('tools/list'), transport: { stdio: { command: 'no-such-command' } } };
    expect(await bench([mcpConnector({ ...outside, commands: ['*'], path: '/nowhere' })]).failure('mcp.read', gone)).toMatchObject({ type: RUNTIME, detail: expect.stringContaining('could not be run: ENOENT') });
  });
});
