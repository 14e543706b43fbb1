/**
 * The commit cycle alone: what the design costs when nothing is built on it. One lane, one durable frame a cycle,
 * steps over a gRPC stream to a worker in another process. No language, limits, recovery, history, events, client.
 *
 * Arguments: one JSON document. Prints one JSON document for each round.
 */
import { loadPackageDefinition, Server, ServerCredentials, type ServerDuplexStream } from '@grpc/grpc-js';
import { jetstream, jetstreamManager, StorageType } from '@nats-io/jetstream';
import { connect } from '@nats-io/transport-node';
import { BARE_SERVICE, type BareStep } from './bare-protocol.ts';
import { quantile } from './statistics.ts';

export interface BarePlan {
  readonly nats: string;
  readonly inFlight: number;
  readonly steps: number;
  readonly input: { readonly a: number; readonly text: string };
  readonly warmUpSeconds: number;
  readonly seconds: number;
  readonly rounds: number;
}

const STREAM = 'BARE';
const SUBJECT = 'bare';

interface Running {
  step: number;
  readonly sinceMs: number;
}

const plan = JSON.parse(process.argv[2] ?? '{}') as BarePlan;
const connection = await connect({ servers: plan.nats });
await (await jetstreamManager(connection)).streams.add({ name: STREAM, subjects: [SUBJECT], storage: StorageType.File });
const log = jetstream(connection);

const running = new Map<number, Running>();
let arrived: BareStep[] = [];
let starts = 0;
let next = 1;
let sequence = 0;
let cycling = false;
let latencies: number[] = [];
let frames = 0;
let records = 0;
let worker: ServerDuplexStream<readonly BareStep[], readonly BareStep[]> | undefined;

async function cycle(): Promise<void> {
  while (arrived.length > 0 || starts > 0) {
    const taken = arrived;
    arrived = [];
    const out: BareStep[] = [];
    const written: unknown[] = [];
    let ended = 0;
    for (const { id, value } of taken) {
      const execution = running.get(id);
      if (execution === undefined) continue;
      execution.step++;
      written.push({ id, step: execution.step, value });
      if (execution.step < plan.steps) out.push({ id, value: { a: value.a + 1, text: value.text } });
      else {
        running.delete(id);
        latencies.push(performance.now() - execution.sinceMs);
        ended++;
      }
    }
    for (let left = starts + ended; left > 0; left--) {
      const id = next++;
      running.set(id, { step: 0, sinceMs: performance.now() });
      written.push({ id, input: plan.input });
      out.push({ id, value: plan.input });
    }
    starts = 0;
    const answer = await log.publish(SUBJECT, JSON.stringify(written), { expect: { lastSubjectSequence: sequence } });
    sequence = answer.seq;
    frames++;
    records += taken.length;
    if (out.length > 0) worker?.write(out);
  }
  cycling = false;
}

function go(): void {
  if (cycling) return;
  cycling = true;
  void cycle();
}

const server = new Server({ 'grpc.max_receive_message_length': 64 * 1024 * 1024 });
const { Bare } = loadPackageDefinition({ Bare: BARE_SERVICE }) as unknown as { readonly Bare: { readonly service: Parameters<Server['addService']>[0] } };
server.addService(Bare.service, {
  Work(call: ServerDuplexStream<readonly BareStep[], readonly BareStep[]>) {
    worker = call;
    call.on('data', (results: readonly BareStep[]) => {
      arrived = arrived.length === 0 ? [...results] : arrived.concat(results);
      go();
    });
    call.on('error', () => undefined);
    starts = plan.inFlight;
    go();
  },
});
const port = await new Promise<number>((settle, fail) => server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, bound) => (error === null ? settle(bound) : fail(error))));
const say = (line: unknown): void => void process.stdout.write(`${JSON.stringify(line)}\n`);
say({ kind: 'listening', port });

const pause = (seconds: number): Promise<void> => new Promise((settle) => setTimeout(settle, seconds * 1000));
while (worker === undefined) await pause(0.05);
await pause(plan.warmUpSeconds);
for (let round = 0; round < plan.rounds; round++) {
  latencies = [];
  [frames, records] = [0, 0];
  const since = performance.now();
  await pause(plan.seconds);
  const seconds = (performance.now() - since) / 1000;
  const sorted = Float64Array.from(latencies).sort();
  say({ kind: 'round', stepsPerSecond: records / seconds, executionsPerSecond: sorted.length / seconds, p50Ms: quantile(sorted, 0.5), p99Ms: quantile(sorted, 0.99), eventsPerFrame: frames === 0 ? 0 : records / frames });
}
process.exit(0);
