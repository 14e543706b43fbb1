import { startHttpTarget, type Arrival, type HttpTarget, type TargetAnswer } from '@millrace/testkit';
import type { ConnectorManifest, JsonObject } from '../../manifest.ts';
import { openOutside, type Outside } from '../../testing/outside.ts';
import { bench } from '../../testing/run-operation.ts';
import { a2aConnector } from './a2a.ts';

let target: HttpTarget;
let outside: Outside;
let a2a: ConnectorManifest;
let answer: (message: JsonObject, arrival: Arrival) => TargetAnswer;

beforeAll(async () => {
  target = await startHttpTarget({
    answer: (arrival) => (arrival.path === '/card.json' ? { body: { name: 'Clerk', url: '/agent' } } : arrival.path === '/empty.json' ? { body: {} } : answer(JSON.parse(arrival.body) as JsonObject, arrival)),
  });
});
beforeEach(() => {
  outside = openOutside();
  a2a = a2aConnector(outside);
  answer = ({ id, params }) => ({ body: { jsonrpc: '2.0', id: id ?? null, result: { echo: params ?? null } } });
});
afterEach(() => outside.close());
afterAll(() => target.close());

const server = (more: JsonObject = {}): JsonObject => ({ server: { uri: `${target.url}/agent`, ...more } });

test('a message goes to the agent with an id and a role, and the result is the output', async () => {
  const output = await bench([a2a]).output('a2a.send', { ...server({ authentication: { kind: 'bearer', token: 'a-token' } }), method: 'message/send', parameters: { message: { parts: [{ kind: 'text', text: 'Hi' }] } } });
  expect(output).toEqual({ echo: { message: { kind: 'message', role: 'user', messageId: expect.stringMatching(/^x1\/1\/\d+$/), parts: [{ kind: 'text', text: 'Hi' }] } } });
  expect(target.arrivals.at(-1)).toMatchObject({ method: 'POST', path: '/agent', headers: { authorization: 'Bearer a-token' } });
});

test('an agent is found by its card', async () => {
  expect(await bench([a2a]).output('a2a.read', { agentCard: { uri: `${target.url}/card.json` }, method: 'tasks/get', parameters: { id: 't1' } })).toEqual({ echo: { id: 't1' } });
  expect(await bench([a2a]).failure('a2a.read', { agentCard: { uri: `${target.url}/empty.json` }, method: 'tasks/get' })).toMatchObject({ type: expect.stringContaining('configuration') as never, detail: expect.stringContaining('no agent card') as never });
});

test('a stream is a list of its results', async () => {
  answer = ({ id }) => ({ headers: { 'content-type': 'text/event-stream' }, body: [1, 2].map((n) => `data: ${JSON.stringify({ jsonrpc: '2.0', id, result: { n } })}\n\n`).join('') });
  expect(await bench([a2a]).output('a2a.send', { ...server(), method: 'message/stream', parameters: { message: { parts: [] } } })).toEqual([{ n: 1 }, { n: 2 }]);
});

test('an agent\'s error is a runtime error, a status that is no success a communication error', async () => {
  answer = ({ id }) => ({ body: { jsonrpc: '2.0', id: id ?? null, error: { code: -32001, message: 'no such task' } } });
  expect(await bench([a2a]).failure('a2a.read', { ...server(), method: 'tasks/get', parameters: { id: 'x' } })).toMatchObject({ type: 'https://serverlessworkflow.io/spec/1.0.0/errors/runtime', detail: expect.stringContaining('no such task') as never });
  answer = () => ({ status: 503 });
  expect(await bench([a2a]).failure('a2a.read', { ...server(), method: 'tasks/list' })).toMatchObject({ type: 'https://serverlessworkflow.io/spec/1.0.0/errors/communication', status: 503 });
});
