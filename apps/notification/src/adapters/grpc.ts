/**
 * The Deliveries service: records to protos and back. Nothing generated gets past this file.
 */
import type { UntypedServiceImplementation } from '@grpc/grpc-js';
import type { Span, Trace } from '@millrace/contracts/execution/v1/execution';
import { DeliveriesService, type DeliveriesRequest, type Delivery, type DeliveryList, type DeliveryTraceRequest } from '@millrace/contracts/notification/v1/deliveries';
import { isDeliveryState } from '@millrace/delivery';
import { MillraceError } from '@millrace/errors';
import { unary } from '@millrace/rpc';
import type { DeliveryRecord, DeliveryStore } from '../ports.ts';
import { spansOf, traceIdOf, type DeliverySpan } from '../spans.ts';

/** Deliveries on a page when the caller does not say. */
export const PAGE_DEFAULT = 50;
/** Most deliveries on a page. */
export const PAGE_MAX = 500;
/** Most deliveries of one execution whose spans are shown. */
export const TRACE_DELIVERIES_MAX = 200;
/** Most spans in one answer, which has to stay below the limit of a message. */
export const TRACE_SPANS_MAX = 5_000;

/** Definition and handlers, for the RPC server. */
export function deliveriesService(store: DeliveryStore): { readonly definition: typeof DeliveriesService; readonly implementation: UntypedServiceImplementation } {
  return {
    definition: DeliveriesService,
    implementation: {
      list: unary((request: DeliveriesRequest) => list(store, request)),
      trace: unary((request: DeliveryTraceRequest) => trace(store, request)),
    },
  };
}

async function list(store: DeliveryStore, { organisation, state, execution, cursor, limit }: DeliveriesRequest): Promise<DeliveryList> {
  requireText(organisation, 'organisation');
  if (state !== '' && !isDeliveryState(state)) throw new MillraceError('argument-invalid', { message: `There is no delivery state "${state}"` });
  const page = await store.list({
    organisation,
    limit: limit === 0 ? PAGE_DEFAULT : Math.min(limit, PAGE_MAX),
    ...(state === '' ? {} : { state }),
    ...(execution === '' ? {} : { execution }),
    ...(cursor === '' ? {} : { cursor }),
  });
  return { deliveries: page.records.map(deliveryOf), cursor: page.cursor };
}

async function trace(store: DeliveryStore, { organisation, execution }: DeliveryTraceRequest): Promise<Trace> {
  requireText(organisation, 'organisation');
  requireText(execution, 'execution');
  const records = await store.ofExecution(organisation, execution, TRACE_DELIVERIES_MAX);
  const spans = records.flatMap(spansOf).sort((left, right) => left.startedAtMs - right.startedAtMs);
  const [first] = records;
  return { traceId: first === undefined ? '' : traceIdOf(first), spans: spans.slice(0, TRACE_SPANS_MAX).map(spanOf) };
}

function requireText(text: string, field: string): void {
  if (text === '') throw new MillraceError('argument-invalid', { message: `The field ${field} is missing` });
}

function deliveryOf(record: DeliveryRecord): Delivery {
  const { id, organisation, key, channel, recipient, messageId, execution, message, delivery } = record;
  return {
    delivery: id,
    organisation,
    key,
    channel,
    recipient: recipient.address,
    state: delivery.state,
    attempts: delivery.attempts,
    messageId,
    execution: execution ?? '',
    createdAtMs: delivery.createdAtMs,
    updatedAtMs: delivery.updatedAtMs,
    lastError: delivery.lastError ?? '',
    unknowns: delivery.unknowns,
    dueAtMs: delivery.dueAtMs ?? 0,
    subject: message?.subject ?? '',
  };
}

function spanOf({ spanId, parentSpanId, service, name, startedAtMs, endedAtMs, attributes }: DeliverySpan): Span {
  return {
    spanId,
    parentSpanId: parentSpanId ?? '',
    service,
    name,
    startedAtMs,
    endedAtMs: endedAtMs ?? 0,
    attributes: Object.fromEntries(Object.entries(attributes).map(([key, value]) => [key, String(value)])),
  };
}
