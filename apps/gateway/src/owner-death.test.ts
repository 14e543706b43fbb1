import { Metadata, credentials } from '@grpc/grpc-js';
import { ExecutionServiceClient, WorkflowServiceClient, type StartExecutionsResponse, type StreamedAnswer, type StreamedStart } from '@millrace/contracts/gateway/v1/gateway';
import type { Execution } from '@millrace/contracts/execution/v1/execution';
import { startMongod, startNats, type MongoServer, type NatsServer } from '@millrace/servers';
import { startService, temporaryFolder, type ServiceProcess, type TemporaryFolder } from '@millrace/testkit';
import { randomBytes } from 'node:crypto';
import path from 'node:path';
import { hashKey, makeKey } from './api-key.ts';

const STARTS = 300;
const WORKFLOW = `
document: { dsl: '1.0.3', namespace: test, name: waits, version: '1.0.0' }
do:
  - pause: { wait: { seconds: 2 } }
  - done: { set: { n: '\${ $workflow.input.n }' } }
`;

const operator = makeKey();
let folder: TemporaryFolder;
let nats: NatsServer;
let mongod: MongoServer;
let gateway: ServiceProcess;
let grpc: string;
const orchestrators: ServiceProcess[] = [];

async function start(service: string, number: number, more: Record<string, string> = {}): Promise<{ readonly process: ServiceProcess; readonly grpc: string }> {
  const process = startService({
    name: `${service}-${number}`,
    entry: `apps/${service}/src/main.ts`,
    environment: { MILLRACE_INSTANCE: `${service}-${number}`, MILLRACE_NATS_URL: nats.url, MILLRACE_MONGODB_URL: mongod.url, MILLRACE_SECRET_KEY: randomBytes(32).toString('base64'), ...more },
  });
  const { record } = await process.waitForLine((line) => line.record?.['msg'] === 'Ready');
  return { process, grpc: String(record?.['grpc']) };
}

beforeAll(async () => {
  folder = await temporaryFolder('owner-death');
  [nats, mongod] = await Promise.all([startNats({ dataDir: path.join(folder.path, 'nats') }), startMongod({ dataDir: path.join(folder.path, 'mongo') })]);
  for (const number of [1, 2]) orchestrators.push((await start('orchestrator', number, { MILLRACE_LANES: '4' })).process);
  const started = await start('gateway', 1, { MILLRACE_OPERATOR_KEY_HASH: hashKey(operator.key) });
  gateway = started.process;
  grpc = started.grpc;
}, 60_000);

afterAll(async () => {
  await Promise.all([gateway, ...orchestrators].map((each) => (each.running() ? each.stop() : each.exited)));
  await Promise.all([nats.stop(), mongod.stop()]);
  await folder.remove();
}, 60_000);

const withKey = (): Metadata => {
  const metadata = new Metadata();
  metadata.set('authorization', `Bearer ${operator.key}`);
  return metadata;
};

function show(client: ExecutionServiceClient, execution: string): Promise<Execution> {
  return new Promise((resolve, reject) => {
    client.getExecution({ execution }, withKey(), (error, found) => (error === null ? resolve(found) : reject(error)));
  });
}

test('every start of a stream ends once for its client though the owner of half the lanes is killed', async () => {
  const workflows = new WorkflowServiceClient(grpc, credentials.createInsecure());
  await new Promise((resolve, reject) => {
    workflows.applyWorkflow({ document: WORKFLOW, fileName: 'waits.yaml', unregistered: false, dryRun: false, draft: false }, withKey(), (error, workflow) => (error === null ? resolve(workflow) : reject(error)));
  });
  workflows.close();

  const client = new ExecutionServiceClient(grpc, credentials.createInsecure());
  const call = client.startExecutions(withKey());
  const answers: StreamedAnswer[] = [];
  let durable = 0;
  const half = new Promise<void>((resolve) => {
    call.on('data', ({ answers: batch }: StartExecutionsResponse) => {
      answers.push(...batch);
      durable += batch.filter(({ status }) => status === 'pending').length;
      if (durable >= STARTS / 2) resolve();
    });
  });
  const over = new Promise<void>((resolve, reject) => {
    call.on('end', () => resolve());
    call.on('error', reject);
  });
  const streamed = (number: number): StreamedStart => ({ number, workflow: 'waits', inputJson: `{"n":${number}}`, idempotencyKey: '', wait: true, acknowledge: true, organisation: '', traceparent: '' });
  for (let number = 1; number <= STARTS / 2; number += 1) call.write({ starts: [streamed(number)] });
  await half;
  await orchestrators[0]?.kill();
  // While nobody owns these lanes executions are known all the same: who asks waits for the next owner.
  const shown = Promise.all(answers.filter(({ status }) => status === 'pending').map(({ execution }) => show(client, execution)));
  // Starts are held, not refused.
  for (let number = STARTS / 2 + 1; number <= STARTS; number += 1) call.write({ starts: [streamed(number)] });
  call.end();
  await over;
  expect(new Set((await shown).map(({ workflow }) => workflow))).toEqual(new Set(['waits']));
  client.close();

  const ends = answers.filter(({ status }) => status !== 'pending');
  expect(ends.map(({ number }) => number).toSorted((a, b) => a - b)).toEqual(Array.from({ length: STARTS }, (_, index) => index + 1));
  expect(new Set(ends.map(({ status, reason }) => `${status} ${reason}`.trim()))).toEqual(new Set(['completed']));
  expect(ends.every(({ number, outputJson }) => outputJson === `{"n":${number}}`)).toBe(true);
  expect(answers.filter(({ status }) => status === 'pending')).toHaveLength(STARTS);
  expect(new Set(answers.map(({ execution }) => execution)).size).toBe(STARTS);
}, 60_000);
