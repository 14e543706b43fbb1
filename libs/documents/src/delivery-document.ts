/** A delivery (a mail on its way) as a JSON document. */
import type { Delivery } from '@millrace/contracts/gateway/v1/gateway';
import { isoTime } from './value.ts';

export interface DeliveryDocument {
  readonly delivery: string;
  readonly key: string;
  readonly channel: string;
  readonly recipient: string;
  /** scheduled, rendering, queued, sending, sent, deferred, unknown, bounced, suppressed or failed. */
  readonly state: string;
  readonly attempts: number;
  readonly messageId: string | null;
  readonly execution: string | null;
  readonly createdAt: string | null;
  readonly updatedAt: string | null;
  readonly lastError: string | null;
  /** Attempts whose outcome was not known; more than 0 means that the recipient may have got the message twice. */
  readonly unknowns: number;
  /** When something happens next by itself; null when the delivery has ended. */
  readonly dueAt: string | null;
  /** Null until the message is rendered. */
  readonly subject: string | null;
}

export interface DeliveryListDocument {
  readonly deliveries: readonly DeliveryDocument[];
  /** Where the list goes on; null at its end. */
  readonly cursor: string | null;
}

const orNull = (text: string): string | null => (text === '' ? null : text);

export function deliveryDocument(delivery: Delivery): DeliveryDocument {
  return {
    delivery: delivery.delivery,
    key: delivery.key,
    channel: delivery.channel,
    recipient: delivery.recipient,
    state: delivery.state,
    attempts: delivery.attempts,
    messageId: orNull(delivery.messageId),
    execution: orNull(delivery.execution),
    createdAt: isoTime(delivery.createdAtMs),
    updatedAt: isoTime(delivery.updatedAtMs),
    lastError: orNull(delivery.lastError),
    unknowns: delivery.unknowns,
    dueAt: isoTime(delivery.dueAtMs),
    subject: orNull(delivery.subject),
  };
}

export function deliveryListDocument(list: { readonly deliveries: readonly Delivery[]; readonly cursor: string }): DeliveryListDocument {
  return { deliveries: list.deliveries.map(deliveryDocument), cursor: orNull(list.cursor) };
}
