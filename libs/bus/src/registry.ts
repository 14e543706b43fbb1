/**
 * Who is there: every process's view of the instances of all services.
 *
 * An instance is alive for `LEASE_MS` after its last heartbeat, by the reader's own monotonic clock; no clocks
 * are compared. That clock of the reader stands still
 * - while the reader itself is out of touch (its watch is stale, or it was stopped), and
 * - while nobody at all is heard: then it is the bucket that takes no heartbeats (its leader is being elected,
 *   say), and only after `INSTANCE_TTL_MS` of that it is believed that all have gone.
 * So when NATS is away everyone is as alive as before, and not all dead.
 */
import { systemClock, type Clock } from '@millrace/clock';
import type { Logger } from '@millrace/telemetry';
import { openBucket, type Bucket, type BucketEntry } from './bucket.ts';
import type { Bus } from './connection.ts';
import { decodeInstance, type Instance } from './instance.ts';
import { HEARTBEAT_MS, INSTANCE_TTL_MS, LEASE_MS } from './registration.ts';
import { BUCKETS } from './subjects.ts';

const TICK_MS = 500;
/** Heartbeats of somebody are expected within this time, in milliseconds. */
const HEARD_WITHIN_MS = 2.5 * HEARTBEAT_MS;
/** A longer gap between two ticks means that this process stood still, in milliseconds. */
const TICK_GAP_MAX_MS = 1_500;

export interface Registry {
  /** Instances that are alive, in the order of their names; of one service when it is named. */
  list(service?: string): readonly Instance[];
  /** Calls back when an instance comes, goes or says something else than before; returns the function that ends it. */
  onChange(callback: () => void): () => void;
  close(): void;
}

interface Seen {
  readonly instance: Instance;
  readonly text: string;
  /** By the clock that counts only time in touch. */
  readonly atMs: number;
}

/** Watches the registry; resolves when it knows all present instances. */
export async function watchRegistry(bus: Bus): Promise<Registry> {
  return followRegistry({ bucket: await openBucket(bus, BUCKETS.instances, { ttlMs: INSTANCE_TTL_MS }), clock: systemClock, logger: bus.logger });
}

/** As `watchRegistry`, over whatever carries the bucket `instances`. */
export async function followRegistry({ bucket, clock, logger }: { readonly bucket: Pick<Bucket, 'watch'>; readonly clock: Clock; readonly logger: Logger }): Promise<Registry> {
  const seen = new Map<string, Seen>();
  const callbacks = new Set<() => void>();
  let sorted: readonly Instance[] | undefined;
  const byService = new Map<string, readonly Instance[]>();
  let clockMs = 0;
  let tickedAtMs = clock.monotonicMs();
  let heardAtMs = clock.monotonicMs();
  /** In touch, and nobody heard, for so long. */
  let silenceMs = 0;

  function changed(): void {
    sorted = undefined;
    byService.clear();
    for (const callback of callbacks) callback();
  }

  function note({ key, value }: BucketEntry): void {
    const instance = value === undefined ? undefined : decodeInstance(value);
    if (instance === undefined) {
      if (value !== undefined) logger.warn('An entry of the registry cannot be read', { key });
      if (seen.delete(key)) changed();
      return;
    }
    heardAtMs = clock.monotonicMs();
    silenceMs = 0;
    const text = JSON.stringify(instance);
    const before = seen.get(key);
    seen.set(key, { instance, text, atMs: clockMs });
    if (before?.text !== text) changed();
  }

  const watch = await bucket.watch(note);

  const stop = clock.every(TICK_MS, () => {
    const nowMs = clock.monotonicMs();
    const gapMs = nowMs - tickedAtMs;
    tickedAtMs = nowMs;
    if (gapMs > TICK_GAP_MAX_MS || !watch.isFresh()) return;
    if (nowMs - heardAtMs <= HEARD_WITHIN_MS) clockMs += gapMs;
    else silenceMs += gapMs;
    const dead = [...seen].filter(([, { atMs }]) => clockMs - atMs > LEASE_MS || silenceMs > INSTANCE_TTL_MS);
    for (const [key, { instance }] of dead) {
      seen.delete(key);
      logger.info('An instance stopped without a word', { lost: { service: instance.service, instance: instance.instance } });
    }
    if (dead.length > 0) changed();
  });

  return {
    list: (service) => {
      sorted ??= [...seen].sort(([left], [right]) => (left < right ? -1 : 1)).map(([, { instance }]) => instance);
      if (service === undefined) return sorted;
      const known = byService.get(service);
      if (known !== undefined) return known;
      const selected = sorted.filter((instance) => instance.service === service);
      byService.set(service, selected);
      return selected;
    },
    onChange: (callback) => {
      callbacks.add(callback);
      return () => void callbacks.delete(callback);
    },
    close: () => {
      stop();
      watch.stop();
      callbacks.clear();
    },
  };
}
