/** The lifecycle events that JetStream has, every copy of them. */
import { connectBus, EVENTS_STREAM, readStream, type Bus } from '@millrace/bus';
import { createLogger } from '@millrace/telemetry';
import type { SeenEvent } from './evidence.ts';

const TYPE = /^io\.serverlessworkflow\.workflow\.(started|completed|faulted|cancelled)\.v1$/;
/** Between two looks at whether more have come, in milliseconds. */
const LOOK_MS = 250;

/**
 * Reads until `enough` is content with what there is, or for `timeoutMs`: events are published behind their frames.
 */
export async function readEvents(natsUrl: string, enough: (events: readonly SeenEvent[]) => boolean, timeoutMs: number): Promise<readonly SeenEvent[]> {
  const bus: Bus = await connectBus({ url: natsUrl, name: 'event reader', logger: createLogger({ service: 'faults', instance: 'faults', level: 'silent' }) });
  const events: SeenEvent[] = [];
  const stop = new AbortController();
  const reading = (async () => {
    for await (const { data } of readStream(bus, { stream: EVENTS_STREAM, from: 1, signal: stop.signal })) events.push(...eventsOf(data));
  })();
  try {
    for (const until = performance.now() + timeoutMs; performance.now() < until && !enough(events); ) await new Promise((settle) => setTimeout(settle, LOOK_MS));
    return events;
  } finally {
    stop.abort();
    await reading;
    await bus.close();
  }
}

function eventsOf(data: Uint8Array): readonly SeenEvent[] {
  const batch = JSON.parse(Buffer.from(data).toString('utf8')) as readonly { readonly id: string; readonly type: string; readonly subject: string }[];
  return batch.flatMap(({ id, type, subject }) => {
    const kind = TYPE.exec(type)?.[1];
    return kind === undefined ? [] : [{ id, kind, execution: subject }];
  });
}
