/** The lanes' inputs in JetStream. Owns the streams' existence and what NATS' errors mean for an append. */
import { ensureStream, inputStream, inputSubject, laneInputStreamConfig, type Bus } from '@millrace/bus';
import { MillraceError } from '@millrace/errors';
import { headers, type MsgHdrs } from '@nats-io/transport-node';
import type { LaneLog } from '../ports.ts';

/** How long one append may take before it is repeated, in milliseconds. */
export const APPEND_TIMEOUT_MS = 5_000;
/** What the subject, the headers and the protocol take of NATS' largest payload, in bytes. */
const PROTOCOL_BYTES = 1024;
/** NATS' own default, until the server has said otherwise. */
const PAYLOAD_BYTES_DEFAULT = 1024 * 1024;

/** JetStream's code for an append that the stream could not store, a full one for example. */
const STORE_FAILED = 10077;

export function createLaneLog(bus: Bus): LaneLog {
  const ensured = new Map<number, Promise<void>>();

  /** Once a lane; again after a failure. */
  function ensure(lane: number): Promise<void> {
    let done = ensured.get(lane);
    if (done === undefined) {
      done = ensureStream(bus, laneInputStreamConfig(lane));
      ensured.set(lane, done);
      done.catch(() => void ensured.delete(lane));
    }
    return done;
  }

  return {
    async append(lane, message, messageId, traceparent) {
      try {
        await ensure(lane);
        const appended = bus.jetstream.publish(inputSubject(lane), message, {
          msgID: messageId,
          timeout: APPEND_TIMEOUT_MS,
          expect: { streamName: inputStream(lane) },
          ...(traceparent === undefined ? {} : { headers: traceHeaders(traceparent) }),
        });
        await orReconnected(bus, appended);
      } catch (error) {
        // Somebody may have deleted the stream; while NATS is away this costs nothing but a question later.
        if (bus.status() === 'connected') ensured.delete(lane);
        throw failureOfAppend(error, `Lane ${lane}`);
      }
    },
    messageBytesMax: () => (bus.connection.info?.max_payload ?? PAYLOAD_BYTES_DEFAULT) - PROTOCOL_BYTES,
  };
}

function traceHeaders(traceparent: string): MsgHdrs {
  const made = headers();
  made.set('traceparent', traceparent);
  return made;
}

/** An answer that was on its way when the link broke never comes: the append is repeated as soon as there is a new link. */
async function orReconnected(bus: Bus, appended: Promise<unknown>): Promise<void> {
  let stopWatching: () => void = () => undefined;
  const reconnected = new Promise<never>((_resolve, reject) => {
    stopWatching = bus.onStatus((status) => {
      if (status === 'connected') reject(new Error('the link to NATS broke before the answer'));
    });
  });
  try {
    await Promise.race([appended, reconnected]);
  } finally {
    stopWatching();
    appended.catch(() => undefined);
  }
}

/** What NATS' refusal of an append means; `where` begins the sentence. */
export function failureOfAppend(error: unknown, where: string): MillraceError {
  const text = error instanceof Error ? error.message : String(error);
  if ((error as { readonly code?: unknown }).code === STORE_FAILED || /maximum (?:bytes|messages) exceeded/.test(text)) {
    return new MillraceError('log-budget-exceeded', { message: `${where} has more waiting inputs than its disk budget allows; send again later`, cause: error });
  }
  return MillraceError.from(error, 'bus-failed', { message: `${where}: an append was not acknowledged: ${text}` });
}
