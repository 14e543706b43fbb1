/**
 * The log of one lane: one stream, one subject, appended to with the expectation of its last sequence.
 *
 * Owns lost answers: an append is one frame's bytes, published again and again until its fate is known.
 *
 * L1 While an append's fate is open nothing else is appended (E1).
 * L2 An append that finds a higher epoch at the end of the log is displaced: this process owns no more (E2).
 * L3 What is neither ours nor a higher epoch's is a defect and stops the lane.
 */
import { packFrame, unpackFrame } from '@millrace/bus';
import type { Clock } from '@millrace/clock';
import { decodeFrameHead, type FrameHead } from '@millrace/engine';
import { Defect, MillraceError } from '@millrace/errors';
import type { Answer, LogStream, OpenLogStream } from './log-stream.ts';

/** How long one try of an append waits for its answer, in milliseconds. */
const APPEND_TIMEOUT_MS = 2_000;
/** Between tries, in milliseconds. */
const RETRY_MS = { first: 20, most: 500 } as const;
/** A log of so many bytes is not being truncated, as while the database is away: its frames are written to stay. */
const LONG_BYTES = 32 * 1024 ** 2;

export interface LogTail {
  /** 0 on an empty log. */
  readonly sequence: number;
  readonly head: FrameHead | undefined;
}

export interface LaneLog {
  readonly lane: number;
  /** The end of the log as its leader has it. */
  tail(): Promise<LogTail>;
  /** Sets what the next append expects. */
  expectAfter(sequence: number): void;
  /** Appends a frame, its text as UTF-8; yields its sequence. Rejects with `lane-displaced` (L2) or a Defect (L3). */
  append(frame: Uint8Array, epoch: number): Promise<number>;
  /** The first frame that is kept; 1 on an empty log. */
  first(): Promise<number>;
  /** Every frame from `first` up to and including `last`, in order; a Defect when one is not there. */
  read(first: number, last: number): AsyncIterable<{ readonly sequence: number; readonly text: string }>;
  /** Forgets frames below `sequence`; the last one always stays. */
  truncate(sequence: number): Promise<void>;
  /** Forgets inputs up to and including `sequence`. */
  truncateInputs(sequence: number): Promise<void>;
  bytes(): Promise<number>;
}

export interface LaneLogOptions {
  readonly open: OpenLogStream;
  readonly lane: number;
  readonly clock: Clock;
  /** Ends everything that waits here. */
  readonly signal: AbortSignal;
}

export async function openLaneLog({ open, lane, clock, signal }: LaneLogOptions): Promise<LaneLog> {
  let expected = 0;
  /** As it was when somebody last asked. */
  let bytesKept = 0;
  const appender = createAppender(() => expected, clock, signal);
  const stream = await open(lane, appender.answered, signal);

  /** Asks until the leader answers; null when it says that there is nothing. */
  async function untilRead<T>(ask: () => Promise<T>): Promise<T> {
    for (let waitMs: number = RETRY_MS.first; ; waitMs = Math.min(waitMs * 2, RETRY_MS.most)) {
      signal.throwIfAborted();
      try {
        return await ask();
      } catch (error) {
        if (stream.isGone(error)) throw error;
      }
      await clock.sleep(waitMs, signal);
    }
  }

  async function tail(): Promise<LogTail> {
    const message = await untilRead(() => stream.last());
    if (message === null) return { sequence: 0, head: undefined };
    return { sequence: message.sequence, head: decodeFrameHead(unpackFrame(message.data)) };
  }

  async function settle(bytes: Uint8Array, epoch: number): Promise<number | 'open'> {
    const message = await untilRead(() => stream.last());
    if (message === null) {
      if (expected === 0) return 'open';
      throw new Defect(`lane ${lane}: the log is empty, where epoch ${epoch} expected ${expected}`);
    }
    if (Buffer.compare(message.data, bytes) === 0) return message.sequence;
    if (message.sequence === expected) return 'open';
    const head = decodeFrameHead(unpackFrame(message.data));
    if (head.epoch > epoch) throw new MillraceError('lane-displaced', { message: `Lane ${lane} was taken by epoch ${head.epoch} while epoch ${epoch} was appending`, details: { lane, epoch: head.epoch } });
    throw new Defect(`lane ${lane}: sequence ${message.sequence} of epoch ${head.epoch} is at the end of the log, where epoch ${epoch} expected ${expected}`);
  }

  return {
    lane,
    tail,
    expectAfter(sequence) {
      expected = sequence;
    },
    async append(frame, epoch) {
      const bytes = packFrame(frame, bytesKept > LONG_BYTES);
      for (let waitMs: number = RETRY_MS.first; ; waitMs = Math.min(waitMs * 2, RETRY_MS.most)) {
        signal.throwIfAborted();
        const answer = await appender.publish(stream, bytes);
        if (answer.kind === 'landed') {
          expected = answer.sequence;
          return answer.sequence;
        }
        if (answer.kind === 'refused') throw new MillraceError('bus-failed', { message: `The log of lane ${lane} refused a frame: ${answer.detail}`, details: { lane } });
        if (answer.kind === 'conflict') {
          const fate = await settle(bytes, epoch);
          if (fate !== 'open') {
            expected = fate;
            return fate;
          }
        }
        await clock.sleep(waitMs, signal);
      }
    },
    async first() {
      return Math.max((await untilRead(() => stream.first())) ?? 1, 1);
    },
    async *read(first, last) {
      let next = first;
      if (last < next) return;
      for await (const { sequence, data } of stream.read(next, signal)) {
        if (sequence !== next) throw new Defect(`lane ${lane}: the log jumps from ${next - 1} to ${sequence}`);
        next = sequence + 1;
        yield { sequence, text: unpackFrame(data) };
        if (sequence >= last) break;
      }
      signal.throwIfAborted();
      if (next <= last) throw new MillraceError('bus-failed', { message: `The log of lane ${lane} ended at ${next - 1} while it was read up to ${last}` });
    },
    async truncate(sequence) {
      if (sequence > 1) await stream.forgetBelow(Math.min(sequence, expected));
    },
    async truncateInputs(sequence) {
      await stream.forgetInputs(sequence);
    },
    async bytes() {
      bytesKept = await stream.bytes();
      return bytesKept;
    },
  };
}

/** Sends frames and hands their acknowledgements back; one at a time. */
interface Appender {
  publish(stream: LogStream, bytes: Uint8Array): Promise<Answer>;
  readonly answered: (answer: Answer) => void;
}

/** The acknowledgement of an earlier try of the same frame is as good as that of the last. */
function createAppender(expected: () => number, clock: Clock, signal: AbortSignal): Appender {
  let settle: (answer: Answer) => void = () => undefined;
  signal.addEventListener('abort', () => settle({ kind: 'unknown' }), { once: true });
  return {
    answered(answer) {
      // The acknowledgement of a frame before, which had been given up for lost, says nothing of this one.
      if (answer.kind !== 'landed' || answer.sequence > expected()) settle(answer);
    },
    publish: (stream, bytes) =>
      new Promise((done) => {
        const cancel = clock.after(APPEND_TIMEOUT_MS, () => settle({ kind: 'unknown' }));
        settle = (answer) => {
          cancel();
          settle = () => undefined;
          done(answer);
        };
        try {
          stream.send(bytes, expected());
        } catch {
          settle({ kind: 'unknown' });
        }
      }),
  };
}
