/**
 * Requests from the NOTIFY stream: one durable pull consumer that all instances share.
 *
 * Invariant: what was fetched and not acknowledged comes again, here or at another instance, after ACK_WAIT_MS; it
 * is never redelivered a bounded number of times only.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { AckPolicy, DeliverPolicy, type ConsumerConfig, type ConsumerMessages, type JsMsg } from '@nats-io/jetstream';
import { nanos } from '@nats-io/transport-node';
import { ensureStream, NOTIFY_STREAM, notifyStreamConfig, type Bus } from '@millrace/bus';
import type { Logger } from '@millrace/telemetry';
import type { IncomingRequest } from '../ports.ts';

/** The consumer's durable name. */
export const CONSUMER = 'notification';
/** How long a fetched request may stay unacknowledged before it comes again, in milliseconds. */
export const ACK_WAIT_MS = 30_000;
/** Requests that all instances together may have taken and not acknowledged: what waits in memory while the database is away. */
export const ACK_PENDING_MAX = 1_000;
/** Requests that one instance asks for at a time. */
export const FETCH_MAX = 250;
const RETRY_MIN_MS = 100;
const RETRY_MAX_MS = 2_000;

export interface RequestConsumer {
  /** Whether requests are being read. */
  active(): boolean;
  /** Reads no more; what was handed over stays to be acknowledged. */
  stop(): Promise<void>;
}

/** Reads until stopped, over every outage; `take` gets each request. */
export function consumeRequests(bus: Bus, logger: Logger, take: (request: IncomingRequest) => void): RequestConsumer {
  const stopping = new AbortController();
  const { signal } = stopping;
  let messages: ConsumerMessages | undefined;

  const read = async (): Promise<void> => {
    await ensureStream(bus, notifyStreamConfig);
    await ensureConsumer(bus);
    const consumer = await bus.jetstream.consumers.get(NOTIFY_STREAM, CONSUMER);
    messages = await consumer.consume({ max_messages: FETCH_MAX });
    // Stopped while it was being opened.
    if (signal.aborted) messages.stop();
    for await (const message of messages) take(requestOf(message));
  };

  const loop = async (): Promise<void> => {
    let waitMs = RETRY_MIN_MS;
    while (!signal.aborted) {
      const startedAt = performance.now();
      try {
        await read();
      } catch (error) {
        if (!signal.aborted) logger.warn('Reading delivery requests was interrupted', { error });
      }
      messages = undefined;
      if (performance.now() - startedAt > RETRY_MAX_MS) waitMs = RETRY_MIN_MS;
      await sleep(waitMs, undefined, { signal }).catch(() => undefined);
      waitMs = Math.min(2 * waitMs, RETRY_MAX_MS);
    }
  };
  const ended = loop();

  return {
    active: () => messages !== undefined && bus.status() === 'connected',
    async stop() {
      stopping.abort();
      messages?.stop();
      await ended;
    },
  };
}

async function ensureConsumer(bus: Bus): Promise<void> {
  const settings = {
    ack_wait: nanos(ACK_WAIT_MS),
    max_ack_pending: ACK_PENDING_MAX,
    max_deliver: -1,
  } satisfies Partial<ConsumerConfig>;
  await bus.manager.consumers.add(NOTIFY_STREAM, {
    durable_name: CONSUMER,
    ack_policy: AckPolicy.Explicit,
    deliver_policy: DeliverPolicy.All,
    ...settings,
  });
}

function requestOf(message: JsMsg): IncomingRequest {
  return {
    text: message.string(),
    organisation: message.subject.slice(message.subject.indexOf('.') + 1),
    acknowledge: () => message.ack(),
    extend: () => message.working(),
    returnAfter: (delayMs) => message.nak(delayMs),
    discard: (reason) => message.term(reason),
  };
}
