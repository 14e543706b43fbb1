/** SIGKILL of an orchestrator with many executions in flight: how long until all move again, what was lost or doubled. */
import { credentials, type ClientDuplexStream } from '@grpc/grpc-js';
import { ExecutionServiceClient, type StartExecutionsRequest, type StartExecutionsResponse } from '@millrace/contracts/gateway/v1/gateway';
import { lasting, PAYLOAD } from './documents.ts';
import { quantile, round } from './statistics.ts';
import type { BenchFigures, WorkRun } from './work.ts';

const LIMIT_MS = 120_000;

/** `--inflight` executions are in flight when the orchestrator is killed. */
export async function runRecovery({ bed, meter, options }: WorkRun): Promise<BenchFigures> {
  const executions = options.inFlight;
  await bed.apply(lasting());
  await meter.begin();
  const client = new ExecutionServiceClient(bed.cluster.addresses.gatewayGrpc, credentials.createInsecure());
  const stream: ClientDuplexStream<StartExecutionsRequest, StartExecutionsResponse> = client.startExecutions(bed.metadata());
  const startedAt = performance.now();
  const accepted = new Set<number>();
  const ended = new Map<number, number>();
  let doubled = 0;
  let failed = 0;
  let wake: () => void = () => undefined;
  stream.on('error', () => wake());
  stream.on('data', ({ answers }: StartExecutionsResponse) => {
    for (const answer of answers) {
      if (answer.status === 'pending') accepted.add(answer.number);
      else if (ended.has(answer.number)) doubled++;
      else {
        ended.set(answer.number, performance.now());
        if (answer.status !== 'completed') failed++;
      }
    }
    wake();
  });
  const until = async (holds: () => boolean): Promise<void> => {
    const limit = setTimeout(() => wake(), LIMIT_MS);
    const since = performance.now();
    while (!holds() && performance.now() - since < LIMIT_MS) await new Promise<void>((settle) => { wake = settle; });
    clearTimeout(limit);
  };
  for (let from = 0; from < executions; from += 500) {
    stream.write({ starts: Array.from({ length: Math.min(500, executions - from) }, (_, index) => ({ number: from + index, workflow: 'lasting', inputJson: JSON.stringify(PAYLOAD), idempotencyKey: '', wait: true, acknowledge: true, organisation: '', traceparent: '' })) });
  }
  await until(() => accepted.size === executions);
  const acceptedMs = performance.now() - startedAt;
  process.stderr.write(`  ${accepted.size} accepted after ${Math.round(acceptedMs)} ms; killing the orchestrator\n`);
  const [orchestrator] = bed.cluster.of('orchestrator');
  const killedAt = performance.now();
  await orchestrator?.kill();
  orchestrator?.start();
  await orchestrator?.ready(LIMIT_MS);
  const readyMs = performance.now() - killedAt;
  await until(() => ended.size === executions);
  stream.end();
  client.close();
  const ends = [...ended.values()].map((at) => at - startedAt).sort((a, b) => a - b);
  return {
    executionsPerSecond: [(ended.size * 1000) / (performance.now() - startedAt)],
    latencyMs: { p50: quantile(ends, 0.5), p99: quantile(ends, 0.99) },
    payloadBytes: JSON.stringify(PAYLOAD).length,
    own: { executions, ownsLanesAgainAfterMs: round(readyMs), ended: ended.size, lost: executions - ended.size, doubled, failed, note: 'each execution waits 20 s between two steps; the kill comes once all are accepted' },
  };
}
