/** Works that a client process drives over the gateway's stream: chain-10, ping, http. */
import { startHttpTarget } from '@millrace/testkit';
import type { BenchCluster } from './bench-cluster.ts';
import { chain, httpChain, PAYLOAD } from './documents.ts';
import type { Meter } from './measured-cluster.ts';
import type { BenchFigures, BenchOptions } from './options.ts';
import { runClient } from './run-client.ts';

const WARM_UP_SECONDS = 5;

interface StreamWork {
  readonly workflow: string;
  readonly stepsPerExecution: number;
}

export async function runChain(steps: number, bed: BenchCluster, meter: Meter, options: BenchOptions): Promise<BenchFigures> {
  await bed.apply(chain(steps));
  return drive({ workflow: `chain-${steps}`, stepsPerExecution: steps }, bed, meter, options);
}

export async function runHttp(bed: BenchCluster, meter: Meter, options: BenchOptions): Promise<BenchFigures> {
  const target = await startHttpTarget({ answer: (arrival) => ({ status: 200, body: JSON.parse(arrival.body) as unknown }) });
  try {
    await bed.apply(httpChain(target.url));
    return await drive({ workflow: 'http-10', stepsPerExecution: 10 }, bed, meter, options);
  } finally {
    await target.close();
  }
}

async function drive({ workflow, stepsPerExecution }: StreamWork, bed: BenchCluster, meter: Meter, options: BenchOptions): Promise<BenchFigures> {
  const run = await runClient(
    { address: bed.cluster.addresses.gatewayGrpc, key: bed.key, workflow, inputJson: JSON.stringify(PAYLOAD), inFlight: options.inFlight, warmUpSeconds: WARM_UP_SECONDS, seconds: options.seconds, rounds: options.rounds },
    (event, pid) => {
      if (event !== 'begin') return;
      meter.watch('client', pid);
      if (!begun) void meter.begin();
      begun = true;
    },
  );
  const failed = run.rounds.reduce((sum, round) => sum + round.failed, 0);
  if (failed > 0 || run.left > 0) throw new Error(`${failed} executions failed and ${run.left} did not end: ${run.rounds.find((round) => round.failed > 0)?.firstFailure ?? ''}`);
  const rates = run.rounds.map((round) => round.executions / round.seconds);
  const middle = [...run.rounds].sort((a, b) => a.executions / a.seconds - b.executions / b.seconds)[run.rounds.length >> 1];
  return { stepsPerSecond: rates.map((rate) => rate * stepsPerExecution), executionsPerSecond: rates, latencyMs: { p50: middle?.p50Ms ?? 0, p99: middle?.p99Ms ?? 0 }, payloadBytes: JSON.stringify(PAYLOAD).length };
}

let begun = false;
