/**
 * The client process of a benchmark: keeps a number of executions in flight over one stream of the gateway's
 * public gRPC API and counts one when it has seen its end.
 *
 * Arguments: one JSON document. Prints one JSON document for each round; ends after the last.
 */
import { credentials, Metadata } from '@grpc/grpc-js';
import { ExecutionServiceClient, type StartExecutionsResponse } from '@millrace/contracts/gateway/v1/gateway';
import { quantile } from './statistics.ts';

export interface ClientPlan {
  readonly address: string;
  readonly key: string;
  readonly workflow: string;
  readonly inputJson: string;
  readonly inFlight: number;
  readonly warmUpSeconds: number;
  readonly seconds: number;
  readonly rounds: number;
}

export interface ClientRound {
  readonly executions: number;
  readonly seconds: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly failed: number;
  readonly firstFailure: string;
}

const plan = JSON.parse(process.argv[2] ?? '{}') as ClientPlan;
const metadata = new Metadata();
metadata.set('authorization', `Bearer ${plan.key}`);
metadata.set('millrace-organisation', 'default');
const client = new ExecutionServiceClient(plan.address, credentials.createInsecure(), { 'grpc.max_receive_message_length': 16 * 1024 * 1024 });
const stream = client.startExecutions(metadata);

const startedAt = new Map<number, number>();
let next = 1;
let latencies: number[] = [];
let failed = 0;
let firstFailure = '';
let launching = true;
let idle: () => void = () => undefined;

function launch(count: number): void {
  const starts = [];
  for (let index = 0; index < count; index++) {
    const number = next++;
    startedAt.set(number, performance.now());
    starts.push({ number, workflow: plan.workflow, inputJson: plan.inputJson, idempotencyKey: '', wait: true, acknowledge: false, organisation: '', traceparent: '' });
  }
  stream.write({ starts });
}

stream.on('data', (response: StartExecutionsResponse) => {
  let ended = 0;
  const now = performance.now();
  for (const answer of response.answers) {
    const since = startedAt.get(answer.number);
    if (since === undefined || answer.status === 'pending') continue;
    startedAt.delete(answer.number);
    ended++;
    if (answer.status === 'completed') latencies.push(now - since);
    else {
      failed++;
      if (firstFailure === '') firstFailure = `${answer.status}: ${answer.reason} ${answer.message} ${answer.error?.detail ?? ''}`;
    }
  }
  if (launching && ended > 0) launch(ended);
  if (startedAt.size === 0) idle();
});
stream.on('error', (error: Error) => {
  process.stderr.write(`client: the stream ended: ${error.message}\n`);
  process.exit(1);
});

const pause = (seconds: number): Promise<void> => new Promise((settle) => setTimeout(settle, seconds * 1000));

launch(plan.inFlight);
await pause(plan.warmUpSeconds);
for (let round = 0; round < plan.rounds; round++) {
  latencies = [];
  failed = 0;
  process.stdout.write(`${JSON.stringify({ kind: 'begin', round })}\n`);
  const since = performance.now();
  await pause(plan.seconds);
  const seconds = (performance.now() - since) / 1000;
  const sorted = Float64Array.from(latencies).sort();
  const result: ClientRound = { executions: sorted.length, seconds, p50Ms: quantile(sorted, 0.5), p99Ms: quantile(sorted, 0.99), failed, firstFailure };
  process.stdout.write(`${JSON.stringify({ kind: 'round', round, ...result })}\n`);
}
launching = false;
if (startedAt.size > 0) await Promise.race([new Promise<void>((settle) => { idle = settle; }), pause(15)]);
process.stdout.write(`${JSON.stringify({ kind: 'end', left: startedAt.size })}\n`);
stream.end();
client.close();
process.exit(0);
