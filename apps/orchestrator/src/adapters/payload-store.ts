/**
 * Payloads too large for a frame, in a JetStream object bucket, written before the frame that names them.
 */
import { Objm, type ObjectStore } from '@nats-io/obj';
import type { Bus } from '@millrace/bus';
import { untilAnswered } from '@millrace/bus';
import { Defect } from '@millrace/errors';
import type { PayloadStore } from '@millrace/lane';

const BUCKET = 'payloads';

export async function openPayloadStore(bus: Bus): Promise<PayloadStore> {
  const manager = new Objm(bus.jetstream);
  const objects: ObjectStore = await untilAnswered(bus, `Opening the object bucket ${BUCKET}`, () => manager.create(BUCKET, { replicas: bus.replicas }));
  return {
    async put(payloads) {
      // The names carry epoch, execution and activation: a payload put twice is the same payload.
      for (const { name, text } of payloads) await untilAnswered(bus, `Storing the payload ${name}`, () => objects.putBlob({ name }, Buffer.from(text, 'utf8')));
    },
    async get(name) {
      const bytes = await untilAnswered(bus, `Reading the payload ${name}`, () => objects.getBlob(name));
      if (bytes === null) throw new Defect(`the payload ${name}, which a frame names, is not in the object bucket`);
      return Buffer.from(bytes).toString('utf8');
    },
    async remove(names) {
      for (const name of names) await untilAnswered(bus, `Removing the payload ${name}`, () => objects.delete(name));
    },
  };
}
