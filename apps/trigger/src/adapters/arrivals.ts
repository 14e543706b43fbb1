/**
 * Events from outside: durable in the stream ARRIVALS, and from there, by any instance, to where they belong.
 *
 * A1 An event is accepted once it is in ARRIVALS, and leaves it once it is in the input of every lane, in EVENTS, and
 *    routed. What fails comes again, any number of times; what cannot be read becomes a dead letter of nobody.
 */
import { AckPolicy, DeliverPolicy, type Consumer, type JsMsg } from '@nats-io/jetstream';
import { headers, nanos } from '@nats-io/transport-node';
import { createDeadLetters, ARRIVALS_STREAM, ARRIVALS_SUBJECT, ensureStream, eventSubject, readDurable, type Bus, type DurableReading } from '@millrace/bus';
import type { CloudEvent } from '@millrace/engine';
import { MillraceError } from '@millrace/errors';
import type { Logger } from '@millrace/telemetry';
import { createHash } from 'node:crypto';
import type { LaneLog } from '../ports.ts';
import { failureOfAppend } from './lane-log.ts';

/** Disk for events that have not been routed; beyond it new ones are refused. NATS reserves it. */
export const ARRIVALS_BYTES_MAX = 256 * 1024 * 1024;
/** How long a repeated append with the same message id is recognised, milliseconds. */
const DUPLICATE_WINDOW_MS = 120_000;
const APPEND_TIMEOUT_MS = 5_000;
/** How long events may take to be routed before they come again, milliseconds; longer than appends are tried. */
const ACK_WAIT_MS = 60_000;
/** Messages that all instances together have taken and not acknowledged. */
const ACK_PENDING_MAX = 1_000;
/** Messages that one instance asks for at a time. */
const FETCH_MAX = 250;
/** How long an event that failed waits, milliseconds. */
const AGAIN_MS = 1_000;
/** Header of what is in EVENTS only so that others can read it: it has been routed. */
export const ROUTED_HEADER = 'Millrace-Routed';

const streamConfig = { name: ARRIVALS_STREAM, subjects: [ARRIVALS_SUBJECT], retention: 'workqueue', maxBytes: ARRIVALS_BYTES_MAX, duplicateWindowMs: DUPLICATE_WINDOW_MS, discard: 'new' } as const;

export interface Arrival {
  readonly organisation: string;
  readonly event: CloudEvent;
}

/** The log that the appender of arrivals writes to; its lane is always 0. */
export function createArrivalsLog(bus: Bus, messageBytesMax: () => number): LaneLog {
  let ensured: Promise<void> | undefined;
  return {
    async append(_lane, message, messageId) {
      try {
        ensured ??= ensureStream(bus, streamConfig);
        await ensured;
        await bus.jetstream.publish(ARRIVALS_SUBJECT, message, { msgID: messageId, timeout: APPEND_TIMEOUT_MS, expect: { streamName: ARRIVALS_STREAM } });
      } catch (error) {
        ensured = undefined;
        throw failureOfAppend(error, 'The stream of events that came from outside');
      }
    },
    messageBytesMax,
  };
}

/** Makes an event readable to whoever subscribes to NATS; the same one twice is one message for two minutes. */
export async function publishArrival(bus: Bus, { organisation, event }: Arrival): Promise<void> {
  const routed = headers();
  routed.set(ROUTED_HEADER, '1');
  const id = createHash('sha256').update(JSON.stringify([organisation, event['source'], event['id']])).digest('base64url');
  await bus.jetstream.publish(eventSubject(organisation, String(event['type'])), JSON.stringify(event), { msgID: `arrival/${id}`, timeout: APPEND_TIMEOUT_MS, headers: routed });
}

/** Reads until stopped, over every outage; `take` resolves once the event is where it belongs. */
export function readArrivals(bus: Bus, logger: Logger, take: (arrival: Arrival) => Promise<void>): DurableReading {
  const letters = createDeadLetters(bus);

  async function takeMessage(message: JsMsg): Promise<void> {
    let arrivals: readonly Arrival[];
    try {
      arrivals = (message.json() as { readonly inputs: readonly Arrival[] }).inputs;
      if (!Array.isArray(arrivals)) throw new TypeError('there are no `inputs`');
    } catch (error) {
      logger.error('A message of events cannot be read; it becomes a dead letter', { sequence: message.seq, error });
      const { seq: sequence, subject, data } = message;
      try {
        await letters.keep(undefined, { stream: ARRIVALS_STREAM, sequence, subject, data, reason: `it cannot be read: ${(error as Error).message}` });
        message.term('not readable');
      } catch {
        message.nak(AGAIN_MS);
      }
      return;
    }
    const beat = setInterval(() => message.working(), ACK_WAIT_MS / 3);
    try {
      await Promise.all(arrivals.map(take));
      message.ack();
    } catch (error) {
      logger.warn('Events could not be routed; they are tried again', { events: arrivals.length, error: MillraceError.from(error) });
      message.nak(AGAIN_MS);
    } finally {
      clearInterval(beat);
    }
  }

  async function open(): Promise<Consumer> {
    await ensureStream(bus, streamConfig);
    await bus.manager.consumers.add(ARRIVALS_STREAM, { durable_name: 'trigger', ack_policy: AckPolicy.Explicit, deliver_policy: DeliverPolicy.All, ack_wait: nanos(ACK_WAIT_MS), max_ack_pending: ACK_PENDING_MAX, max_deliver: -1 });
    return bus.jetstream.consumers.get(ARRIVALS_STREAM, 'trigger');
  }

  return readDurable({ bus, logger, what: 'events from outside', fetchMax: FETCH_MAX, open, take: takeMessage });
}
