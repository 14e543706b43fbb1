/**
 * Watching a bucket through outages.
 *
 * Owns one consumer at a time and the decision to replace it: when it found an irregularity (see
 * watch-consumer.ts) and after every reconnect. A new consumer starts with the current values.
 *
 * - W1  Every value that stays current is handed over at least once, in the order of revisions a key.
 * - W2  After an outage the current values come again; a key that vanished meanwhile comes as deleted.
 * - W3  `isFresh` is true only while what was handed over is at most `FRESH_MS` behind.
 */
import { MillraceError } from '@millrace/errors';
import type { BucketEntry } from './bucket.ts';
import type { Bus } from './connection.ts';
import { isStreamMissing } from './retry.ts';
import { startConsumer, type ConsumerRun } from './watch-consumer.ts';

const RETRY_MIN_MS = 50;
const RETRY_MAX_MS = 2_000;

export interface WatchOptions {
  /** Only keys that begin so; ending in a dot, the server selects them. */
  readonly prefix?: string;
  /** Called whenever all current values have been handed over: at first, and after every outage. */
  readonly onReady?: () => void;
}

export interface Watch {
  /** Whether the watch is in touch with the server; see W3. */
  isFresh(): boolean;
  stop(): void;
}

/** Starts a watch; resolves with the first complete set of values. `ensure` makes the bucket when it is missing. */
export async function startWatch(
  bus: Bus,
  bucket: string,
  ensure: () => Promise<unknown>,
  handler: (entry: BucketEntry) => void,
  { prefix = '', onReady }: WatchOptions = {},
): Promise<Watch> {
  const subjectPrefix = `$KV.${bucket}.`;
  const filter = prefix.endsWith('.') ? `${subjectPrefix}${prefix}>` : `${subjectPrefix}>`;
  /** Keys with a value, by the revision last handed over. */
  const known = new Map<string, number>();
  let consumer: ConsumerRun | undefined;
  let retryTimer: NodeJS.Timeout | undefined;
  let retryMs = RETRY_MIN_MS;
  let stopped = false;
  let becomeReady: () => void = () => undefined;
  let failReady: (error: Error) => void = () => undefined;
  const ready = new Promise<void>((resolve, reject) => {
    becomeReady = resolve;
    failReady = reject;
  });

  function deliver(entry: BucketEntry): void {
    if (!entry.key.startsWith(prefix)) return;
    if (entry.value === undefined) known.delete(entry.key);
    else known.set(entry.key, entry.revision);
    handOver(handler, entry);
  }

  function synced(seen: ReadonlySet<string>): void {
    for (const [key, revision] of known) {
      if (!seen.has(key)) deliver({ key, value: undefined, revision });
    }
    retryMs = RETRY_MIN_MS;
    becomeReady();
    onReady?.();
  }

  function restart(): void {
    consumer?.stop();
    consumer = undefined;
    clearTimeout(retryTimer);
    if (stopped) return;
    const run = startConsumer(bus, bucket, filter, {
      entry: (subject, value, revision) => deliver({ key: subject.slice(subjectPrefix.length), value, revision }),
      synced: (subjects) => synced(new Set([...subjects].map((subject) => subject.slice(subjectPrefix.length)))),
      failed: (error) => void recover(run, error),
    });
    consumer = run;
  }

  async function recover(run: ConsumerRun, error: unknown): Promise<void> {
    if (run !== consumer || stopped) return;
    run.stop();
    bus.logger.debug('Watch of a bucket starts again', { bucket, error });
    if (isStreamMissing(error)) await ensure().catch(() => undefined);
    if (run !== consumer || stopped) return;
    retryTimer = setTimeout(restart, retryMs);
    retryMs = Math.min(retryMs * 2, RETRY_MAX_MS);
  }

  const offStatus = bus.onStatus((status) => {
    if (status === 'connected') restart();
    else if (status === 'closed') stop(new MillraceError('bus-failed', { message: `The watch of bucket ${bucket} ended with its connection` }));
  });

  function stop(error?: Error): void {
    stopped = true;
    offStatus();
    clearTimeout(retryTimer);
    consumer?.stop();
    failReady(error ?? new MillraceError('bus-failed', { message: `The watch of bucket ${bucket} was stopped` }));
  }

  restart();
  await ready;
  return {
    isFresh: () => !stopped && bus.status() === 'connected' && consumer?.isFresh() === true,
    stop: () => stop(),
  };
}

/** A handler that throws has lost a value: that is a defect, which ends the process rather than the connection. */
function handOver(handler: (entry: BucketEntry) => void, entry: BucketEntry): void {
  try {
    handler(entry);
  } catch (error) {
    queueMicrotask(() => {
      throw error;
    });
  }
}
