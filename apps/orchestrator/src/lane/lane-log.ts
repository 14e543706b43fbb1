/**
 * The log of one lane: one stream, one subject, appended to with the expectation of its last sequence.
 *
 * Owns lost answers: an append is one frame's bytes, published again and again until its fate is known.
 *
 * L1 While an append's fate is open nothing else is appended (E1).
 * L2 An append that finds a higher epoch at the end of the log is displaced: this process owns no more (E2).
 * L3 What is neither ours nor a higher epoch's is a defect and stops the lane.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { createInbox, headers, type Msg, type MsgHdrs } from '@nats-io/transport-node';
import { isStreamMissing, ensureStream, inputStream, laneStream, laneSubject, packFrame, readStream, unpackFrame, type Bus } from '@millrace/bus';
import { decodeFrameHead, type FrameHead } from '@millrace/engine';
import { Defect, MillraceError } from '@millrace/errors';

/** How long one try of an append waits for its answer, in milliseconds. */
const APPEND_TIMEOUT_MS = 2_000;
/** Between tries, in milliseconds. */
const RETRY_MS = { first: 20, most: 500 } as const;
const WRONG_LAST_SEQUENCE = new Set([10071, 10164]);

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
  /** Appends; yields the frame's sequence. Rejects with `lane-displaced` (L2) or a Defect (L3). */
  append(text: string, epoch: number): Promise<number>;
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

export async function openLaneLog(bus: Bus, lane: number, signal: AbortSignal): Promise<LaneLog> {
  const stream = laneStream(lane);
  const subject = laneSubject(lane);
  // No size limit in NATS: it would reserve the space, and refuse results too. The lane keeps its budget itself.
  await ensureStream(bus, { name: stream, subjects: [subject], duplicateWindowMs: 1_000 });
  const appender = openAppender(bus, subject, () => expected, signal);
  let expected = 0;

  async function tail(): Promise<LogTail> {
    const message = await untilRead(() => bus.manager.streams.getMessage(stream, { last_by_subj: subject }), signal);
    if (message === null) return { sequence: 0, head: undefined };
    return { sequence: message.seq, head: decodeFrameHead(unpackFrame(message.data)) };
  }

  async function settle(bytes: Uint8Array, epoch: number): Promise<number | 'open'> {
    const message = await untilRead(() => bus.manager.streams.getMessage(stream, { last_by_subj: subject }), signal);
    if (message === null) {
      if (expected === 0) return 'open';
      throw new Defect(`lane ${lane}: the log is empty, where epoch ${epoch} expected ${expected}`);
    }
    if (Buffer.compare(message.data, bytes) === 0) return message.seq;
    if (message.seq === expected) return 'open';
    const head = decodeFrameHead(unpackFrame(message.data));
    if (head.epoch > epoch) throw new MillraceError('lane-displaced', { message: `Lane ${lane} was taken by epoch ${head.epoch} while epoch ${epoch} was appending`, details: { lane, epoch: head.epoch } });
    throw new Defect(`lane ${lane}: sequence ${message.seq} of epoch ${head.epoch} is at the end of the log, where epoch ${epoch} expected ${expected}`);
  }

  return {
    lane,
    tail,
    expectAfter(sequence) {
      expected = sequence;
    },
    async append(text, epoch) {
      const bytes = packFrame(text);
      const head = expectation(stream, expected);
      for (let waitMs: number = RETRY_MS.first; ; waitMs = Math.min(waitMs * 2, RETRY_MS.most)) {
        signal.throwIfAborted();
        const answer = await appender.publish(bytes, head);
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
        await delay(waitMs, undefined, { signal });
      }
    },
    async first() {
      const info = await untilRead(() => bus.manager.streams.info(stream), signal);
      return Math.max(info?.state.first_seq ?? 1, 1);
    },
    async *read(first, last) {
      let next = first;
      if (last < next) return;
      for await (const { sequence, data } of readStream(bus, { stream, from: next, signal })) {
        if (sequence !== next) throw new Defect(`lane ${lane}: the log jumps from ${next - 1} to ${sequence}`);
        next = sequence + 1;
        yield { sequence, text: unpackFrame(data) };
        if (sequence >= last) break;
      }
      signal.throwIfAborted();
      if (next <= last) throw new MillraceError('bus-failed', { message: `The log of lane ${lane} ended at ${next - 1} while it was read up to ${last}` });
    },
    async truncate(sequence) {
      if (sequence > 1) await bus.manager.streams.purge(stream, { seq: Math.min(sequence, expected) });
    },
    async truncateInputs(sequence) {
      await bus.manager.streams.purge(inputStream(lane), { seq: sequence + 1 });
    },
    async bytes() {
      return (await bus.manager.streams.info(stream)).state.bytes;
    },
  };
}

