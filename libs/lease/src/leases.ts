/**
 * The owner's side of leases: keeps the stream to the authority, reports demand, applies what is granted.
 *
 * Owns following the authority and the limits in the bucket `limits`. Does not own the permits (the core
 * counts them) nor the queue (told by `onWake` whom to ask again).
 *
 * - An organisation without limits causes no message and no work here.
 * - Reports are batched: one in REPORT_MS at most, one in HEARTBEAT_MS at least. An organisation that begins
 *   here with nothing held is reported at once, if the last report is REPORT_MS ago.
 * - Whatever fails here only makes the permits fall back: live leases, then the static share.
 */
import { BUCKETS, openBucket, type Bucket, type Bus } from '@millrace/bus';
import { systemClock, type Clock } from '@millrace/clock';
import { LeasesClient } from '@millrace/contracts/throttle/v1/throttle';
import type { Grants, Permits } from '@millrace/fairness';
import type { ChannelPool } from '@millrace/rpc';
import type { Logger } from '@millrace/telemetry';
import { randomUUID } from 'node:crypto';
import { createDemandBook, type QueuedWork } from './demand-book.ts';
import { openLeaseStream, type LeaseCall, type LeaseStream } from './lease-stream.ts';
import { AUTHORITY_KEY, decodeAuthority, decodeLimits, ORGANISATION_PREFIX, type AuthorityEntry } from './limits-bucket.ts';

/** Least time between two reports, in milliseconds; also how often waiting organisations are looked at. */
export const REPORT_MS = 20;
/** Most time between two reports, in milliseconds: they renew the leases. */
export const HEARTBEAT_MS = 1_000;
/** Time between attempts to reach an authority, in milliseconds. */
export const RETRY_MIN_MS = 50;
export const RETRY_MAX_MS = 1_000;

/** What leases need, however authority and bucket are reached. */
export interface KeptLeasesOptions {
  /** The bucket `limits`. */
  readonly bucket: Pick<Bucket, 'watch'>;
  /** Opens a stream to an authority; it may fail later. */
  hold(authority: AuthorityEntry): LeaseCall;
  /** The instance name of this process, a slash, and what tells its leases from those of its predecessors. */
  readonly owner: string;
  readonly permits: Permits;
  readonly logger: Logger;
  /** What waits for permits in this process. */
  readonly queuedOf: (organisation: string) => QueuedWork;
  /** An organisation that was refused may pass now: wake its queues. */
  readonly onWake: (organisation: string) => void;
  /** An organisation's share changed; 1 when its limits are lifted. */
  readonly onWeight: (organisation: string, weight: number) => void;
  /** Live owners as the registry has it, for the static share while the authority is away. */
  readonly owners?: () => number;
  /** The permits are asked with its monotonic time. */
  readonly clock: Clock;
}

export interface LeasesOptions extends Omit<KeptLeasesOptions, 'bucket' | 'hold' | 'clock'> {
  readonly bus: Bus;
  /** Channels to the service `throttle`. */
  readonly pool: ChannelPool;
  /** The instance name of this process; its leases are told from those of its predecessors by themselves. */
  readonly owner: string;
}

/** `learning`: the authority is new and does not grant yet. `away`: none answers. */
export type LeasesState = 'leased' | 'learning' | 'away';

export interface Leases {
  state(): LeasesState;
  /**
   * Gives everything back and stops. While steps of a strict limit may still run it says nothing instead: the authority
   * then keeps their permits as those of an owner that vanished.
   */
  close(): void;
}

/** Resolves when the limits are known; the authority may be away then and come later. */
export async function connectLeases({ bus, pool, owner, ...options }: LeasesOptions): Promise<Leases> {
  return keepLeases({
    ...options,
    bucket: await openBucket(bus, BUCKETS.limits),
    owner: `${owner}/${randomUUID()}`,
    clock: systemClock,
    hold: ({ instance, incarnation, address }) => pool.client(LeasesClient, { service: 'throttle', instance, incarnation, version: '', addresses: { grpc: address }, draining: false, startedAtMs: 0, attributes: {} }).hold(),
  });
}

