/** Deliveries into the NOTIFY stream, with the key as message id: a repeated publish is one message. */
import { headers } from '@nats-io/transport-node';
import { setTimeout as sleep } from 'node:timers/promises';
import { ensureStream, notifyStreamConfig, notifySubject, type Bus } from '@millrace/bus';
import { MillraceError } from '@millrace/errors';
import type { DeliveryStream } from '../ports.ts';

/** First and longest wait before a publish without an answer is repeated, milliseconds. */
const RETRY_MS = 100;
const RETRY_MS_MAX = 2_000;

export function natsDeliveries(bus: Bus): DeliveryStream {
  let ensured: Promise<void> | undefined;
  const ensure = (): Promise<void> => {
    ensured ??= ensureStream(bus, notifyStreamConfig).catch((error: unknown) => {
      ensured = undefined;
      throw error;
    });
    return ensured;
  };
  return {
    publish: async (organisation, key, request, traceparent, signal) => {
      const head = headers();
      head.set('traceparent', traceparent);
      let delayMs = RETRY_MS;
      for (;;) {
        signal.throwIfAborted();
        try {
          await ensure();
          await bus.jetstream.publish(notifySubject(organisation), request, { msgID: `${organisation}/${key}`, headers: head });
          return;
        } catch (error) {
          const failed = MillraceError.from(error, 'bus-failed');
          if (failed.retry.kind === 'never') throw failed;
        }
        // The same id again: if the first try landed, the stream knows it.
        await sleep(delayMs, undefined, { signal });
        delayMs = Math.min(delayMs * 2, RETRY_MS_MAX);
      }
    },
  };
}
