import { credentials } from '@grpc/grpc-js';
import { DefinitionsClient, ExecutionsClient } from '@millrace/contracts/orchestrator/v1/executions';
import type { Execution } from '@millrace/contracts/execution/v1/execution';
import { WebhooksClient, type Webhook } from '@millrace/contracts/trigger/v1/webhooks';
import { startMongod, startNats, type MongoServer, type NatsServer } from '@millrace/servers';
import { eventually, startService, temporaryFolder, type ServiceProcess, type TemporaryFolder } from '@millrace/testkit';
import { randomBytes } from 'node:crypto';
import path from 'node:path';

const WORKFLOW = `
document: { dsl: '1.0.3', namespace: test, name: greets, version: '1.0.0' }
do:
  - greet: { set: { greeting: '\${ "hello " + .body.name }' } }
`;

interface Started {
  readonly process: ServiceProcess;
  readonly grpc: string;
  readonly http: string;
}

let folder: TemporaryFolder;
let nats: NatsServer;
let mongod: MongoServer;
let orchestrator: Started;
let trigger: Started;

async function start(service: string): Promise<Started> {
  const process = startService({
    name: service,
    entry: `apps/${service}/src/main.ts`,
    environment: { MILLRACE_NATS_URL: nats.url, MILLRACE_MONGODB_URL: mongod.url, MILLRACE_SECRET_KEY: randomBytes(32).toString('base64') },
  });
  const { record } = await process.waitForLine((line) => line.record?.['msg'] === 'Ready');
  return { process, grpc: String(record?.['grpc']), http: String(record?.['http']) };
}

beforeAll(async () => {
  folder = await temporaryFolder('orchestrator-away');
  [nats, mongod] = await Promise.all([startNats({ dataDir: path.join(folder.path, 'nats') }), startMongod({ dataDir: path.join(folder.path, 'mongo') })]);
  [orchestrator, trigger] = await Promise.all([start('orchestrator'), start('trigger')]);
  const definitions = new DefinitionsClient(orchestrator.grpc, credentials.createInsecure());
  await new Promise((resolve, reject) => {
    definitions.apply({ organisation: 'acme', document: WORKFLOW, fileName: 'greets.yaml', unregistered: false, dryRun: false, draft: false }, (error, applied) => (error === null ? resolve(applied) : reject(error)));
  });
  definitions.close();
  await put({ name: 'tells', reply: 'accepted' });
  await put({ name: 'answers', reply: 'output' });
}, 60_000);

afterAll(async () => {
  await Promise.all([trigger.process.stop(), orchestrator.process.stop()]);
  await Promise.all([nats.stop(), mongod.stop()]);
  await folder.remove();
}, 60_000);

function put(webhook: Pick<Webhook, 'name' | 'reply'>): Promise<unknown> {
  const client = new WebhooksClient(trigger.grpc, credentials.createInsecure());
  return new Promise((resolve, reject) => {
    client.put({ organisation: 'acme', workflow: 'greets', signatureScheme: '', signatureSecret: '', idempotencyKey: '.headers["x-id"]', ...webhook }, (error, summary) => (error === null ? resolve(summary) : reject(error)));
  }).finally(() => client.close());
}

function deliver(name: string, id: string): Promise<Response> {
  return fetch(`${trigger.http}/v1/hooks/acme/${name}`, { method: 'POST', headers: { 'content-type': 'application/json', 'x-id': id }, body: '{"name":"Ann"}' });
}

function show(execution: string): Promise<Execution> {
  const client = new ExecutionsClient(orchestrator.grpc, credentials.createInsecure());
  return new Promise<Execution>((resolve, reject) => {
    client.get({ organisation: 'acme', execution }, (error, found) => (error === null ? resolve(found) : reject(error)));
  }).finally(() => client.close());
}

test('a webhook that replies with the output answers with what the workflow made of the request', async () => {
  const answer = await deliver('answers', 'a-1');
  expect(answer.status).toBe(200);
  expect(await answer.json()).toEqual({ greeting: 'hello Ann' });
});

test('the same request again answers with the same output, after the execution has ended too', async () => {
  const first = await deliver('answers', 'a-2');
  const second = await deliver('answers', 'a-2');
  expect([second.status, await second.json()]).toEqual([200, await first.json()]);
  expect(second.headers.get('millrace-execution')).toBe(first.headers.get('millrace-execution'));
});

test('the same request again attaches to the execution that runs', async () => {
  const answers = await Promise.all(Array.from({ length: 5 }, () => deliver('answers', 'a-3')));
  expect(answers.map(({ status }) => status)).toEqual([200, 200, 200, 200, 200]);
  expect(new Set(answers.map(({ headers }) => headers.get('millrace-execution'))).size).toBe(1);
});

test('the same key with another input is told of the conflict', async () => {
  await deliver('answers', 'a-4');
  const other = await fetch(`${trigger.http}/v1/hooks/acme/answers`, { method: 'POST', headers: { 'content-type': 'application/json', 'x-id': 'a-4' }, body: '{"name":"Bob"}' });
  expect([other.status, await other.json()]).toEqual([409, expect.objectContaining({ reason: 'idempotency-conflict' })]);
});

test('requests are accepted while the orchestrator is away, and each is executed once when it is back', async () => {
  await orchestrator.process.kill();
  const ids = Array.from({ length: 40 }, (_, index) => `b-${index}`);
  const accepted = await Promise.all(ids.map(async (id) => ((await (await deliver('tells', id)).json()) as { execution: string }).execution));
  const again = ((await (await deliver('tells', 'b-0')).json()) as { execution: string }).execution;
  expect(again).toBe(accepted[0]);
  orchestrator = await start('orchestrator');
  const ended = await Promise.all(accepted.map((execution) => eventually(async () => {
    const found = await show(execution);
    return found.endedAtMs > 0 && found;
  })));
  expect(new Set(ended.map(({ status, outputJson }) => `${status} ${outputJson}`))).toEqual(new Set(['completed {"greeting":"hello Ann"}']));
}, 60_000);

test('a request that waits for its output over the orchestrator’s death gets it from the next one', async () => {
  await orchestrator.process.kill();
  const waiting = deliver('answers', 'c-1');
  orchestrator = await start('orchestrator');
  const answer = await waiting;
  expect([answer.status, await answer.json()]).toEqual([200, { greeting: 'hello Ann' }]);
}, 60_000);
