/**
 * Reads a stream in order, from a sequence on, for as long as it is asked to, through outages and resets.
 *
 * The library's ordered consumer can stall after its connection was reset a few times in a row, so this one
 * makes a consumer anew, from the next sequence, after every irregularity: a lost connection, a gap in the
 * consumer's sequence, silence beyond READ_STALE_MS.
 *
 * - A message comes once and in order; none is left out that the stream has.
 * - At most about QUEUE_MAX messages wait for the reader: the server's flow control is answered when they are fewer.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { AckPolicy, DeliverPolicy } from '@nats-io/jetstream';
import { createInbox, nanos, nuid, type Msg } from '@nats-io/transport-node';
import type { Bus } from './connection.ts';
import { parsePosition } from './consumer-position.ts';

/** The server says that it is there when there is nothing else to say, in milliseconds. */
const HEARTBEAT_MS = 500;
/** Silence after which a consumer is given up, in milliseconds. */
export const READ_STALE_MS = 2_000;
const CHECK_MS = 250;
/** Messages that may wait for the reader before flow control holds the server back. */
const QUEUE_MAX = 1_000;
/** Between two consumers, in milliseconds. */
const RETRY_MS = 50;

export interface StreamReading {
  readonly stream: string;
  /** The first sequence wanted. */
  readonly from: number;
  readonly signal: AbortSignal;
}

export interface StreamMessage {
  readonly sequence: number;
  readonly data: Uint8Array;
}

/** Yields until the signal is aborted, the bus closed, or the reader stops asking. */
export async function* readStream(bus: Bus, { stream, from, signal }: StreamReading): AsyncGenerator<StreamMessage, void, undefined> {
  let next = from;
  let complained = false;
  while (!signal.aborted && bus.status() !== 'closed') {
    if (bus.status() !== 'connected') {
      await sleep(RETRY_MS, undefined, { signal }).catch(() => undefined);
      continue;
    }
    const run = startRun(bus, stream, next, signal);
    try {
      for (let message = await run.take(); message !== undefined; message = await run.take()) {
        complained = false;
        next = message.sequence + 1;
        yield message;
      }
    } finally {
      run.stop();
    }
    if (signal.aborted) return;
    if (!complained) bus.logger.info('Reading a stream goes on with another consumer', { stream, next, error: run.failure() });
    complained = true;
    await sleep(RETRY_MS, undefined, { signal }).catch(() => undefined);
  }
}

interface Run {
  /** The next message; undefined once this consumer is not to be trusted any more and all it brought was taken. */
  take(): Promise<StreamMessage | undefined>;
  failure(): unknown;
  stop(): void;
}

function startRun(bus: Bus, stream: string, from: number, signal: AbortSignal): Run {
  const name = `read-${nuid.next()}`;
  const inbox = createInbox();
  let queue: StreamMessage[] = [];
  let taken = 0;
  let lastSequence = 0;
  let heardAtMs = performance.now();
  let over = false;
  let failure: unknown;
  /** Where a request of flow control waits to be answered. */
  let held = '';
  let wake: () => void = () => undefined;

  function end(error?: unknown): void {
    if (over) return;
    over = true;
    failure = error;
    clearInterval(check);
    forget();
    signal.removeEventListener('abort', aborted);
    subscription.unsubscribe();
    // The server drops a consumer that nobody listens to; saying so spares it the waiting.
    if (bus.status() === 'connected') void bus.manager.consumers.delete(stream, name).catch(() => undefined);
    wake();
  }

  function answerFlow(answerTo: string): void {
    if (queue.length - taken >= QUEUE_MAX) held = answerTo;
    else bus.connection.publish(answerTo);
  }

  function receive(message: Msg): void {
    heardAtMs = performance.now();
    const code = message.headers?.code ?? 0;
    if (code === 100) {
      const answerTo = message.reply || message.headers?.get('Nats-Consumer-Stalled');
      if (answerTo) answerFlow(answerTo);
      const last = message.headers?.get('Nats-Last-Consumer');
      if (last && Number(last) !== lastSequence) end(new Error(`Messages up to ${last} were announced, ${lastSequence} arrived`));
      return;
    }
    if (code !== 0) return end(new Error(message.headers?.description ?? `Status ${code}`));
    const position = parsePosition(message.reply ?? '');
    if (position === undefined || position.consumerSequence !== lastSequence + 1) return end(new Error('A message is missing'));
    lastSequence = position.consumerSequence;
    queue.push({ sequence: position.streamSequence, data: message.data });
    wake();
  }

  const subscription = bus.connection.subscribe(inbox, {
    callback: (error, message) => {
      if (over) return;
      if (error !== null) end(error);
      else receive(message);
    },
  });
  const forget = bus.onStatus((status) => {
    if (status !== 'connected') end(new Error('The connection was lost'));
  });
  const aborted = (): void => end();
  signal.addEventListener('abort', aborted, { once: true });
  const check = setInterval(() => {
    // A reader that takes its time holds the server back, and hears nothing meanwhile.
    if (held === '' && performance.now() - heardAtMs > READ_STALE_MS) end(new Error(`Nothing was heard for ${READ_STALE_MS} ms`));
  }, CHECK_MS);

  bus.manager.consumers
    .add(stream, {
      name,
      deliver_subject: inbox,
      deliver_policy: DeliverPolicy.StartSequence,
      opt_start_seq: Math.max(1, from),
      ack_policy: AckPolicy.None,
      idle_heartbeat: nanos(HEARTBEAT_MS),
      flow_control: true,
      mem_storage: true,
      num_replicas: 1,
    })
    .then(
      () => {
        heardAtMs = performance.now();
      },
      (error: unknown) => end(error),
    );

  return {
    async take() {
      for (;;) {
        const message = queue[taken];
        if (message !== undefined) {
          taken++;
          if (taken === queue.length) {
            queue = [];
            taken = 0;
          }
          if (held !== '' && queue.length - taken < QUEUE_MAX / 2) {
            const answerTo = held;
            held = '';
            heardAtMs = performance.now();
            if (!over) bus.connection.publish(answerTo);
          }
          return message;
        }
        if (over || signal.aborted) return undefined;
        await new Promise<void>((settle) => {
          wake = settle;
        });
      }
    },
    failure: () => failure,
    stop: () => end(),
  };
}
