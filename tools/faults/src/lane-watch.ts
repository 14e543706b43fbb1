/** Follows the lanes' logs from their first frame and keeps what E2 is about: sequence and epoch of each. */
import { connectBus, laneStream, unpackFrame, type Bus } from '@millrace/bus';
import { decodeFrameHead } from '@millrace/engine';
import { createLogger } from '@millrace/telemetry';

export interface LaneWatch {
  /** Frames seen, by lane. */
  readonly frames: ReadonlyMap<number, number>;
  /** Highest epoch seen, by lane. */
  readonly epochs: ReadonlyMap<number, number>;
  /** Sentences, one a violation. */
  readonly violations: readonly string[];
  close(): Promise<void>;
}

export async function watchLanes(natsUrl: string, lanes: number): Promise<LaneWatch> {
  const bus: Bus = await connectBus({ url: natsUrl, name: 'lane watch', logger: createLogger({ service: 'faults', instance: 'faults', level: 'silent' }) });
  const frames = new Map<number, number>();
  const epochs = new Map<number, number>();
  const violations: string[] = [];
  let closed = false;
  const follow = async (lane: number): Promise<void> => {
    let next = 1;
    while (!closed) {
      try {
        const consumer = await bus.jetstream.consumers.get(laneStream(lane), { opt_start_seq: next });
        const messages = await consumer.consume({ idle_heartbeat: 1_000 });
        stops.add(() => messages.stop());
        for await (const message of messages) {
          if (message.seq < next) continue;
          next = message.seq + 1;
          const { epoch } = decodeFrameHead(unpackFrame(message.data));
          const highest = epochs.get(lane) ?? 0;
          if (epoch < highest) violations.push(`lane ${lane}: frame ${message.seq} of epoch ${epoch} stands after a frame of epoch ${highest}`);
          epochs.set(lane, Math.max(epoch, highest));
          frames.set(lane, (frames.get(lane) ?? 0) + 1);
        }
      } catch {
        await new Promise((settle) => setTimeout(settle, 200));
      }
    }
  };
  const stops = new Set<() => void>();
  for (let lane = 0; lane < lanes; lane++) void follow(lane);
  return {
    frames,
    epochs,
    violations,
    async close() {
      closed = true;
      for (const stop of stops) stop();
      await bus.close();
    },
  };
}
