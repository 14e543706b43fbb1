/**
 * Inputs of slots that have left the lane, on their way to the lane that has them.
 *
 * - Nothing waits for it: the lane goes on, and the position of an input that is not with the other lane yet does not
 *   become durable. So none is lost, and whoever owns the lane next sends it on again.
 * - Sent again it is the same start, by its id; the message's id lets NATS drop most repeats.
 */
import type { Clock } from '@millrace/clock';
import type { LaneInput } from '@millrace/engine';
import type { Logger } from '@millrace/telemetry';
import type { InputOrigin } from './message.ts';

/** Between tries, in milliseconds. */
const RETRY_MS = { first: 50, most: 2_000 } as const;
/** Inputs of one message. */
const BATCH_MAX = 200;

export interface SendOn {
  add(lane: number, origin: InputOrigin): void;
  /** The first sequence of which an input is not with its lane yet; Infinity when all are. */
  firstOpen(): number;
  readonly waiting: number;
  close(): void;
}

export interface SendOnOptions {
  readonly lane: number;
  readonly clock: Clock;
  readonly logger: Logger;
  forward(lane: number, inputs: readonly LaneInput[], messageId: string): Promise<void>;
  /** Something has arrived. */
  sent(): void;
}

export function createSendOn({ lane, clock, logger, forward, sent }: SendOnOptions): SendOn {
  const waiting = new Map<number, InputOrigin[]>();
  /** Inputs that are not there yet, by their message's sequence. */
  const open = new Map<number, number>();
  const closed = new AbortController();
  let count = 0;

  async function work(to: number, queue: InputOrigin[]): Promise<void> {
    for (let waitMs: number = RETRY_MS.first; queue.length > 0 && !closed.signal.aborted; ) {
      // Of one message, so that a repeat has the same id mostly.
      const sequence = queue[0]?.sequence ?? 0;
      const other = queue.findIndex((each) => each.sequence !== sequence);
      const batch = queue.slice(0, Math.min(other < 0 ? queue.length : other, BATCH_MAX));
      try {
        await forward(to, batch.map(({ input }) => ({ ...input, from: lane })), `on.${lane}.${sequence}.${to}.${batch[0]?.input.execution ?? ''}`);
      } catch (error) {
        logger.debug('Inputs that were sent on have not arrived yet', { lane, to, inputs: queue.length, error });
        await clock.sleep(waitMs, closed.signal).catch(() => undefined);
        waitMs = Math.min(waitMs * 2, RETRY_MS.most);
        continue;
      }
      waitMs = RETRY_MS.first;
      queue.splice(0, batch.length);
      count -= batch.length;
      const left = (open.get(sequence) ?? 0) - batch.length;
      if (left > 0) open.set(sequence, left);
      else open.delete(sequence);
      sent();
    }
    if (waiting.get(to) === queue) waiting.delete(to);
  }

  return {
    add(to, origin) {
      count++;
      open.set(origin.sequence, (open.get(origin.sequence) ?? 0) + 1);
      const queue = waiting.get(to);
      if (queue !== undefined) {
        queue.push(origin);
        return;
      }
      const made = [origin];
      waiting.set(to, made);
      // Others of the same turn go with it.
      clock.soon(() => void work(to, made));
    },
    firstOpen() {
      let first = Infinity;
      for (const sequence of open.keys()) first = Math.min(first, sequence);
      return first;
    },
    get waiting() {
      return count;
    },
    close: () => closed.abort(),
  };
}
