/**
 * One consumer of a bucket's stream, from its creation to its first irregularity.
 *
 * The library's own watcher can fall silent after its server was killed, so this one is judged by evidence:
 * a message or a heartbeat of the server within `WATCH_STALE_MS`, and no gap in the consumer's sequence.
 * Whatever else happens ends it, for good; it never mends itself.
 */
import { AckPolicy, DeliverPolicy } from '@nats-io/jetstream';
import { createInbox, nanos, nuid, type Msg, type Subscription } from '@nats-io/transport-node';
import type { Bus } from './connection.ts';
import { parsePosition } from './consumer-position.ts';

/** The server says that it is there when there is nothing else to say, in milliseconds. */
const HEARTBEAT_MS = 1_000;
/** Silence after which a consumer is given up, in milliseconds. */
export const WATCH_STALE_MS = 3_000;
/** Silence up to which a watch counts as fresh, in milliseconds. */
export const FRESH_MS = 2_500;
const CHECK_MS = 500;

/** What a consumer tells its watch. */
export interface ConsumerEvents {
  entry(subject: string, value: Uint8Array | undefined, revision: number): void;
  /** All values current at the start have come; their subjects. */
  synced(subjects: ReadonlySet<string>): void;
  /** This consumer is not to be trusted any more; said once. */
  failed(error: unknown): void;
}

/** A consumer at work. */
export interface ConsumerRun {
  isFresh(): boolean;
  stop(): void;
}

/** Starts a consumer of every last value under `filter`, then of what is written. */
export function startConsumer(bus: Bus, bucket: string, filter: string, events: ConsumerEvents): ConsumerRun {
  const stream = `KV_${bucket}`;
  const name = `watch-${nuid.next()}`;
  const inbox = createInbox();
  let seen: Set<string> | undefined = new Set();
  let lastSequence = 0;
  /** Messages that the bucket held when the consumer was made; unknown until the answer is there. */
  let initial = Number.POSITIVE_INFINITY;
  let heardAtMs = performance.now();
  let over = false;

  function end(error?: unknown): void {
    if (over) return;
    over = true;
    clearInterval(check);
    subscription.unsubscribe();
    if (error !== undefined) events.failed(error);
    // The server drops a consumer that nobody listens to; saying so spares it the waiting.
    else if (bus.status() === 'connected') void bus.manager.consumers.delete(stream, name).catch(() => undefined);
  }

  function complete(): void {
    const subjects = seen;
    seen = undefined;
    if (subjects !== undefined) events.synced(subjects);
  }

  function receive(message: Msg): void {
    heardAtMs = performance.now();
    const code = message.headers?.code ?? 0;
    if (code === 100) {
      // A flow control request is answered; a stalled consumer names where, in its heartbeat.
      const answerTo = message.reply || message.headers?.get('Nats-Consumer-Stalled');
      if (answerTo) bus.connection.publish(answerTo);
      const last = message.headers?.get('Nats-Last-Consumer');
      if (last && Number(last) !== lastSequence) end(new Error(`Messages up to ${last} were announced, ${lastSequence} arrived`));
      return;
    }
    if (code !== 0) return end(new Error(message.headers?.description ?? `Status ${code}`));
    const position = parsePosition(message.reply ?? '');
    if (position === undefined || position.consumerSequence !== lastSequence + 1) return end(new Error('A message is missing'));
    lastSequence = position.consumerSequence;
    seen?.add(message.subject);
    events.entry(message.subject, isDeletion(message) ? undefined : message.data, position.streamSequence);
    if (position.pending === 0 || lastSequence >= initial) complete();
  }

  const subscription: Subscription = bus.connection.subscribe(inbox, {
    callback: (error, message) => {
      if (over) return;
      if (error !== null) end(error);
      else receive(message);
    },
  });
  const check = setInterval(() => {
    if (performance.now() - heardAtMs > WATCH_STALE_MS) end(new Error(`Nothing was heard for ${WATCH_STALE_MS} ms`));
  }, CHECK_MS);

  bus.manager.consumers
    .add(stream, {
      name,
      deliver_subject: inbox,
      deliver_policy: DeliverPolicy.LastPerSubject,
      ack_policy: AckPolicy.None,
      filter_subject: filter,
      idle_heartbeat: nanos(HEARTBEAT_MS),
      flow_control: true,
      mem_storage: true,
      num_replicas: 1,
    })
    .then(
      (info) => {
        heardAtMs = performance.now();
        initial = info.num_pending;
        if (!over && lastSequence >= initial) complete();
      },
      (error: unknown) => end(error),
    );

  return { isFresh: () => !over && seen === undefined && performance.now() - heardAtMs <= FRESH_MS, stop: () => end() };
}

/** Deletions, purges and the server's own marks (NATS ADR-8 and ADR-48). */
function isDeletion(message: Msg): boolean {
  const { headers } = message;
  if (headers === undefined) return false;
  return headers.get('KV-Operation') !== '' || headers.has('Nats-Marker-Reason');
}
