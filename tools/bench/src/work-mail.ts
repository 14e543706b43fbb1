/**
 * Messages sent and recorded: workflows hand deliveries to the notification service, which hands them to a mail server
 * on loopback and records the outcome. A message counts when its delivery is recorded as sent.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { credentials } from '@grpc/grpc-js';
import { ExecutionServiceClient, type StartExecutionsResponse } from '@millrace/contracts/gateway/v1/gateway';
import { startSmtpSink, type SmtpSink } from '@millrace/testkit';
import type { BenchCluster } from './bench-cluster.ts';
import { notifying } from './documents.ts';
import type { Endings } from './endings.ts';
import { readMetrics } from './measured-cluster.ts';
import { quantile, round, spreadOf } from './statistics.ts';
import type { BenchFigures, WorkRun } from './work.ts';

const WARM_UP_SECONDS = 3;
/** Between looks at how many are recorded, in milliseconds. */
const LOOK_MS = 50;
/** How long the last ones may take, in milliseconds. */
const DRAIN_MS = 60_000;
const TEXT = 'x'.repeat(400);

let sink: SmtpSink | undefined;

/** The mail server that the notification service is told of. */
export async function mailCluster(endings: Endings): Promise<{ readonly serviceEnvironment: { readonly notification: Readonly<Record<string, string>> } }> {
  const started = await startSmtpSink();
  endings.add(() => started.close());
  sink = started;
  return { serviceEnvironment: { notification: { MILLRACE_SMTP_URL: started.url } } };
}

interface Round {
  readonly perSecond: number;
  readonly latencies: readonly number[];
}

/** `--inflight` messages are accepted and not yet recorded as sent. */
export async function runMail({ bed, meter, options, endings }: WorkRun): Promise<BenchFigures> {
  const server = sink;
  if (server === undefined) throw new Error('there is no mail server');
  await bed.apply(notifying());
  meter.watch('bench with the mail server', process.pid);
  const feed = startFeed(bed, endings);
  const feeding = async (seconds: number): Promise<number> => {
    const before = await sentCount(bed);
    const since = performance.now();
    let sent = before;
    while (performance.now() - since < seconds * 1000) {
      feed.start(options.inFlight - (feed.started() - sent));
      await delay(LOOK_MS);
      sent = await sentCount(bed);
    }
    return ((sent - before) * 1000) / (performance.now() - since);
  };
  await feeding(WARM_UP_SECONDS);
  await meter.begin();
  const rounds: Round[] = [];
  for (let number = 0; number < options.rounds; number++) {
    const first = server.mails.length;
    const perSecond = await feeding(options.seconds);
    const latencies = server.mails.slice(first).flatMap(({ subject, atMs }) => (/ at (\d+)$/.test(subject) ? [atMs - Number(/ at (\d+)$/.exec(subject)?.[1])] : [])).sort((a, b) => a - b);
    rounds.push({ perSecond, latencies });
    process.stderr.write(`  round ${number + 1}: ${Math.round(perSecond)} messages/s, p50 ${quantile(latencies, 0.5)} ms, p99 ${quantile(latencies, 0.99)} ms\n`);
  }
  await meter.stop();
  for (const until = performance.now() + DRAIN_MS; performance.now() < until && (await sentCount(bed)) < feed.started(); ) await delay(LOOK_MS);
  const recorded = await sentCount(bed);
  const ids = new Set(server.mails.map(({ messageId }) => messageId));
  const middle = [...rounds].sort((a, b) => a.perSecond - b.perSecond)[rounds.length >> 1];
  return {
    executionsPerSecond: rounds.map((each) => each.perSecond),
    latencyMs: { p50: quantile(middle?.latencies ?? [], 0.5), p99: quantile(middle?.latencies ?? [], 0.99) },
    payloadBytes: TEXT.length,
    own: {
      messagesPerSecond: spreadOf(rounds.map((each) => round(each.perSecond))),
      accepted: feed.started(),
      recordedAsSent: recorded,
      arrived: server.mails.length,
      lost: feed.started() - ids.size,
      doubled: server.mails.length - ids.size,
      failedExecutions: feed.failed(),
      note: 'latencyMs is from start to arrival at the mail server; receiving and parsing mail is not there yet',
    },
  };
}

/** Starts executions over one stream. */
function startFeed(bed: BenchCluster, endings: Endings): { start(count: number): void; started(): number; failed(): number } {
  const client = new ExecutionServiceClient(bed.cluster.addresses.gatewayGrpc, credentials.createInsecure());
  const stream = client.startExecutions(bed.metadata());
  let started = 0;
  let failed = 0;
  stream.on('data', ({ answers }: StartExecutionsResponse) => {
    for (const { status, message, reason } of answers) {
      if (status === 'pending' || status === 'completed') continue;
      if (failed++ === 0) process.stderr.write(`  a start failed: ${status} ${reason} ${message}\n`);
    }
  });
  stream.on('error', () => undefined);
  endings.add(() => {
    stream.cancel();
    client.close();
  });
  return {
    start(count) {
      if (count <= 0) return;
      const starts = Array.from({ length: count }, () => {
        const number = ++started;
        return { number, workflow: 'notifying', inputJson: JSON.stringify({ to: `person-${number}@example.test`, key: `message-${number}`, subject: `Message ${number} at ${Date.now()}`, text: TEXT }), idempotencyKey: '', wait: true, acknowledge: false, organisation: '', traceparent: '' };
      });
      stream.write({ starts });
    },
    started: () => started,
    failed: () => failed,
  };
}

/** Deliveries recorded as sent since the services started. */
async function sentCount(bed: BenchCluster): Promise<number> {
  let sum = 0;
  for (const { addresses } of bed.cluster.of('notification')) sum += (await readMetrics(addresses.http))('millrace_delivery_changes_total', { state: 'sent' });
  return sum;
}
