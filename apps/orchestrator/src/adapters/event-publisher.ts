/** Publishes batches of lifecycle CloudEvents to JetStream (CloudEvents JSON batch format, NATS binding). */
import { ensureStream, EVENTS_STREAM, EVENTS_SUBJECTS, type Bus } from '@millrace/bus';
import type { PublishEvents } from '@millrace/lane';
import { headers } from '@nats-io/transport-node';

const PUBLISH_TIMEOUT_MS = 5_000;
/** Disk and age that the stream of events may take. */
const EVENTS_BYTES_MAX = 512 * 1024 * 1024;
const EVENTS_AGE_MS_MAX = 24 * 3_600_000;

export function createEventPublisher(bus: Bus): PublishEvents {
  let prepared = false;
  return async (organisation, batch) => {
    if (!prepared) {
      await ensureStream(bus, { name: EVENTS_STREAM, subjects: [EVENTS_SUBJECTS], maxBytes: EVENTS_BYTES_MAX, maxAgeMs: EVENTS_AGE_MS_MAX, discard: 'old' });
      prepared = true;
    }
    const head = headers();
    head.set('content-type', 'application/cloudevents-batch+json');
    const answer = await bus.connection.request(`events.${organisation}.lifecycle`, batch, { headers: head, timeout: PUBLISH_TIMEOUT_MS });
    const { error } = answer.json<{ readonly error?: { readonly description: string } }>();
    if (error !== undefined) throw new Error(error.description);
  };
}
