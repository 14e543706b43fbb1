/**
 * The client process of a benchmark: keeps a number of executions in flight over one stream of the gateway's
 * public gRPC API and counts one when it has seen its end.
 *
 * Arguments: one JSON document. Prints one JSON document for each round; ends after the last. Lines on standard
 * input, when `stepwise`, say when the next round may begin, so that other things can be done between two.
 */
import { createInterface } from 'node:readline';
import { credentials, Metadata } from '@grpc/grpc-js';
import { ExecutionServiceClient, type StartExecutionsResponse } from '@millrace/contracts/gateway/v1/gateway';
import { createChooser, type Choice, type Load } from './load.ts';
import { quantile } from './statistics.ts';

export interface ClientPlan {
  readonly address: string;
  readonly key: string;
  readonly load: Load;
  readonly inFlight: number;
  readonly warmUpSeconds: number;
  readonly seconds: number;
  readonly rounds: number;
  /** Wait for a line before each round; load goes on meanwhile. */
  readonly stepwise: boolean;
}

export interface ClientRound {
  readonly executions: number;
  readonly steps: number;
  readonly seconds: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly failed: number;
  readonly firstFailure: string;
}

/** How long the last executions may take to end, in seconds. */
const DRAIN_SECONDS = 120;

const plan = JSON.parse(process.argv[2] ?? '{}') as ClientPlan;
const choose = createChooser(plan.load);
const metadata = new Metadata();
metadata.set('authorization', `Bearer ${plan.key}`);
metadata.set('millrace-organisation', 'default');
const client = new ExecutionServiceClient(plan.address, credentials.createInsecure(), { 'grpc.max_receive_message_length': 16 * 1024 * 1024 });
const stream = client.startExecutions(metadata);

interface Open {
  readonly sinceMs: number;
  readonly choice: Choice;
}

const open = new Map<number, Open>();
let next = 1;
let latencies: number[] = [];
let steps = 0;
let failed = 0;
let firstFailure = '';
let launching = true;
let idle: () => void = () => undefined;

function launch(count: number): void {
  const starts = [];
  for (let index = 0; index < count; index++) {
    const number = next++;
    const choice = choose();
    open.set(number, { sinceMs: performance.now(), choice });
    starts.push({ number, workflow: choice.workflow, inputJson: choice.inputJson, idempotencyKey: '', wait: true, acknowledge: false, organisation: choice.organisation, traceparent: '' });
  }
  stream.write({ starts });
}

stream.on('data', (response: StartExecutionsResponse) => {
  let ended = 0;
  const now = performance.now();
  for (const answer of response.answers) {
    const started = open.get(answer.number);
    if (started === undefined || answer.status === 'pending') continue;
    open.delete(answer.number);
    ended++;
    if (answer.status === 'completed') {
      latencies.push(now - started.sinceMs);
      steps += started.choice.steps;
    } else {
      failed++;
      if (firstFailure === '') firstFailure = `${started.choice.workflow} ${answer.status}: ${answer.reason} ${answer.message} ${answer.error?.detail ?? ''}`;
    }
  }
  if (launching && ended > 0) launch(ended);
  if (open.size === 0) idle();
});
stream.on('error', (error: Error) => {
  process.stderr.write(`client: the stream ended: ${error.message}\n`);
  process.exit(1);
});

const pause = (seconds: number): Promise<void> => new Promise((settle) => setTimeout(settle, seconds * 1000));
const say = (line: unknown): void => void process.stdout.write(`${JSON.stringify(line)}\n`);

let permissions = 0;
let permitted: () => void = () => undefined;
if (plan.stepwise) {
  createInterface({ input: process.stdin }).on('line', () => {
    permissions++;
    permitted();
  });
}

async function untilPermitted(): Promise<void> {
  if (!plan.stepwise) return;
  while (permissions === 0) await new Promise<void>((settle) => { permitted = settle; });
  permissions--;
}

launch(plan.inFlight);
await pause(plan.warmUpSeconds);
for (let round = 0; round < plan.rounds; round++) {
  await untilPermitted();
  latencies = [];
  steps = 0;
  failed = 0;
  say({ kind: 'begin', round });
  const since = performance.now();
  await pause(plan.seconds);
  const seconds = (performance.now() - since) / 1000;
  const sorted = Float64Array.from(latencies).sort();
  const result: ClientRound = { executions: sorted.length, steps, seconds, p50Ms: quantile(sorted, 0.5), p99Ms: quantile(sorted, 0.99), failed, firstFailure };
  say({ kind: 'round', round, ...result });
}
launching = false;
if (open.size > 0) await Promise.race([new Promise<void>((settle) => { idle = settle; }), pause(DRAIN_SECONDS)]);
say({ kind: 'end', left: open.size });
stream.end();
client.close();
process.exit(0);
