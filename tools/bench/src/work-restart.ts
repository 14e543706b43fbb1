/**
 * Every service replaced one after the other under load: starts by gRPC stream, by REST and by webhook.
 *
 * Counts what is answered in every half second, what is refused, and what is never answered. A start by stream waits
 * for its end and goes to another call when its gateway says that it stops; requests are sent once and never again.
 *
 * Starts are sent at a steady rate, which leaves the machine room for the process that starts: what is answered falls
 * behind when the service does, not when the machine is shared.
 */
import { Agent, request } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import { credentials, type ClientDuplexStream, type Metadata } from '@grpc/grpc-js';
import { ExecutionServiceClient, type StartExecutionsRequest, type StartExecutionsResponse } from '@millrace/contracts/gateway/v1/gateway';
import type { ServiceName } from '@millrace/cluster';
import { chain, hooked, PAYLOAD } from './documents.ts';
import { round } from './statistics.ts';
import { applyHook } from './work-webhook.ts';
import type { BenchFigures, WorkRun } from './work.ts';

const WARM_UP_MS = 6_000;
/** Measured before anything is replaced, and after. */
const STEADY_MS = 6_000;
const SLICE_MS = 500;
/** Below this share of the steady throughput it counts as down. */
const DOWN_SHARE = 0.8;
/** REST requests and webhooks under way; the rest of the executions comes by stream. */
const REQUESTS = 8;
/** Between a request's answer and the next, in milliseconds. */
const REQUEST_PAUSE_MS = 100;
/** Starts by stream are sent so often, in milliseconds. */
const TICK_MS = 20;
/** Slices over which a rate is taken: what is answered comes in waves. */
const SMOOTHED = 2;
const STEPS = 5;
/** How long a start may stay without an answer, in milliseconds. */
const ANSWER_MS = 30_000;

/** What became of what was sent. */
interface Tally {
  answered: number;
  readonly refusals: Map<string, number>;
  readonly slices: number[];
}

const ORDER: readonly ServiceName[] = ['throttle', 'orchestrator', 'connector', 'notification', 'trigger', 'gateway'];

export async function runRestart({ bed, meter, options, endings }: WorkRun): Promise<BenchFigures> {
  await bed.apply(chain(STEPS, 'restarted'));
  await bed.apply(hooked());
  await applyHook(bed, 'replying', 'output');
  const stopping = new AbortController();
  const tallies = { stream: tallyOf(), rest: tallyOf(), webhook: tallyOf() };
  const all = Object.values(tallies);
  const client = new ExecutionServiceClient(bed.cluster.addresses.gatewayGrpc, credentials.createInsecure());
  endings.add(() => client.close());
  const body = JSON.stringify(PAYLOAD);
  const rest = { url: `${bed.cluster.addresses.gatewayHttp}/v1/executions?wait=20s`, body: JSON.stringify({ workflow: 'restarted', input: PAYLOAD }), headers: { authorization: `Bearer ${bed.key}` } };
  const hook = { url: `${bed.cluster.addresses.triggerHttp}/v1/hooks/default/replying`, body, headers: {} };
  const since = performance.now();
  const note = (tally: Tally): void => {
    tally.answered++;
    const slice = Math.floor((performance.now() - since) / SLICE_MS);
    tally.slices[slice] = (tally.slices[slice] ?? 0) + 1;
  };
  const running = [
    streamed(client, bed.metadata(), options.rate / STEPS, tallies.stream, note, stopping.signal),
    ...Array.from({ length: REQUESTS }, () => requested(rest, tallies.rest, note, stopping.signal)),
    ...Array.from({ length: REQUESTS }, () => requested(hook, tallies.webhook, note, stopping.signal)),
  ];
  await delay(WARM_UP_MS + STEADY_MS);
  await meter.begin();
  const marks: { readonly service: string; readonly fromMs: number; readonly toMs: number }[] = [];
  for (const service of ORDER) {
    const fromMs = performance.now() - since;
    await bed.cluster.restart([service]);
    marks.push({ service, fromMs, toMs: performance.now() - since });
    process.stderr.write(`  ${service} replaced in ${Math.round((marks.at(-1)?.toMs ?? 0) - fromMs)} ms\n`);
  }
  await delay(STEADY_MS);
  const endedMs = performance.now() - since;
  stopping.abort();
  await Promise.all(running);

  const slices = Array.from({ length: Math.floor(endedMs / SLICE_MS) }, (_, slice) => all.reduce((sum, tally) => sum + (tally.slices[slice] ?? 0), 0));
  const quiet = STEADY_MS / SLICE_MS;
  const before = mean(slices.slice(WARM_UP_MS / SLICE_MS, WARM_UP_MS / SLICE_MS + quiet));
  const after = mean(slices.slice(-quiet));
  // From before the first is replaced to after the last, so that every stretch is seen whole.
  const during = slices.slice(WARM_UP_MS / SLICE_MS + quiet - SMOOTHED);
  const rates = during.slice(SMOOTHED - 1).map((_, index) => mean(during.slice(index, index + SMOOTHED)));
  const refused = all.reduce((sum, tally) => sum + [...tally.refusals.values()].reduce((each, count) => each + count, 0), 0);
  return {
    executionsPerSecond: [mean(during) / (SLICE_MS / 1_000)],
    latencyMs: { p50: 0, p99: 0 },
    payloadBytes: body.length,
    own: {
      answered: Object.fromEntries(Object.entries(tallies).map(([name, tally]) => [name, tally.answered])),
      refused,
      refusals: Object.fromEntries(Object.entries(tallies).flatMap(([name, tally]) => [...tally.refusals].map(([reason, count]) => [`${name}: ${reason}`, count]))),
      steadyPerSecond: { before: round(before / (SLICE_MS / 1_000)), after: round(after / (SLICE_MS / 1_000)) },
      lowestSecondShare: round(Math.min(...rates) / before, 2),
      longestBelowFourFifthsMs: longestBelow(rates, before * DOWN_SHARE) * SLICE_MS,
      replaced: marks.map(({ service, fromMs, toMs }) => ({ service, fromMs: Math.round(fromMs), tookMs: Math.round(toMs - fromMs) })),
      perHalfSecond: slices,
      note: 'executions answered in every half second, by stream, REST and webhook together; a new process costs the same cores that serve',
    },
  };
}

