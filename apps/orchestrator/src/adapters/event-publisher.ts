/** Publishes batches of lifecycle CloudEvents to JetStream (CloudEvents JSON batch format, NATS binding). */
import { ensureStream, eventsStreamConfig, lifecycleSubject, type Bus } from '@millrace/bus';
import type { PublishEvents } from '@millrace/lane';
import { headers } from '@nats-io/transport-node';

const PUBLISH_TIMEOUT_MS = 5_000;

export function createEventPublisher(bus: Bus): PublishEvents {
  let prepared = false;
  return async (organisation, batch) => {
    if (!prepared) {
      await ensureStream(bus, eventsStreamConfig);
      prepared = true;
    }
    const head = headers();
    head.set('content-type', 'application/cloudevents-batch+json');
    const answer = await bus.connection.request(lifecycleSubject(organisation), batch, { headers: head, timeout: PUBLISH_TIMEOUT_MS });
    const { error } = answer.json<{ readonly error?: { readonly description: string } }>();
    if (error !== undefined) throw new Error(error.description);
  };
}
