import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { compileWorkflow, workflowOfValue } from '@millrace/dsl';
import type { CallNode, JsonValue } from '@millrace/engine';
import type { RehearsedStep } from '@millrace/workflow-testing';
import { runCommandLine } from './command-line.ts';
import { isRead, stepDocument } from './plan-step.ts';
import { recordedTerminal } from './testing/recorded-terminal.ts';

const WORKFLOW = `document: { dsl: '1.0.3', namespace: t, name: orders, version: 1.0.0 }
do:
  - look: { call: 'millrace.echo:1.0.0@default', with: { n: '\${ .n }' } }
  - pay:
      call: http
      with: { method: post, endpoint: 'https://bank.example.com/charges', body: { n: '\${ .n }' } }
      export: { as: '\${ {charge: .id} }' }
  - rest: { wait: { hours: 1 } }
  - tell: { emit: { event: { with: { source: https://t, type: paid, data: '\${ $context.charge }' } } } }
`;
let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(path.join(os.tmpdir(), 'millrace-plan-'));
  await writeFile(path.join(folder, 'orders.yaml'), WORKFLOW);
  await writeFile(path.join(folder, 'assume.yaml'), '- { task: pay, output: { id: ch_1 } }\n');
});
afterAll(() => rm(folder, { recursive: true, force: true }));

async function run(...words: readonly string[]) {
  const terminal = recordedTerminal({ directory: folder });
  return { status: await runCommandLine(words, terminal), output: terminal.output(), errors: terminal.errors() };
}

test('without approval no write goes out, and the plan says what follows without it', async () => {
  // There is no cluster: what went out would fail.
  const { status, output } = await run('plan', 'orders.yaml', '--input', '{"n": 3}');
  expect(output).toMatch(/^ {2}read +\/do\/0\/look +millrace\.echo$/m);
  expect(output).toMatch(/^ {2}withheld +\/do\/1\/pay +http\.request$/m);
  expect(output).toMatch(/^ {2}withheld +\/do\/3\/tell +event\.emit, after 60 m/m);
  expect(output).toContain('Path    look > pay > rest > tell');
  expect(output).toContain('--approve pay --approve tell');
  expect(status).toBe(0);
});

test('what is assumed of a write is what the plan goes on with; run --dry-run is the same', async () => {
  const { status, output } = await run('run', 'orders.yaml', '--dry-run', '--input', '{"n": 3}', '--assume', 'assume.yaml', '--output', 'json');
  expect(JSON.parse(output)).toMatchObject({ status: 'completed', tookMs: 3_600_000, output: { type: 'paid', data: 'ch_1' }, steps: [{ how: 'read' }, { how: 'assumed', answer: { output: { id: 'ch_1' } } }, { how: 'withheld' }] });
  expect(status).toBe(0);
});

test('what is approved goes out, which needs a cluster', async () => {
  const { status, errors } = await run('plan', 'orders.yaml', '--approve', 'pay');
  expect(errors).toContain('No Millrace is up');
  expect(status).toBe(1);
});

test('who sits there is asked for every write, and a no withholds it', async () => {
  const questions: string[] = [];
  const terminal = recordedTerminal({ directory: folder, ask: (question) => (questions.push(question), Promise.resolve('n')) });
  expect(await runCommandLine(['plan', 'orders.yaml'], terminal)).toBe(0);
  expect(questions).toEqual([expect.stringContaining('/do/1/pay would http.request'), expect.stringContaining('/do/3/tell would event.emit')]);
});

test('approval without a plan is wrong usage', async () => {
  expect((await run('run', 'orders.yaml', '--approve', 'all')).errors).toContain('say --dry-run too');
});

function step(operation: string, given: JsonValue, definition: JsonValue = {}): RehearsedStep {
  const node = { kind: 'call', number: 1, name: 'it', reference: '/do/0/it', operation, definition } as unknown as CallNode;
  return { program: { name: 'w', hash: 'abc', document: { use: { secrets: ['token'] } } } as never, node, activation: 1, attempt: 1, operation, arguments: given, atMs: 0 };
}

test.each([
  ['http.request:1.0.0@default', { method: 'get' }, true],
  ['http.request:1.0.0@default', { method: 'POST' }, false],
  ['sql.query:1.0.0@default', {}, true],
  ['sql.execute:1.0.0@default', {}, false],
  ['openapi.call:1.0.0@default', {}, false],
  ['grpc.call:1.0.0@default', {}, false],
  ['event.emit:1.0.0@default', {}, false],
  ['workflow.run:1.0.0@default', {}, false],
])('%s with %j is a read: %s', (operation, given, expected) => {
  expect(isRead(step(operation, given))).toBe(expected);
});

test('a task may declare that its step is safe', () => {
  expect(isRead(step('grpc.call:1.0.0@default', {}, { metadata: { safe: true } }))).toBe(true);
});

test('the workflow of one step compiles, its texts are texts, and its secrets are named again', () => {
  const document = stepDocument(step('http.request:1.0.0@default', { method: 'GET', uri: 'https://x/${ .a }', headers: { authorization: 'Bearer ~secret.abc.token.key~' } }));
  expect(document).toMatchObject({ use: { secrets: ['token'] }, do: [{ it: { with: { uri: '${ "https://x/${ .a }" }', headers: { authorization: '${ "Bearer " + $secrets["token"]["key"] }' } } } }] });
  expect(compileWorkflow(workflowOfValue(document as never))).toMatchObject({ kind: 'compiled' });
});