function mean(counts: readonly number[]): number {
  return counts.reduce((sum, count) => sum + count, 0) / Math.max(1, counts.length);
}

function tallyOf(): Tally {
  return { answered: 0, refusals: new Map(), slices: [] };
}

function refuse(tally: Tally, reason: string): void {
  tally.refusals.set(reason, (tally.refusals.get(reason) ?? 0) + 1);
}

/** The most slices in a row that are below. */
function longestBelow(slices: readonly number[], least: number): number {
  let longest = 0;
  let current = 0;
  for (const slice of slices) {
    current = slice < least ? current + 1 : 0;
    longest = Math.max(longest, current);
  }
  return longest;
}

interface Target {
  readonly url: string;
  readonly body: string;
  readonly headers: Readonly<Record<string, string>>;
}

/** One request after the other, with pauses, over a connection that is kept while the server keeps it. */
async function requested(target: Target, tally: Tally, note: (tally: Tally) => void, signal: AbortSignal): Promise<void> {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  while (!signal.aborted) {
    const answer = await post(target, agent).catch((error: unknown) => (error instanceof Error ? error.message : String(error)));
    if (typeof answer === 'number' && answer < 300) note(tally);
    else refuse(tally, String(answer));
    await delay(REQUEST_PAUSE_MS);
  }
  agent.destroy();
}

function post({ url, body, headers }: Target, agent: Agent): Promise<number> {
  return new Promise((settle, fail) => {
    const sending = request(url, { method: 'POST', agent, timeout: ANSWER_MS, headers: { ...headers, 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) } }, (response) => {
      response.resume();
      response.once('end', () => settle(response.statusCode ?? 0));
    });
    sending.once('timeout', () => sending.destroy(new Error('no answer in time')));
    sending.once('error', fail);
    sending.end(body);
  });
}

/** Sends so many starts a second, whatever becomes of them, each open until its end, over one call at a time. */
async function streamed(client: ExecutionServiceClient, metadata: Metadata, perSecond: number, tally: Tally, note: (tally: Tally) => void, signal: AbortSignal): Promise<void> {
  let last = 0;
  const open = new Set<number>();
  const calls = new Set<ClientDuplexStream<StartExecutionsRequest, StartExecutionsResponse>>();
  let current: ClientDuplexStream<StartExecutionsRequest, StartExecutionsResponse> | undefined;
  const start = (count: number): void => {
    if (count <= 0) return;
    current ??= dial();
    const starts = Array.from({ length: count }, () => {
      last++;
      open.add(last);
      return { number: last, workflow: 'restarted', inputJson: JSON.stringify(PAYLOAD), idempotencyKey: '', wait: true, acknowledge: false, organisation: '', traceparent: '' };
    });
    current.write({ starts });
  };
  const dial = (): ClientDuplexStream<StartExecutionsRequest, StartExecutionsResponse> => {
    const call = client.startExecutions(metadata);
    calls.add(call);
    call.on('data', ({ answers, draining }: StartExecutionsResponse) => {
      if (draining && current === call) {
        current = undefined;
        call.end();
      }
      for (const { number, status, reason } of answers) {
        if (!open.delete(number)) continue;
        if (status === 'completed') note(tally);
        else refuse(tally, reason === '' ? status : reason);
      }
    });
    const over = (error?: Error): void => {
      calls.delete(call);
      if (current === call) current = undefined;
      if (error !== undefined && !signal.aborted) refuse(tally, `call: ${error.message}`);
    };
    call.on('error', over);
    call.on('end', () => over());
    return call;
  };
  const since = performance.now();
  while (!signal.aborted) {
    start(Math.floor(((performance.now() - since) * perSecond) / 1_000) - last);
    await delay(TICK_MS);
  }
  for (const until = performance.now() + ANSWER_MS; open.size > 0 && performance.now() < until; ) await delay(20);
  if (open.size > 0) tally.refusals.set('never answered', open.size);
  for (const call of calls) call.end();
}
