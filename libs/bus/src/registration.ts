/**
 * The place of this process in the registry: a heartbeat a second, and the lease that follows from it.
 *
 * Does not own what is done under the lease: whoever acts for the process checks `leaseDeadline()` first.
 *
 * - R1  The lease counts from the moment before an acknowledged heartbeat was sent, readers count from the
 *       moment they saw it: so this process's lease ends before any reader declares it dead.
 * - R2  Of two processes with one name the later holds it: the heartbeat is a compare-and-set, the earlier
 *       loses it and is told (`replaced`).
 * - R3  After an outage the heartbeats go on and the lease comes back; in between it was `expired`, and
 *       others may have taken over.
 */
import { systemClock, type Cancel, type Clock } from '@millrace/clock';
import { MillraceError } from '@millrace/errors';
import type { Logger } from '@millrace/telemetry';
import { nuid } from '@nats-io/transport-node';
import { openBucket, type Bucket, type Stored } from './bucket.ts';
import type { Bus } from './connection.ts';
import { decodeInstance, encodeInstance, instanceKey, type Addresses, type Instance } from './instance.ts';
import { BUCKETS } from './subjects.ts';

/** Milliseconds between heartbeats. */
export const HEARTBEAT_MS = 1_000;
/** How long a reader takes an instance for alive after the last heartbeat it saw, in milliseconds. */
export const LEASE_MS = 5_000;
/** The holder gives its lease up this much earlier, in milliseconds: between its check and its act time passes. */
export const LEASE_MARGIN_MS = 500;
/** Instances that vanished without a word are forgotten after this time, in milliseconds. */
export const INSTANCE_TTL_MS = 30_000;
const BEAT_TIMEOUT_MS = 2_000;
const BEAT_RETRY_MS = 200;
const CHECK_MS = 200;
/** `leave` waits so long for NATS, in milliseconds; the lease runs out anyway. */
const LEAVE_TIMEOUT_MS = 1_000;

/** `expired`: no heartbeat came through in time (it may yet). `replaced`: another process has the name, for good. */
export type LeaseLoss = 'expired' | 'replaced';

export interface Registration {
  /** Marks the instance as draining; resolves when others can see it. */
  setDraining(): Promise<void>;
  /** Replaces the attributes; resolves when others can see them. */
  setAttributes(attributes: Readonly<Record<string, unknown>>): Promise<void>;
  /** Takes the instance out of the registry, as well as NATS allows. */
  leave(): Promise<void>;
  /** `performance.now()` until which this process's lease is known to hold; -Infinity once replaced or left. */
  leaseDeadline(): number;
  /** Calls back once for every loss; returns the function that ends it. */
  onLost(callback: (loss: LeaseLoss) => void): () => void;
  /** Differs for every process that runs under the same name. */
  readonly incarnation: string;
}

export interface Joining {
  readonly service: string;
  readonly instance: string;
  readonly version: string;
  readonly addresses: Addresses;
  readonly attributes?: Readonly<Record<string, unknown>>;
}

/** Opens the bucket of instances. */
export function openInstances(bus: Bus): Promise<Bucket> {
  return openBucket(bus, BUCKETS.instances, { ttlMs: INSTANCE_TTL_MS });
}

/** Enters this process into the registry, in the place of an earlier one of the same name. */
export async function joinRegistry(bus: Bus, joining: Joining): Promise<Registration> {
  return keepPlace({ bucket: await openInstances(bus), joining, incarnation: nuid.next(), clock: systemClock, logger: bus.logger, isClosed: () => bus.status() === 'closed' });
}

/** What a place in the registry needs, however the bucket is reached. */
export interface PlaceOptions {
  /** The bucket `instances`. */
  readonly bucket: Pick<Bucket, 'get' | 'update' | 'delete'>;
  readonly joining: Joining;
  /** Differs for every process that has run under the same name. */
  readonly incarnation: string;
  readonly clock: Clock;
  readonly logger: Logger;
  /** The connection will not come back. */
  isClosed(): boolean;
}

