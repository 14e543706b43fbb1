/**
 * A client that offers executions at a rate, whether or not earlier ones have ended: what independent senders do.
 *
 * Arguments: one JSON document. Offers from the start until standard input says `end`; prints one JSON document for
 * each `mark` line, about the time since the mark before, and one at the end.
 *
 * - Every organisation offers at its own steady pace, out of step with the others, over a stream of its own.
 * - At most `openMax` executions are open in one organisation; what it would have offered beyond is counted as held
 *   back. So a flood is bounded by what a real client would hold, and says so.
 */
import { createInterface } from 'node:readline';
import { credentials, Metadata, type ClientDuplexStream } from '@grpc/grpc-js';
import { ExecutionServiceClient, type StartExecutionsRequest, type StartExecutionsResponse } from '@millrace/contracts/gateway/v1/gateway';
import { createRandom } from './load.ts';
import { quantile } from './statistics.ts';

export interface OfferedPlan {
  readonly address: string;
  readonly key: string;
  readonly organisations: readonly string[];
  readonly workflow: string;
  readonly inputJson: string;
  /** Of all organisations together. */
  readonly perSecond: number;
  readonly openMax: number;
}

export interface OfferedFigures {
  /** What the pace asked for, sent or held back. */
  readonly offered: number;
  readonly sent: number;
  readonly completed: number;
  readonly failed: number;
  readonly firstFailure: string;
  readonly seconds: number;
  /** From start to end, of those that completed. */
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly completedBy: Readonly<Record<string, number>>;
  /** Some executions that completed, spread over organisations, to look at their traces. */
  readonly samples: readonly { readonly organisation: string; readonly execution: string }[];
}

/** Between looks at who is due, in milliseconds. */
const TICK_MS = 2;
const SAMPLES_PER_ORGANISATION = 40;
/** Characters of input in one message. */
const MESSAGE_CHARACTERS = 1024 * 1024;

const plan = JSON.parse(process.argv[2] ?? '{}') as OfferedPlan;
const client = new ExecutionServiceClient(plan.address, credentials.createInsecure(), { 'grpc.max_receive_message_length': 16 * 1024 * 1024 });
const random = createRandom(49);
/** Starts in one message, which is well below what gRPC takes. */
const inOneMessage = Math.max(1, Math.floor(MESSAGE_CHARACTERS / (plan.inputJson.length + 100)));
const everyMs = (1000 * plan.organisations.length) / plan.perSecond;

let latencies: number[] = [];
let offered = 0;
let sent = 0;
let failed = 0;
let firstFailure = '';
let completedBy = new Map<string, number>();
let samples = new Map<string, string[]>();
let offering = true;
let sinceMs = performance.now();

interface Sender {
  readonly organisation: string;
  readonly stream: ClientDuplexStream<StartExecutionsRequest, StartExecutionsResponse>;
  readonly open: Map<number, number>;
  next: number;
  dueMs: number;
}

const senders = plan.organisations.map((organisation): Sender => {
  const metadata = new Metadata();
  metadata.set('authorization', `Bearer ${plan.key}`);
  metadata.set('millrace-organisation', organisation);
  const sender: Sender = { organisation, stream: client.startExecutions(metadata), open: new Map(), next: 1, dueMs: performance.now() + random() * everyMs };
  sender.stream.on('data', ({ answers }: StartExecutionsResponse) => {
    const now = performance.now();
    for (const { number, status, execution, reason, message } of answers) {
      const since = sender.open.get(number);
      if (since === undefined || status === 'pending') continue;
      sender.open.delete(number);
      if (status === 'completed') {
        latencies.push(now - since);
        completedBy.set(organisation, (completedBy.get(organisation) ?? 0) + 1);
        const list = samples.get(organisation) ?? [];
        // Those of all times are as likely as any.
        if (list.length < SAMPLES_PER_ORGANISATION) list.push(execution);
        else if (random() < 0.1) list[Math.floor(random() * SAMPLES_PER_ORGANISATION)] = execution;
        samples.set(organisation, list);
      } else {
        failed++;
        if (firstFailure === '') firstFailure = `${status}: ${reason} ${message}`;
      }
    }
  });
  sender.stream.on('error', (error: Error) => {
    if (!offering) return;
    process.stderr.write(`offered: the stream of ${organisation} ended: ${error.message}\n`);
    process.exit(1);
  });
  return sender;
});

function offer(): void {
  const now = performance.now();
  for (const sender of senders) {
    const starts = [];
    while (sender.dueMs <= now) {
      sender.dueMs += everyMs;
      offered++;
      if (sender.open.size >= plan.openMax) continue;
      const number = sender.next++;
      sender.open.set(number, now);
      sent++;
      starts.push({ number, workflow: plan.workflow, inputJson: plan.inputJson, idempotencyKey: '', wait: true, acknowledge: false, organisation: '', traceparent: '' });
    }
    for (let from = 0; from < starts.length; from += inOneMessage) sender.stream.write({ starts: starts.slice(from, from + inOneMessage) });
  }
}

function figures(): OfferedFigures {
  const sorted = Float64Array.from(latencies).sort();
  const now = performance.now();
  const made: OfferedFigures = {
    offered,
    sent,
    completed: sorted.length,
    failed,
    firstFailure,
    seconds: (now - sinceMs) / 1000,
    p50Ms: quantile(sorted, 0.5),
    p99Ms: quantile(sorted, 0.99),
    completedBy: Object.fromEntries(completedBy),
    samples: [...samples].flatMap(([organisation, executions]) => executions.map((execution) => ({ organisation, execution }))),
  };
  latencies = [];
  offered = 0;
  sent = 0;
  failed = 0;
  firstFailure = '';
  completedBy = new Map();
  samples = new Map();
  sinceMs = now;
  return made;
}

const timer = setInterval(offer, TICK_MS);
process.stdout.write('{"kind":"ready"}\n');
for await (const line of createInterface({ input: process.stdin })) {
  if (line === 'mark') process.stdout.write(`${JSON.stringify({ kind: 'figures', ...figures() })}\n`);
  if (line === 'end') break;
}
offering = false;
clearInterval(timer);
for (const { stream } of senders) stream.cancel();
client.close();
process.exit(0);
