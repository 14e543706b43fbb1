/**
 * `event.emit`: publishes a CloudEvent (DSL reference, Emit). Its output is the event as it was published.
 *
 * What the workflow does not say is filled in from the step: the id from its key, so that the same step sent twice
 * is one event, and the time from when it was dispatched.
 */
import type { CloudEvent } from '@millrace/engine';
import { MillraceError } from '@millrace/errors';
import type { Step } from '@millrace/worker';
import { keyOf } from '../claimed-step.ts';
import { failure, refused, uncertain } from '../failure.ts';
import { EMIT_TIMEOUT_MS, EVENT_BYTES_MAX } from '../limits.ts';
import type { ConnectorManifest, JsonObject, OperationCall, Performed } from '../manifest.ts';
import type { EventStream } from '../ports.ts';

/** CloudEvents 1.0, "Type System": what may stand in a subject of NATS as well. */
const TYPE = /^[^\s.*>]+(?:\.[^\s.*>]+)*$/;

export function eventConnector(events: EventStream): ConnectorManifest {
  return {
    id: 'event',
    version: '1.0.0',
    title: 'Events',
    auth: ['none'],
    operations: {
      emit: {
        summary: 'Publishes a CloudEvent to whoever subscribes or listens',
        arguments: {
          type: 'object',
          required: ['event'],
          properties: { event: { type: 'object', required: ['source', 'type'], properties: { id: { type: 'string' }, source: { type: 'string', minLength: 1 }, type: { type: 'string', minLength: 1 }, time: { type: 'string' } } } },
          additionalProperties: false,
        },
        output: { type: 'object' },
        retryClass: 'keyed',
        timeoutMs: EMIT_TIMEOUT_MS,
        action: { kind: 'run', run: (call) => emit(events, call) },
      },
    },
  };
}

async function emit(events: EventStream, { step, arguments: args, signal }: OperationCall): Promise<Performed> {
  const event = complete(args['event'] as JsonObject, step);
  if (!TYPE.test(String(event['type']))) return refused(failure('validation', 400, `the type of an event is words with full stops between them, and this is ${JSON.stringify(event['type'])}`));
  if (Buffer.byteLength(JSON.stringify(event)) > EVENT_BYTES_MAX) return refused(failure('validation', 413, `the event is larger than ${EVENT_BYTES_MAX} bytes`));
  try {
    await events.publish(step.organisation, event, `${keyOf(step)}`, signal);
  } catch (error) {
    if (!(error instanceof MillraceError)) throw error;
    return uncertain(failure('communication', 503, `the event could not be published: ${error.message}`), 'unasked');
  }
  return { kind: 'output', value: event };
}

/** Attributes without a value are left out (CloudEvents 1.0, "Context Attributes"). */
function complete(given: JsonObject, step: Step): CloudEvent {
  const stated = Object.fromEntries(Object.entries(given).filter(([name, value]) => value !== null || name === 'data'));
  return { specversion: '1.0', id: keyOf(step), time: new Date(step.dispatchedAtMs).toISOString(), ...stated };
}
