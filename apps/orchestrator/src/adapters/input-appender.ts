/** Appends to the inputs of lanes: what their former lanes send on. */
import { ensureStream, inputStream, inputSubject, laneInputStreamConfig, type Bus } from '@millrace/bus';
import { encodeLaneInputs, type LaneInput } from '@millrace/engine';

/** How long one try waits for its acknowledgement, in milliseconds. */
const APPEND_TIMEOUT_MS = 5_000;

/** Resolves once the message is durable; the same id within two minutes is stored once. */
export function createInputAppender(bus: Bus): (lane: number, inputs: readonly LaneInput[], messageId: string) => Promise<void> {
  const ensured = new Set<number>();
  return async (lane, inputs, messageId) => {
    if (!ensured.has(lane)) {
      await ensureStream(bus, laneInputStreamConfig(lane));
      ensured.add(lane);
    }
    await bus.jetstream.publish(inputSubject(lane), encodeLaneInputs(inputs), { msgID: messageId, timeout: APPEND_TIMEOUT_MS, expect: { streamName: inputStream(lane) } });
  };
}
