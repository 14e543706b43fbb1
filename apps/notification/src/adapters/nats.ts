/**
 * Requests from the NOTIFY stream: one durable pull consumer that all instances share.
 *
 * Invariant: what was fetched and not acknowledged comes again, here or at another instance, after ACK_WAIT_MS; it
 * is never redelivered a bounded number of times only. What can never be stored leaves the stream once it is a dead letter.
 */
import { AckPolicy, DeliverPolicy, type Consumer, type ConsumerConfig, type JsMsg } from '@nats-io/jetstream';
import { nanos } from '@nats-io/transport-node';
import { createDeadLetters, ensureStream, NOTIFY_STREAM, notifyStreamConfig, readDurable, type Bus, type DeadLetters, type DurableReading } from '@millrace/bus';
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
/** How long a request rests that could not be made a dead letter, in milliseconds. */
const AGAIN_MS = 5_000;

/** Reads until stopped, over every outage; `take` gets each request, and what was handed over stays to be acknowledged. */
export function consumeRequests(bus: Bus, logger: Logger, take: (request: IncomingRequest) => void): DurableReading {
  const letters = createDeadLetters(bus);
  const open = async (): Promise<Consumer> => {
    await ensureStream(bus, notifyStreamConfig);
    await ensureConsumer(bus);
    return bus.jetstream.consumers.get(NOTIFY_STREAM, CONSUMER);
  };
  return readDurable({ bus, logger, what: 'delivery requests', fetchMax: FETCH_MAX, open, take: (message) => take(requestOf(message, letters, logger)) });
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

function requestOf(message: JsMsg, letters: DeadLetters, logger: Logger): IncomingRequest {
  const organisation = message.subject.slice(message.subject.indexOf('.') + 1);
  return {
    text: message.string(),
    organisation,
    acknowledge: () => message.ack(),
    extend: () => message.working(),
    returnAfter: (delayMs) => message.nak(delayMs),
    discard(reason) {
      letters.keep(organisation, { stream: NOTIFY_STREAM, sequence: message.seq, subject: message.subject, data: message.data, reason }).then(
        () => message.term(reason),
        (error: unknown) => {
          logger.warn('A delivery request could not be made a dead letter yet', { organisation, sequence: message.seq, error });
          message.nak(AGAIN_MS);
        },
      );
    },
  };
}
