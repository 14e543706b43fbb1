/**
 * Other people's executions, as a process of its own: starts at a fixed rate whatever the answers take, and says how
 * long they took from start to end.
 *
 * Run by `fork`: options as JSON in the first argument. Every `window` message is answered with the latencies of
 * what ended since the one before; `end` ends it.
 */
import { credentials, Metadata } from '@grpc/grpc-js';
import { ExecutionServiceClient, type StartExecutionsResponse } from '@millrace/contracts/gateway/v1/gateway';

export interface QuietOptions {
  readonly address: string;
  readonly key: string;
  readonly organisation: string;
  readonly workflow: string;
  readonly inputJson: string;
  /** Starts a second. */
  readonly rate: number;
}

/** Answer to `window`. Latencies in milliseconds, from start to end. */
export interface QuietWindow {
  readonly latenciesMs: readonly number[];
  /** Those that did not complete, with the reason of the first. */
  readonly failed: number;
  readonly firstFailure: string;
  /** Started and not ended. */
  readonly open: number;
}

const TICK_MS = 5;

function main({ address, key, organisation, workflow, inputJson, rate }: QuietOptions): void {
  const metadata = new Metadata();
  metadata.set('authorization', `Bearer ${key}`);
  metadata.set('millrace-organisation', organisation);
  const client = new ExecutionServiceClient(address, credentials.createInsecure());
  const stream = client.startExecutions(metadata);
  const open = new Map<number, number>();
  let number = 0;
  let latenciesMs: number[] = [];
  let failed = 0;
  let firstFailure = '';
  stream.on('data', ({ answers }: StartExecutionsResponse) => {
    const nowMs = performance.now();
    for (const answer of answers) {
      const since = open.get(answer.number);
      if (since === undefined) continue;
      open.delete(answer.number);
      latenciesMs.push(nowMs - since);
      if (answer.status !== 'completed') {
        failed++;
        if (firstFailure === '') firstFailure = `${answer.status} ${answer.reason} ${answer.error?.detail ?? answer.message}`;
      }
    }
  });
  stream.on('error', (error) => {
    failed++;
    firstFailure = String(error);
  });
  const beganMs = performance.now();
  let due = 0;
  const timer = setInterval(() => {
    const nowMs = performance.now();
    const starts = [];
    for (; beganMs + (due * 1_000) / rate <= nowMs; due++) {
      number++;
      // The moment it was due, so that a client that was held up does not hide it.
      open.set(number, beganMs + (due * 1_000) / rate);
      starts.push({ number, workflow, inputJson, idempotencyKey: '', wait: true, acknowledge: false, organisation: '', traceparent: '' });
    }
    if (starts.length > 0) stream.write({ starts });
  }, TICK_MS);
  process.on('message', (message) => {
    if (message === 'end') {
      clearInterval(timer);
      stream.cancel();
      client.close();
      process.disconnect?.();
      return;
    }
    const nowMs = performance.now();
    // What has not ended counts with what it has taken so far.
    const waiting = [...open.values()].map((since) => nowMs - since).filter((ms) => ms > 1_000);
    process.send?.({ latenciesMs: [...latenciesMs, ...waiting], failed, firstFailure, open: open.size } satisfies QuietWindow);
    latenciesMs = [];
    failed = 0;
    firstFailure = '';
  });
}

const [, , options] = process.argv;
if (process.send !== undefined && options !== undefined) main(JSON.parse(options) as QuietOptions);
