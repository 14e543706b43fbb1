/** Follows the lanes' logs from their first frame and keeps what E2 is about: sequence and epoch of each. */
import { connectBus, laneStream, readStream, unpackFrame, type Bus } from '@millrace/bus';
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
  const closing = new AbortController();
  const follow = async (lane: number): Promise<void> => {
    for await (const { sequence, data } of readStream(bus, { stream: laneStream(lane), from: 1, signal: closing.signal })) {
      const { epoch } = decodeFrameHead(unpackFrame(data));
      const highest = epochs.get(lane) ?? 0;
      if (epoch < highest) violations.push(`lane ${lane}: frame ${sequence} of epoch ${epoch} stands after a frame of epoch ${highest}`);
      epochs.set(lane, Math.max(epoch, highest));
      frames.set(lane, (frames.get(lane) ?? 0) + 1);
    }
  };
  for (let lane = 0; lane < lanes; lane++) void follow(lane);
  return {
    frames,
    epochs,
    violations,
    async close() {
      closing.abort();
      await bus.close();
    },
  };
}
