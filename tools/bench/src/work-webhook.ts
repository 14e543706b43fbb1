/** HTTP requests to the webhook trigger: accepted ones a second, and synchronous replies. */
import { Agent, request } from 'node:http';
import type { BenchCluster } from './bench-cluster.ts';
import { hooked, PAYLOAD } from './documents.ts';
import { quantile, round, spreadOf } from './statistics.ts';
import type { BenchFigures, WorkRun } from './work.ts';

const WARM_UP_SECONDS = 3;

interface Round {
  readonly requestsPerSecond: number;
  readonly p50: number;
  readonly p99: number;
}

export async function runWebhook({ bed, meter, options }: WorkRun): Promise<BenchFigures> {
  await bed.apply(hooked());
  await applyHook(bed, 'accepting', 'accepted');
  await applyHook(bed, 'replying', 'output');
  const url = (name: string): string => `${bed.cluster.addresses.triggerHttp}/v1/hooks/default/${name}`;
  await fire(url('accepting'), options.inFlight, WARM_UP_SECONDS, 202);
  await meter.begin();
  const accepted: Round[] = [];
  const replied: Round[] = [];
  for (let count = 0; count < options.rounds; count++) {
    accepted.push(await fire(url('accepting'), options.inFlight, options.seconds, 202));
    process.stderr.write(`  accepted: ${Math.round(accepted.at(-1)?.requestsPerSecond ?? 0)} requests/s\n`);
    replied.push(await fire(url('replying'), options.inFlight, options.seconds, 200));
    process.stderr.write(`  replied: ${Math.round(replied.at(-1)?.requestsPerSecond ?? 0)} requests/s, p50 ${replied.at(-1)?.p50.toFixed(1)} ms\n`);
  }
  const middle = (rounds: readonly Round[]): Round => [...rounds].sort((a, b) => a.requestsPerSecond - b.requestsPerSecond)[rounds.length >> 1] as Round;
  return {
    executionsPerSecond: replied.map((each) => each.requestsPerSecond),
    stepsPerSecond: replied.map((each) => each.requestsPerSecond),
    latencyMs: { p50: middle(replied).p50, p99: middle(replied).p99 },
    payloadBytes: JSON.stringify(PAYLOAD).length,
    own: {
      acceptedPerSecond: spreadOf(accepted.map((each) => round(each.requestsPerSecond))),
      acceptedLatencyMs: { p50: round(middle(accepted).p50, 2), p99: round(middle(accepted).p99, 2) },
      repliedPerSecond: spreadOf(replied.map((each) => round(each.requestsPerSecond))),
      note: 'executionsPerSecond and latencyMs are those of synchronous replies; the client shares the machine',
    },
  };
}

/** A webhook that starts `hooked`. */
export function applyHook(bed: BenchCluster, name: string, reply: 'accepted' | 'output'): Promise<void> {
  return bed.applyResource({ kind: 'webhook', name, organisation: 'default', spec: { workflow: 'hooked', reply } });
}

/** Keeps so many requests under way for so long; a failure ends it, unless failures are only to be counted. */
export async function fire(url: string, inFlight: number, seconds: number, expected: number, tolerant = false): Promise<Round & { readonly failed: number; readonly firstFailure: string }> {
  const agent = new Agent({ keepAlive: true, maxSockets: inFlight });
  const body = JSON.stringify(PAYLOAD);
  const latencies: number[] = [];
  let failed = 0;
  let firstFailure = '';
  const since = performance.now();
  const until = since + seconds * 1000;
  const one = async (): Promise<void> => {
    while (performance.now() < until) {
      const sent = performance.now();
      const answer = await post(url, body, agent).catch((error: unknown) => (error instanceof Error ? error.message : String(error)));
      if (answer === expected) {
        latencies.push(performance.now() - sent);
        continue;
      }
      firstFailure = `${url} answered ${answer}, expected ${expected}`;
      if (!tolerant) throw new Error(firstFailure);
      failed++;
    }
  };
  await Promise.all(Array.from({ length: inFlight }, one));
  const elapsed = (performance.now() - since) / 1000;
  agent.destroy();
  latencies.sort((a, b) => a - b);
  return { requestsPerSecond: latencies.length / elapsed, p50: quantile(latencies, 0.5), p99: quantile(latencies, 0.99), failed, firstFailure };
}

function post(url: string, body: string, agent: Agent): Promise<number> {
  return new Promise((settle, fail) => {
    const sending = request(url, { method: 'POST', agent, headers: { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) } }, (response) => {
      response.resume();
      response.once('end', () => settle(response.statusCode ?? 0));
    });
    sending.once('error', fail);
    sending.end(body);
  });
}
