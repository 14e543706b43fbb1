/**
 * Brings accepted starts into their lane's durable input, many by one append.
 *
 * Owns: one queue a lane, group commit, retries, bounds. Does not own: which lane a start belongs to, NATS.
 *
 * Invariants
 * 1. An append is answered as done only after the log has acknowledged it.
 * 2. At most one append of a lane is outstanding; what comes meanwhile waits for the next. So a lane pays
 *    one fsync for all that arrived during the one before, without a timer.
 * 3. An append whose fate is unknown is repeated with the same message id until it is known or its time is up.
 *    A caller that is told of a failure may have been accepted all the same: starts are idempotent by their id.
 */
import { LANE_INPUT_BYTES_MAX } from '@millrace/engine';
import { MillraceError } from '@millrace/errors';
import type { LaneLog } from './ports.ts';

/** Inputs in one message. */
export const BATCH_INPUTS_MAX = 2000;
/** Bytes that may wait in all lanes together. */
export const QUEUE_BYTES_MAX = 64 * 1024 * 1024;
/** How long an input may wait for its acknowledgement, retries included, in milliseconds. */
export const APPEND_DEADLINE_MS = 20_000;
/** Pause before an append is repeated, in milliseconds; doubles up to the second number. */
export const RETRY_PAUSE_MS = [50, 1000] as const;

const PREFIX = '{"v":1,"inputs":[';
const SUFFIX = ']}';

export interface LaneAppender {
  /**
   * Resolves once the input, one JSON text, is durable in the lane.
   *
   * @throws MillraceError `payload-too-large` for an input above what one message carries, `limit-exceeded` when too much waits,
   * `bus-failed` when the log did not answer in time, `log-budget-exceeded` when it is full, `service-draining` after `close`.
   */
  append(lane: number, inputJson: string, traceparent?: string): Promise<void>;
  /** Resolves once nothing waits any more. */
  idle(): Promise<void>;
  /** Bytes that wait now. */
  queuedBytes(): number;
  /** Refuses what comes and fails what still waits. */
  close(): void;
}

export interface LaneAppenderOptions {
  readonly log: LaneLog;
  /** Begins every message id; differs for each process that ever ran. */
  readonly origin: string;
  readonly onBatch?: (lane: number, inputs: number, bytes: number, tookMs: number) => void;
  readonly onRetry?: (lane: number, error: MillraceError) => void;
  readonly now?: () => number;
}

interface Waiting {
  readonly json: string;
  readonly traceparent: string | undefined;
  readonly bytes: number;
  readonly since: number;
  readonly resolve: () => void;
  readonly reject: (error: MillraceError) => void;
}

interface LaneQueue {
  readonly lane: number;
  waiting: Waiting[];
  appending: boolean;
}

export function createLaneAppender(options: LaneAppenderOptions): LaneAppender {
  const { log, origin } = options;
  const now = options.now ?? (() => performance.now());
  const queues = new Map<number, LaneQueue>();
  const closed = new AbortController();
  let messages = 0;
  let queuedBytes = 0;
  let active = 0;
  let idleWaiters: (() => void)[] = [];

  const batchBytesMax = (): number => Math.min(LANE_INPUT_BYTES_MAX, log.messageBytesMax());

  function takeBatch(queue: LaneQueue): Waiting[] {
    const bytesMax = batchBytesMax();
    let bytes = PREFIX.length + SUFFIX.length;
    let count = 0;
    for (const entry of queue.waiting) {
      if (count === BATCH_INPUTS_MAX || (count > 0 && bytes + entry.bytes + 1 > bytesMax)) break;
      bytes += entry.bytes + 1;
      count += 1;
    }
    return queue.waiting.splice(0, count);
  }

  async function work(queue: LaneQueue): Promise<void> {
    queue.appending = true;
    active += 1;
    while (queue.waiting.length > 0) {
      const batch = takeBatch(queue);
      const failure = await appendBatch(queue.lane, batch);
      for (const entry of batch) {
        queuedBytes -= entry.bytes;
        if (failure === undefined) entry.resolve();
        else entry.reject(failure);
      }
    }
    queue.appending = false;
    active -= 1;
    if (active === 0) {
      for (const resolve of idleWaiters) resolve();
      idleWaiters = [];
    }
  }

  async function appendBatch(lane: number, batch: readonly Waiting[]): Promise<MillraceError | undefined> {
    const message = Buffer.from(PREFIX + batch.map((entry) => entry.json).join(',') + SUFFIX);
    messages += 1;
    const messageId = `${origin}.${messages}`;
    const startedAt = now();
    const deadline = (batch[0]?.since ?? startedAt) + APPEND_DEADLINE_MS;
    for (let pauseMs: number = RETRY_PAUSE_MS[0]; ; pauseMs = Math.min(pauseMs * 2, RETRY_PAUSE_MS[1])) {
      if (closed.signal.aborted) return new MillraceError('service-draining');
      try {
        await log.append(lane, message, messageId, batch.length === 1 ? batch[0]?.traceparent : undefined);
        options.onBatch?.(lane, batch.length, message.length, now() - startedAt);
        return undefined;
      } catch (thrown) {
        const error = MillraceError.from(thrown, 'bus-failed');
        if (error.reason !== 'bus-failed' || now() + pauseMs > deadline) return error;
        options.onRetry?.(lane, error);
        await pause(pauseMs, closed.signal);
      }
    }
  }

  return {
    append(lane, inputJson, traceparent) {
      if (closed.signal.aborted) return Promise.reject(new MillraceError('service-draining'));
      const bytes = Buffer.byteLength(inputJson);
      const bytesMax = batchBytesMax() - PREFIX.length - SUFFIX.length - 1;
      if (bytes > bytesMax) {
        return Promise.reject(new MillraceError('payload-too-large', { message: `The request makes an input of ${bytes} bytes; at most ${bytesMax} fit into one message` }));
      }
      if (queuedBytes + bytes > QUEUE_BYTES_MAX) {
        return Promise.reject(new MillraceError('limit-exceeded', { message: 'Too many accepted requests wait for the message bus; send again later', retry: { kind: 'after', ms: 1000 } }));
      }
      let queue = queues.get(lane);
      if (queue === undefined) {
        queue = { lane, waiting: [], appending: false };
        queues.set(lane, queue);
      }
      const target = queue;
      queuedBytes += bytes;
      return new Promise<void>((resolve, reject) => {
        target.waiting.push({ json: inputJson, traceparent, bytes, since: now(), resolve, reject });
        if (!target.appending) void work(target);
      });
    },
    idle: () => (active === 0 ? Promise.resolve() : new Promise((resolve) => idleWaiters.push(resolve))),
    queuedBytes: () => queuedBytes,
    close: () => closed.abort(),
  };
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const end = (): void => {
      clearTimeout(timer);
      signal.removeEventListener('abort', end);
      resolve();
    };
    const timer = setTimeout(end, ms);
    signal.addEventListener('abort', end, { once: true });
  });
}
