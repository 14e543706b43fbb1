/**
 * The spans of a delivery, made from its record at any time: ids follow from organisation, key and attempt, so a
 * span that is exported and one that is asked for are the same.
 *
 * `notification.accept`  from the request until the delivery is stored
 *   `notification.queue` from then, or from the end of the attempt before, until the attempt begins
 *   `smtp.send`          one attempt
 */
import { spanIdFrom, traceIdFrom, type FinishedSpan } from '@millrace/telemetry';
import type { Try } from '@millrace/delivery';
import type { DeliveryRecord } from './ports.ts';

/** A span that may still be open. */
export type DeliverySpan = Omit<FinishedSpan, 'endedAtMs'> & { readonly endedAtMs?: number };

const SERVICE = 'notification';

/** The trace that the delivery belongs to: the request's, or one that follows from its execution or itself. */
export function traceIdOf(record: DeliveryRecord): string {
  return record.trace?.traceId ?? traceIdFrom(record.execution ?? record.id);
}

/** Every span so far, in the order of their starts. */
export function spansOf(record: DeliveryRecord): readonly DeliverySpan[] {
  const { delivery } = record;
  const spans: DeliverySpan[] = [acceptSpan(record)];
  let waitingSinceMs = delivery.createdAtMs;
  for (const one of delivery.tries) {
    spans.push(...trySpans(record, one, waitingSinceMs));
    waitingSinceMs = one.endedAtMs ?? one.startedAtMs;
  }
  if (delivery.dueAtMs !== undefined && delivery.lease === undefined) spans.push(queueSpan(record, delivery.attempts + 1, waitingSinceMs));
  return spans;
}

/** The spans that ended when this record's last attempt did. */
export function spansOfLastTry(record: DeliveryRecord): readonly FinishedSpan[] {
  const { tries } = record.delivery;
  const last = tries.at(-1);
  if (last === undefined) return [];
  const before = tries.at(-2);
  return trySpans(record, last, before?.endedAtMs ?? record.delivery.createdAtMs).filter(isFinished);
}

/** The span of acceptance, which has ended as soon as there is a record. */
export function acceptSpan(record: DeliveryRecord): FinishedSpan {
  const { organisation, key, execution, channel, delivery, trace } = record;
  return {
    traceId: traceIdOf(record),
    spanId: acceptSpanId(record),
    ...(trace === undefined ? {} : { parentSpanId: trace.spanId }),
    name: 'notification.accept',
    service: SERVICE,
    kind: 'consumer',
    // Clocks of two machines may differ; a span does not end before it starts.
    startedAtMs: Math.min(record.requestedAtMs, delivery.createdAtMs),
    endedAtMs: delivery.createdAtMs,
    attributes: {
      'millrace.organisation': organisation,
      'millrace.delivery': record.id,
      'millrace.delivery.key': key,
      'millrace.delivery.channel': channel,
      ...(execution === undefined ? {} : { 'millrace.execution': execution }),
    },
    status: 'ok',
  };
}

export function isFinished(span: DeliverySpan): span is FinishedSpan {
  return span.endedAtMs !== undefined;
}

function trySpans(record: DeliveryRecord, one: Try, waitingSinceMs: number): readonly DeliverySpan[] {
  return [queueSpan(record, one.attempt, waitingSinceMs, one.startedAtMs), sendSpan(record, one)];
}

function queueSpan(record: DeliveryRecord, attempt: number, startedAtMs: number, endedAtMs?: number): DeliverySpan {
  return {
    traceId: traceIdOf(record),
    spanId: spanIdFrom('delivery', record.organisation, record.key, 'queue', attempt),
    parentSpanId: acceptSpanId(record),
    name: 'notification.queue',
    service: SERVICE,
    kind: 'internal',
    startedAtMs,
    ...(endedAtMs === undefined ? {} : { endedAtMs }),
    attributes: { 'millrace.delivery': record.id, 'millrace.attempt': attempt },
    status: 'unset',
  };
}

function sendSpan(record: DeliveryRecord, { attempt, owner, startedAtMs, endedAtMs, outcome, detail }: Try): DeliverySpan {
  return {
    traceId: traceIdOf(record),
    spanId: spanIdFrom('delivery', record.organisation, record.key, 'send', attempt),
    parentSpanId: acceptSpanId(record),
    name: 'smtp.send',
    service: SERVICE,
    kind: 'client',
    startedAtMs,
    ...(endedAtMs === undefined ? {} : { endedAtMs }),
    attributes: {
      'millrace.delivery': record.id,
      'millrace.attempt': attempt,
      'millrace.instance': owner,
      'messaging.message.id': record.messageId,
      ...(outcome === undefined ? {} : { 'millrace.delivery.outcome': outcome }),
      ...(detail === undefined ? {} : { 'smtp.response': detail }),
    },
    status: outcome === undefined ? 'unset' : outcome === 'sent' ? 'ok' : 'error',
    ...(outcome === undefined || outcome === 'sent' || detail === undefined ? {} : { message: detail }),
  };
}

function acceptSpanId({ organisation, key }: DeliveryRecord): string {
  return spanIdFrom('delivery', organisation, key, 'accept');
}