type Answer = { readonly kind: 'landed'; readonly sequence: number } | { readonly kind: 'conflict' } | { readonly kind: 'unknown' } | { readonly kind: 'refused'; readonly detail: string };

/** Publishes frames and hands their acknowledgements back; one at a time. */
interface Appender {
  publish(bytes: Uint8Array, head: MsgHdrs): Promise<Answer>;
}

/**
 * An inbox of the lane's own: a request of the client makes a timer, a token and an error for each frame.
 * The acknowledgement of an earlier try of the same frame is as good as that of the last.
 */
function openAppender(bus: Bus, subject: string, expected: () => number, signal: AbortSignal): Appender {
  const inbox = createInbox();
  let settle: (answer: Answer) => void = () => undefined;
  const subscription = bus.connection.subscribe(inbox, {
    callback(error, message) {
      const answer: Answer = error === null ? answerOf(message) : { kind: 'unknown' };
      // The acknowledgement of a frame before, which had been given up for lost, says nothing of this one.
      if (answer.kind !== 'landed' || answer.sequence > expected()) settle(answer);
    },
  });
  // An answer never comes over another connection than its request, so a lost connection need not be waited out.
  const forget = bus.onStatus((status) => {
    if (status !== 'connected') settle({ kind: 'unknown' });
  });
  signal.addEventListener(
    'abort',
    () => {
      forget();
      subscription.unsubscribe();
      settle({ kind: 'unknown' });
    },
    { once: true },
  );
  return {
    publish: (bytes, head) =>
      new Promise((done) => {
        const timer = setTimeout(() => settle({ kind: 'unknown' }), APPEND_TIMEOUT_MS);
        settle = (answer) => {
          clearTimeout(timer);
          settle = () => undefined;
          done(answer);
        };
        try {
          bus.connection.publish(subject, bytes, { headers: head, reply: inbox });
        } catch {
          settle({ kind: 'unknown' });
        }
      }),
  };
}

function answerOf(message: Msg): Answer {
  // Without a body it is the server saying that nobody listens.
  if (message.data.length === 0) return { kind: 'unknown' };
  const answer = message.json<{ readonly seq?: number; readonly error?: { readonly code: number; readonly err_code: number; readonly description: string } }>();
  if (answer.error === undefined) return answer.seq === undefined ? { kind: 'unknown' } : { kind: 'landed', sequence: answer.seq };
  if (WRONG_LAST_SEQUENCE.has(answer.error.err_code) || /duplicate|in process|wrong last/i.test(answer.error.description)) return { kind: 'conflict' };
  if (answer.error.code === 503 || answer.error.code === 408 || answer.error.code === 500) return { kind: 'unknown' };
  return { kind: 'refused', detail: `${answer.error.description} (${answer.error.err_code})` };
}

function expectation(stream: string, sequence: number): MsgHdrs {
  const head = headers();
  head.set('Nats-Expected-Stream', stream);
  head.set('Nats-Expected-Last-Subject-Sequence', String(sequence));
  return head;
}

/** Asks until the leader answers; null when it says that there is nothing. */
async function untilRead<T>(ask: () => Promise<T>, signal: AbortSignal): Promise<T | null> {
  for (let waitMs: number = RETRY_MS.first; ; waitMs = Math.min(waitMs * 2, RETRY_MS.most)) {
    signal.throwIfAborted();
    try {
      return await ask();
    } catch (error) {
      if (isMissingMessage(error)) return null;
      if (isStreamMissing(error)) throw error;
    }
    await delay(waitMs, undefined, { signal });
  }
}

function isMissingMessage(error: unknown): boolean {
  return error instanceof Error && /no message found/i.test(error.message);
}
