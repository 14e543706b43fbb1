/** Sends the ends of executions to the subjects where callers wait; nobody there, nobody told. */
import type { Bus } from '@millrace/bus';
import type { Reply } from '@millrace/engine';
import type { Logger } from '@millrace/telemetry';

/** Headers of the protocol around a message, in bytes, at most. */
const PROTOCOL_BYTES = 1_024;
const PAYLOAD_BYTES_DEFAULT = 1024 * 1024;

export function createReplier(bus: Bus, logger: Logger): (subject: string, reply: Reply) => void {
  return (subject, reply) => {
    const limit = (bus.connection.info?.max_payload ?? PAYLOAD_BYTES_DEFAULT) - PROTOCOL_BYTES;
    let text = JSON.stringify(reply);
    if (Buffer.byteLength(text) > limit) {
      const { execution } = reply;
      text = JSON.stringify({ execution, status: 'refused', reason: 'payload-too-large' } satisfies Reply);
    }
    try {
      bus.connection.publish(subject, text);
    } catch (error) {
      // The connection is closing: whoever waits is answered at the deadline.
      logger.debug('A reply was not sent', { execution: reply.execution, error });
    }
  };
}
