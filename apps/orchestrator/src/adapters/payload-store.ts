/**
 * Payloads too large for a frame, in a JetStream object bucket, written before the frame that names them.
 *
 * They are read chunk by chunk from the stream's leader. The library's own way makes a consumer for each read, which
 * the server keeps for minutes: with the thousand that it allows a stream, no lane could be taken whose log names more.
 */
import { JetStreamApiError } from '@nats-io/jetstream';
import { Objm, type ObjectInfo, type ObjectStore } from '@nats-io/obj';
import type { Bus } from '@millrace/bus';
import { untilAnswered } from '@millrace/bus';
import { Defect, MillraceError } from '@millrace/errors';
import type { PayloadStore } from '@millrace/lane';

const BUCKET = 'payloads';
const STREAM = `OBJ_${BUCKET}`;
/** How often one is begun to be read that is being replaced. */
const TRIES_MAX = 3;
const NO_MESSAGE_FOUND = 10037;

export async function openPayloadStore(bus: Bus): Promise<PayloadStore> {
  const manager = new Objm(bus.jetstream);
  const objects: ObjectStore = await untilAnswered(bus, `Opening the object bucket ${BUCKET}`, () => manager.create(BUCKET, { replicas: bus.replicas }));

  /** Undefined when it is not there. */
  async function read(name: string): Promise<Buffer | undefined> {
    for (let tries = 1; ; tries++) {
      const info = await objects.info(name);
      if (info === null || info.deleted) return undefined;
      const bytes = await chunksOf(info);
      // Another of that name came in between, and took the chunks of this one away.
      if (bytes.length === info.size) return bytes;
      if (tries === TRIES_MAX) throw new MillraceError('bus-failed', { message: `The payload ${name} has ${bytes.length} of ${info.size} bytes` });
    }
  }

  async function chunksOf({ nuid, chunks }: ObjectInfo): Promise<Buffer> {
    const subject = `$O.${BUCKET}.C.${nuid}`;
    const parts: Uint8Array[] = [];
    for (let seq = 1; parts.length < chunks; ) {
      // The server takes both together; the library's type does not know.
      const next = { seq, next_by_subj: subject } as { seq: number };
      const message = await bus.manager.streams.getMessage(STREAM, next).catch(ignoreMissing);
      if (message === null) break;
      parts.push(message.data);
      seq = message.seq + 1;
    }
    return Buffer.concat(parts);
  }

  return {
    async put(payloads) {
      // The names carry epoch, execution and activation: a payload put twice is the same payload.
      for (const { name, text } of payloads) await untilAnswered(bus, `Storing the payload ${name}`, () => objects.putBlob({ name }, Buffer.from(text, 'utf8')));
    },
    async get(name) {
      const bytes = await untilAnswered(bus, `Reading the payload ${name}`, () => read(name));
      if (bytes === undefined) throw new Defect(`the payload ${name}, which a frame names, is not in the object bucket`);
      return bytes.toString('utf8');
    },
    async remove(names) {
      for (const name of names) await untilAnswered(bus, `Removing the payload ${name}`, () => objects.delete(name));
    },
  };
}

function ignoreMissing(error: unknown): null {
  if (error instanceof JetStreamApiError && error.code === NO_MESSAGE_FOUND) return null;
  throw error;
}
