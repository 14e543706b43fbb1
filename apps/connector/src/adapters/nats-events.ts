/**
 * Events that workflows emit: to the stream EVENTS for whoever subscribes, and to the input of every lane for the
 * executions that listen. A repeated publish is one message, by its id.
 */
import { BUCKETS, ensureStream, eventSubject, inputStream, inputSubject, laneInputStreamConfig, openBucket, type Bus, type LaneDirectory } from '@millrace/bus';
import { encodeLaneInputs, FORMAT_OLDEST, type CloudEvent } from '@millrace/engine';
import { MillraceError } from '@millrace/errors';
import { setTimeout as sleep } from 'node:timers/promises';
import type { EventStream } from '../ports.ts';

/** The first record format in which anybody can listen: before it no lane reads events. */
const LISTENING_FORMAT = 2;
/** First and longest wait before a publish without an answer is repeated, milliseconds. */
const RETRY_MS = 100;
const RETRY_MS_MAX = 2_000;
/** How long one try waits for its acknowledgement, milliseconds. */
const PUBLISH_TIMEOUT_MS = 5_000;

export async function natsEvents(bus: Bus, lanes: LaneDirectory): Promise<EventStream> {
  const agreement = await openBucket(bus, BUCKETS.lanes);
  const ensured = new Set<number>();

  async function listens(): Promise<boolean> {
    const found = (await agreement.getJson('format'))?.value as { readonly format?: number } | undefined;
    return (found?.format ?? FORMAT_OLDEST) >= LISTENING_FORMAT;
  }

  async function toLane(lane: number, organisation: string, event: CloudEvent, id: string): Promise<void> {
    if (!ensured.has(lane)) {
      await ensureStream(bus, laneInputStreamConfig(lane));
      ensured.add(lane);
    }
    const text = encodeLaneInputs([{ kind: 'event', organisation, event }]);
    await bus.jetstream.publish(inputSubject(lane), text, { msgID: `event/${id}`, timeout: PUBLISH_TIMEOUT_MS, expect: { streamName: inputStream(lane) } });
  }

  async function once(organisation: string, event: CloudEvent, id: string): Promise<void> {
    await bus.jetstream.publish(eventSubject(organisation, String(event['type'])), JSON.stringify(event), { msgID: `event/${id}`, timeout: PUBLISH_TIMEOUT_MS });
    const count = lanes.table()?.lanes ?? 0;
    if (count === 0 || !(await listens())) return;
    await Promise.all(Array.from({ length: count }, (_, lane) => toLane(lane, organisation, event, id)));
  }

  return {
    publish: async (organisation, event, id, signal) => {
      let delayMs = RETRY_MS;
      for (;;) {
        signal.throwIfAborted();
        try {
          await once(organisation, event, id);
          return;
        } catch (error) {
          const failed = MillraceError.from(error, 'bus-failed');
          if (failed.retry.kind === 'never') throw failed;
        }
        await sleep(delayMs, undefined, { signal });
        delayMs = Math.min(delayMs * 2, RETRY_MS_MAX);
      }
    },
  };
}