/** As `connectLeases`, over whatever carries it. */
export async function keepLeases(options: KeptLeasesOptions): Promise<Leases> {
  const { bucket, hold, owner, permits, clock, logger, onWake, onWeight } = options;
  const book = createDemandBook(permits, options.queuedOf);
  let sequence = 0;
  let state: LeasesState = 'away';
  let authority: AuthorityEntry | undefined;
  let stream: LeaseStream | undefined;
  let retryAtMs = 0;
  let retryMs = RETRY_MIN_MS;
  let closed = false;
  let soon = false;

  function become(next: LeasesState): void {
    if (state === next) return;
    state = next;
    logger.info('The state of the leases changed', { leases: next, authority: authority?.instance });
  }

  function connect(nowMs: number): void {
    if (closed || stream !== undefined || authority === undefined || authority.released || nowMs < retryAtMs) return;
    permits.authorityAsked(nowMs);
    const opened = openLeaseStream(
      {
        call: hold(authority), owner, clock,
        nextSequence: () => ++sequence,
        onGrants: (grants, leasesUntilMs) => apply(opened, grants, leasesUntilMs),
        onEnd: (error) => lose(opened, error),
      },
      book.complete(nowMs),
    );
    stream = opened;
  }

  function lose(ended: LeaseStream, error: Error | undefined): void {
    if (stream !== ended) return;
    stream = undefined;
    const nowMs = clock.monotonicMs();
    permits.authorityAway(nowMs);
    retryAtMs = nowMs + retryMs;
    retryMs = Math.min(retryMs * 2, RETRY_MAX_MS);
    logger.debug('The stream to the authority ended', { authority: authority?.instance, error });
    become('away');
  }

  function apply(from: LeaseStream, grants: Grants, leasesUntilMs: number): void {
    if (stream !== from) return;
    retryMs = RETRY_MIN_MS;
    permits.renew(leasesUntilMs);
    permits.setOwners(grants.owners);
    const woken: string[] = [];
    for (const { organisation, concurrency, startsPerSecond } of grants.grants) {
      const nothing = concurrency === 0 && startsPerSecond === 0;
      if (permits.entitle(organisation, nothing ? undefined : { concurrency, startsPerSecond })) woken.push(organisation);
    }
    if (!grants.learning) permits.authorityPresent();
    become(grants.learning ? 'learning' : 'leased');
    for (const organisation of woken) onWake(organisation);
    // What was granted is confirmed without waiting for the next turn: the authority counts it twice until then.
    if (grants.grants.length > 0 && clock.monotonicMs() - from.lastSentMs >= REPORT_MS) report(clock.monotonicMs());
  }

  function report(nowMs: number): void {
    if (stream === undefined) return;
    const due = nowMs - stream.lastSentMs >= HEARTBEAT_MS;
    const demands = due ? book.differences(nowMs) : book.changes(nowMs);
    if (due || demands.length > 0) stream.send(demands);
  }

  function reportSoon(): void {
    if (soon || stream === undefined || clock.monotonicMs() - stream.lastSentMs < REPORT_MS) return;
    soon = true;
    // After the step that was refused is in its queue, and others of the same turn are.
    clock.soon(() => {
      soon = false;
      report(clock.monotonicMs());
    });
  }

  function tick(): void {
    const nowMs = clock.monotonicMs();
    if (stream === undefined) {
      if (options.owners !== undefined) permits.setOwners(options.owners());
      connect(nowMs);
    } else {
      report(nowMs);
      stream.watch(nowMs);
    }
    for (const organisation of permits.advance(nowMs)) onWake(organisation);
  }

  function takeLimits(organisation: string, value: Uint8Array | undefined): void {
    const limits = value === undefined ? undefined : decodeLimits(value);
    if (value !== undefined && limits === undefined) return logger.error('Limits in the bucket cannot be read and stay as they were', { organisation });
    onWeight(organisation, limits?.weight ?? 1);
    if (permits.setLimits(organisation, limits)) onWake(organisation);
  }

  function takeAuthority(value: Uint8Array | undefined): void {
    const next = value === undefined ? undefined : decodeAuthority(value);
    const moved = next?.epoch !== authority?.epoch || next?.released !== authority?.released;
    authority = next;
    if (!moved) return;
    retryAtMs = 0;
    retryMs = RETRY_MIN_MS;
    const before = stream;
    if (before !== undefined) {
      lose(before, undefined);
      before.close(false);
      retryAtMs = 0;
    }
    connect(clock.monotonicMs());
  }

  const watch = await bucket.watch(({ key, value }) => {
    if (key === AUTHORITY_KEY) takeAuthority(value);
    else if (key.startsWith(ORGANISATION_PREFIX)) takeLimits(key.slice(ORGANISATION_PREFIX.length), value);
  });
  permits.onStarved(reportSoon);
  const stop = clock.every(REPORT_MS, tick);

  return {
    state: () => state,
    close() {
      closed = true;
      stop();
      watch.stop();
      stream?.close(!permits.active().some((organisation) => permits.strict(organisation) && permits.running(organisation) > 0));
      stream = undefined;
      permits.authorityAway(clock.monotonicMs());
    },
  };
}
