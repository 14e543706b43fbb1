/**
 * From a request on the bus to the record that is stored.
 */
import { createHash } from 'node:crypto';
import { acceptedDelivery, type DeliveryRequest } from '@millrace/delivery';
import { parseTraceparent } from '@millrace/telemetry';
import type { DeliveryRecord } from './ports.ts';

/** Hexadecimal digits of the key's hash in ids: 128 bits. */
const HASH_DIGITS = 32;

/** The id of the one delivery of this organisation and key. */
export function deliveryId(organisation: string, key: string): string {
  return `${organisation}/${keyHash(organisation, key)}`;
}

/** The Message-ID of that delivery (RFC 5322 section 3.6.4), the same in every attempt and on every instance. */
export function messageIdOf(organisation: string, key: string, domain: string): string {
  return `<${keyHash(organisation, key)}@${domain}>`;
}

/** The domain of a From header's address; `localhost` when it has none. */
export function domainOf(from: string): string {
  return /@([\p{L}\p{N}.-]+)>?\s*$/u.exec(from)?.[1] ?? 'localhost';
}

/** The record of a request that can be delivered. */
export function recordOf(request: DeliveryRequest, domain: string, nowMs: number): DeliveryRecord {
  const { organisation, key, channel, recipient, execution, traceparent, template, data, notBeforeMs } = request;
  const trace = parseTraceparent(traceparent);
  return {
    id: deliveryId(organisation, key),
    organisation,
    key,
    channel,
    recipient,
    ...(execution === undefined ? {} : { execution }),
    ...(trace === undefined ? {} : { trace }),
    messageId: messageIdOf(organisation, key, domain),
    requestedAtMs: request.requestedAtMs === 0 ? nowMs : request.requestedAtMs,
    source: { kind: 'template', template, data },
    delivery: acceptedDelivery(nowMs, notBeforeMs ?? nowMs),
  };
}

/** The record of a request that can never be delivered: it fails when it is rendered, where people can see it. */
export function invalidRecord(organisation: string, key: string, detail: string, domain: string, nowMs: number): DeliveryRecord {
  return {
    id: deliveryId(organisation, key),
    organisation,
    key,
    channel: 'email',
    recipient: { address: '' },
    messageId: messageIdOf(organisation, key, domain),
    requestedAtMs: nowMs,
    source: { kind: 'invalid', detail },
    delivery: acceptedDelivery(nowMs),
  };
}

function keyHash(organisation: string, key: string): string {
  return createHash('sha256').update(`${organisation.length}:${organisation}${key}`).digest('hex').slice(0, HASH_DIGITS);
}
