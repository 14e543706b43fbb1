/**
 * `millrace.notify`: hands a delivery over to the notification service, durably.
 *
 * The append to the stream is the hand-over: neither the notification service nor its database has to be there.
 * The same key twice is one delivery, so the operation is keyed by nature; the step's own key is the default.
 */
import { ADDRESS_CHARS_MAX, KEY_CHARS_MAX, NAME_CHARS_MAX, decodeDeliveryRequest, encodeDeliveryRequest, type DeliveryRequest } from '@millrace/delivery';
import { MillraceError } from '@millrace/errors';
import { keyOf } from '../claimed-step.ts';
import { failure, refused, uncertain } from '../failure.ts';
import { NOTIFY_BYTES_MAX, NOTIFY_TIMEOUT_MS } from '../limits.ts';
import type { OperationCall, OperationManifest, Performed } from '../manifest.ts';
import type { DeliveryStream } from '../ports.ts';
import { traceparentOf } from '@millrace/worker';

const address = { type: 'string', minLength: 3, maxLength: ADDRESS_CHARS_MAX } as const;

export function notify(deliveries: DeliveryStream, nowMs: () => number = Date.now): OperationManifest {
  return {
    summary: 'Hands a message for a person to the notification service',
    arguments: {
      type: 'object',
      required: ['recipient', 'template'],
      properties: {
        key: { type: 'string', minLength: 1, maxLength: KEY_CHARS_MAX },
        channel: { const: 'email' },
        recipient: {
          oneOf: [
            address,
            { type: 'object', required: ['address'], properties: { address, name: { type: ['string', 'null'], maxLength: NAME_CHARS_MAX } }, additionalProperties: false },
          ],
        },
        template: {
          oneOf: [
            { type: 'string', minLength: 1 },
            {
              type: 'object',
              required: ['subject'],
              properties: { subject: { type: 'string' }, text: { type: ['string', 'null'] }, html: { type: ['string', 'null'] } },
              additionalProperties: false,
            },
          ],
        },
        data: true,
      },
      additionalProperties: false,
    },
    output: { type: 'object', required: ['key', 'channel', 'recipient'], properties: { key: { type: 'string' }, channel: { type: 'string' }, recipient: { type: 'string' } } },
    retryClass: 'keyed',
    timeoutMs: NOTIFY_TIMEOUT_MS,
    action: { kind: 'run', run: (call) => publish(deliveries, call, nowMs()) },
  };
}

async function publish(deliveries: DeliveryStream, call: OperationCall, requestedAtMs: number): Promise<Performed> {
  const { step, arguments: args } = call;
  const asked = {
    organisation: step.organisation,
    key: typeof args['key'] === 'string' ? args['key'] : keyOf(step),
    channel: 'email',
    recipient: args['recipient'],
    template: args['template'],
    data: args['data'] ?? {},
    execution: step.execution,
    traceparent: traceparentOf(step),
    requestedAtMs,
  };
  // What the notification service would never accept is told to the workflow, while it can still do something about it.
  const decoded = decodeDeliveryRequest(encodeDeliveryRequest(asked as unknown as DeliveryRequest));
  if (decoded.kind !== 'request') return refused(failure('validation', 400, `arguments of millrace.notify: ${decoded.kind === 'invalid' ? decoded.detail : decoded.kind}`));
  const { request } = decoded;
  const bytes = Buffer.from(encodeDeliveryRequest(request));
  if (bytes.length > NOTIFY_BYTES_MAX) return refused(failure('validation', 413, `the delivery is larger than ${NOTIFY_BYTES_MAX} bytes`));
  try {
    await deliveries.publish(step.organisation, request.key, bytes, traceparentOf(step), call.signal);
  } catch (error) {
    if (call.signal.aborted || !(error instanceof MillraceError)) throw error;
    return uncertain(failure('communication', 503, `the delivery could not be handed over: ${error.message}`), 'unasked');
  }
  return { kind: 'output', value: { key: request.key, channel: request.channel, recipient: request.recipient.address } };
}
