/** SIGKILL of an orchestrator with many executions in flight: how long until all move again, what was lost or doubled. */
import { credentials, type ClientDuplexStream } from '@grpc/grpc-js';
import { ExecutionServiceClient, type StartExecutionsRequest, type StartExecutionsResponse } from '@millrace/contracts/gateway/v1/gateway';
import type { BenchCluster } from './bench-cluster.ts';
import { lasting, PAYLOAD } from './documents.ts';
import type { Meter } from './measured-cluster.ts';
import type { BenchFigures, BenchOptions } from './options.ts';
import { quantile, round } from './statistics.ts';

/** Executions in flight when the orchestrator is killed. */
const EXECUTIONS = 10_000;
const LIMIT_MS = 120_000;

export async function runRecovery(bed: BenchCluster, meter: Meter, _options: BenchOptions): Promise<BenchFigures> {
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
  for (let from = 0; from < EXECUTIONS; from += 500) {
    stream.write({ starts: Array.from({ length: 500 }, (_, index) => ({ number: from + index, workflow: 'lasting', inputJson: JSON.stringify(PAYLOAD), idempotencyKey: '', wait: true, acknowledge: true, organisation: '', traceparent: '' })) });
  }
  await until(() => accepted.size === EXECUTIONS);
  const acceptedMs = performance.now() - startedAt;
  process.stderr.write(`  ${accepted.size} accepted after ${Math.round(acceptedMs)} ms; killing the orchestrator\n`);
  const [orchestrator] = bed.cluster.of('orchestrator');
  const killedAt = performance.now();
  await orchestrator?.kill();
  orchestrator?.start();
  await orchestrator?.ready(LIMIT_MS);
  const readyMs = performance.now() - killedAt;
  await until(() => ended.size === EXECUTIONS);
  stream.end();
  client.close();
  const ends = [...ended.values()].map((at) => at - startedAt).sort((a, b) => a - b);
  return {
    executionsPerSecond: [(ended.size * 1000) / (performance.now() - startedAt)],
    latencyMs: { p50: quantile(ends, 0.5), p99: quantile(ends, 0.99) },
    payloadBytes: JSON.stringify(PAYLOAD).length,
    own: { executions: EXECUTIONS, ownsLanesAgainAfterMs: round(readyMs), ended: ended.size, lost: EXECUTIONS - ended.size, doubled, failed, note: 'each execution waits 20 s between two steps; the kill comes once all are accepted' },
  };
}
