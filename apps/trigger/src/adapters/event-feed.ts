/**
 * Events that executions make: lifecycle events, and those that workflows emit, from the stream EVENTS.
 *
 * F1 Only what somebody wants is read: the durable consumer's filters follow the subscriptions. With none there is no consumer.
 * F2 What is read is handed over at least once; instances share the consumer. What cannot be read becomes a dead letter.
 */
import { AckPolicy, DeliverPolicy, type JsMsg } from '@nats-io/jetstream';
import { nanos } from '@nats-io/transport-node';
import { createDeadLetters, ensureStream, EVENTS_STREAM, eventsStreamConfig, readDurable, type Bus, type DurableReading } from '@millrace/bus';
import type { CloudEvent } from '@millrace/engine';
import { MillraceError } from '@millrace/errors';
import type { Logger } from '@millrace/telemetry';
import { ROUTED_HEADER } from './arrivals.ts';

const CONSUMER = 'trigger';
const ACK_WAIT_MS = 60_000;
const ACK_PENDING_MAX = 500;
const FETCH_MAX = 100;
const AGAIN_MS = 1_000;
/** Filters of the consumer; above them everything is read. */
export const FILTERS_MAX = 256;
/** What the consumer reads while nobody wants anything any more. */
const NOTHING = 'events._.nothing';

export interface EventFeed {
  /** Reads these subjects from now on; resolves once NATS has it. @throws MillraceError `bus-failed`. */
  want(subjects: readonly string[]): Promise<void>;
  stop(): Promise<void>;
}

/** `take` resolves once the events of an organisation have been dealt with. */
export function openEventFeed(bus: Bus, logger: Logger, take: (organisation: string, events: readonly CloudEvent[]) => Promise<void>): EventFeed {
  const letters = createDeadLetters(bus);
  let wanted: readonly string[] = [];
  let reading: DurableReading | undefined;
  let changing: Promise<void> = Promise.resolve();
  let stopped = false;

  async function takeMessage(message: JsMsg): Promise<void> {
    if (message.headers?.has(ROUTED_HEADER) === true) return message.ack();
    const [, organisation = ''] = message.subject.split('.', 2);
    let events: readonly CloudEvent[];
    try {
      const parsed = message.json() as CloudEvent | readonly CloudEvent[];
      events = Array.isArray(parsed) ? parsed : [parsed as CloudEvent];
    } catch (error) {
      const { seq: sequence, subject, data } = message;
      try {
        await letters.keep(organisation, { stream: EVENTS_STREAM, sequence, subject, data, reason: `it cannot be read: ${(error as Error).message}` });
        return message.term('not readable');
      } catch {
        return message.nak(AGAIN_MS);
      }
    }
    try {
      await take(organisation, events);
      message.ack();
    } catch (error) {
      logger.warn('Events of executions could not be routed; they are tried again', { organisation, events: events.length, error: MillraceError.from(error) });
      message.nak(AGAIN_MS);
    }
  }

  async function configure(): Promise<void> {
    await ensureStream(bus, eventsStreamConfig);
    const filters = wanted.length === 0 ? [NOTHING] : wanted.length > FILTERS_MAX ? ['events.>'] : [...wanted];
    const settings = { ack_wait: nanos(ACK_WAIT_MS), max_ack_pending: ACK_PENDING_MAX, max_deliver: -1, filter_subjects: filters };
    try {
      await bus.manager.consumers.update(EVENTS_STREAM, CONSUMER, settings);
    } catch (error) {
      if (!/consumer (?:not found|does not exist)/.test((error as Error).message)) throw error;
      await bus.manager.consumers.add(EVENTS_STREAM, { durable_name: CONSUMER, ack_policy: AckPolicy.Explicit, deliver_policy: DeliverPolicy.New, ...settings });
    }
  }

  return {
    want(subjects) {
      const next = changing.then(async () => {
        if (JSON.stringify(subjects) === JSON.stringify(wanted)) return;
        const before = wanted;
        wanted = [...subjects];
        try {
          await configure();
        } catch (error) {
          wanted = before;
          throw MillraceError.from(error, 'bus-failed', { message: `The events that are wanted could not be told to NATS: ${(error as Error).message}` });
        }
        if (!stopped) reading ??= readDurable({ bus, logger, what: 'events of executions', fetchMax: FETCH_MAX, open: () => bus.jetstream.consumers.get(EVENTS_STREAM, CONSUMER), take: takeMessage });
      });
      changing = next.catch(() => undefined);
      return next;
    },
    async stop() {
      stopped = true;
      await Promise.all([changing, reading?.stop()]);
    },
  };
}