/** As `joinRegistry`, over whatever carries it. */
export async function keepPlace({ bucket, joining, incarnation, clock, logger, isClosed }: PlaceOptions): Promise<Registration> {
  const key = instanceKey(joining.service, joining.instance);
  const callbacks = new Set<(loss: LeaseLoss) => void>();
  let current: Instance = { attributes: {}, ...joining, incarnation, draining: false, startedAtMs: clock.wallMs() };
  let revision: number | undefined;
  let joined = false;
  let deadlineMs = Number.NEGATIVE_INFINITY;
  let expired = false;
  let ended = false;
  let failing = false;
  let cancel: Cancel = () => undefined;

  function lose(loss: LeaseLoss): void {
    logger.warn('The lease of this process was lost', { loss });
    for (const callback of callbacks) callback(loss);
  }

  /** Stops for good; the lease is no longer ours to claim. */
  function end(): void {
    ended = true;
    deadlineMs = Number.NEGATIVE_INFINITY;
    cancel();
    stopChecking();
  }

  /** Finds out what stands in our place after a conflict: our own write whose answer was lost, or another's. */
  async function reconcile(): Promise<void> {
    const stored = await bucket.get(key);
    // Before the first heartbeat whoever stands there is an earlier process of this name, and gives way.
    if (joined && isAnother(stored)) {
      end();
      lose('replaced');
      return;
    }
    revision = stored?.revision ?? 0;
  }

  function isAnother(stored: Stored | undefined): boolean {
    return stored?.value !== undefined && decodeInstance(stored.value)?.incarnation !== incarnation;
  }

  /** One heartbeat; true when it was acknowledged. */
  async function beat(): Promise<boolean> {
    const sentAtMs = clock.monotonicMs();
    try {
      revision ??= (await bucket.get(key))?.revision ?? 0;
      revision = await bucket.update(key, encodeInstance(current), revision, { timeoutMs: BEAT_TIMEOUT_MS });
      if (ended) return false;
      joined = true;
      deadlineMs = sentAtMs + LEASE_MS - LEASE_MARGIN_MS;
      expired = false;
      failing = false;
      return true;
    } catch (error) {
      if (error instanceof MillraceError && error.reason === 'revision-conflict') await reconcile().catch(() => undefined);
      else if (!failing && !ended) logger.warn('A heartbeat was not acknowledged', { error });
      failing = true;
      return false;
    }
  }

  // One heartbeat at a time, whoever asks for it: they replace each other's revision.
  let tail: Promise<unknown> = Promise.resolve();
  function beatInTurn(): Promise<boolean> {
    const turn = tail.then(() => (ended ? false : beat()));
    tail = turn;
    return turn;
  }

  async function pulse(): Promise<void> {
    const done = await beatInTurn();
    if (!ended) cancel = clock.after(done ? HEARTBEAT_MS : BEAT_RETRY_MS, () => void pulse());
  }

  async function untilSeen(): Promise<void> {
    while (!ended && !(await beatInTurn())) await clock.sleep(BEAT_RETRY_MS);
  }

  const stopChecking = clock.every(CHECK_MS, () => {
    if (expired || ended || deadlineMs === Number.NEGATIVE_INFINITY || clock.monotonicMs() < deadlineMs) return;
    expired = true;
    lose('expired');
  });

  while (!(await beatInTurn())) {
    if (isClosed()) {
      end();
      throw new MillraceError('bus-failed', { message: `${key} could not join the registry: the connection to NATS was closed` });
    }
    await clock.sleep(BEAT_RETRY_MS);
  }
  cancel = clock.after(HEARTBEAT_MS, () => void pulse());

  return {
    incarnation,
    setDraining: () => {
      current = { ...current, draining: true };
      return untilSeen();
    },
    setAttributes: (attributes) => {
      current = { ...current, attributes };
      return untilSeen();
    },
    leave: async () => {
      if (ended) return;
      end();
      const gone = tail.then(() => bucket.delete(key, revision)).catch(() => undefined);
      const late = new Promise<void>((settle) => void clock.after(LEAVE_TIMEOUT_MS, settle, { holds: false }));
      await Promise.race([gone, late]);
    },
    leaseDeadline: () => deadlineMs,
    onLost: (callback) => {
      callbacks.add(callback);
      return () => void callbacks.delete(callback);
    },
  };
}
