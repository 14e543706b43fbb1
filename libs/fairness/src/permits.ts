/**
 * What one process may run: for each organisation so many steps at once and so many starts a second.
 *
 * Owns the count of running steps, the token buckets, and the rules for a lease, a lapsed lease and no
 * lease. Does not own how leases come here (the lease client applies them) nor who waits (fair-queue.ts).
 * All times are milliseconds of one monotonic clock, passed in.
 *
 * P1 (T1) A step begins only while fewer run here than the cap in force. A cap that shrinks ends nothing:
 *    no step begins until enough have ended.
 * P2 (T3) A permit is a count, never a token that could be lost on the way: `running` goes up by
 *    `tryTakeStep` and `adopt`, down by `returnStep`, and nothing else touches it.
 * P3 An organisation without limits is never refused and never waits for a lease.
 * P4 A lease counts until it expires, authority or not. After that, and only once the authority has been
 *    away for a whole TTL (every owner's leases have lapsed then), the static share applies: the limit
 *    divided by the owners, rounded up. A strict limit has no static share: it waits. Between a question to
 *    the authority and its answer the static share neither begins nor ends: the authority counts on what
 *    the question said.
 * P5 Starts in any t seconds are at most `rate * (t + 1) + 1`.
 */

import { newAccount, recentStartsPerSecond, refill, roll, type Account } from './account.ts';

/** An organisation's limits as configured; undefined is "no limit of its own". */
export interface Limits {
  readonly concurrency: number | undefined;
  readonly startsPerSecond: number | undefined;
  readonly weight: number;
  /** Never uses the static share. */
  readonly strict: boolean;
}

/** What the authority lets this process use of one organisation's limits. Infinity where there is no limit. */
export interface Entitlement {
  readonly concurrency: number;
  readonly startsPerSecond: number;
}

/** What this process uses and wants of one organisation's limits; the authority's input. */
export interface Demand {
  /** Steps running now. */
  readonly running: number;
  /** Steps that would run at once if they could: the peak of the last window, and who waits; the limit at most. */
  readonly wanted: number;
  /** The cap in force here, or that may come in force. */
  readonly held: number;
  /** Starts a second that would be made if they could. */
  readonly startsWanted: number;
  readonly startsHeld: number;
}

export interface PermitsOptions {
  /** How long a lease counts after the demand that it answers was sent. */
  readonly leaseTtlMs?: number;
  /** Owners among whom a limit is split while the authority is away. */
  readonly owners?: number;
  /** When this process began: until a TTL later leases given to others may be live. */
  readonly nowMs?: number;
}

export interface Permits {
  /** A step asks to run. True: it counts as running until `returnStep`. False: remembered as refused. */
  tryTakeStep(organisation: string, nowMs: number): boolean;
  /** A step has ended. True when one was refused since: wake its queue. */
  returnStep(organisation: string): boolean;
  /** Steps that were running when this process took over their lane; they count even above the cap. */
  adopt(organisation: string, steps: number): void;
  /** Steps of a lane that moved away no longer count here. True as for `returnStep`. */
  disown(organisation: string, steps: number): boolean;
  /** An execution asks to start; takes one token. False: remembered as refused. */
  tryTakeStart(organisation: string, nowMs: number): boolean;
  running(organisation: string): number;
  /** Whether a step was refused since one last ended. */
  isRefused(organisation: string): boolean;
  /** Whether steps or starts of the organisation are limited at all. */
  limited(organisation: string): boolean;
  /** Whether its limit on steps is strict: never exceeded, whatever vanished. */
  strict(organisation: string): boolean;
  /** Sets or (undefined) lifts an organisation's limits. True when one was refused that may now pass. */
  setLimits(organisation: string, limits: Limits | undefined): boolean;
  /** Replaces the entitlement to an organisation; undefined ends it. True when one was refused that may now pass. */
  entitle(organisation: string, entitlement: Entitlement | undefined): boolean;
  /** Every entitlement here counts until `expiresAtMs`. */
  renew(expiresAtMs: number): void;
  /** A complete report goes to the authority; what it says is held stays so until an answer, or `authorityAway`. */
  authorityAsked(nowMs: number): void;
  /** The authority answers: whoever has no entitlement waits for one. */
  authorityPresent(): void;
  /** The authority stopped answering at `nowMs`. */
  authorityAway(nowMs: number): void;
  /** Owners among whom the static share splits a limit; at least 1. */
  setOwners(owners: number): void;
  /** Organisations that were refused and may pass now, because time went on. Call it every 10 to 100 ms. */
  advance(nowMs: number): readonly string[];
  /** Limited organisations whose use or refusals changed since the last call. */
  takeChanged(): readonly string[];
  /** Calls back when an organisation is refused its first step or start here because nothing is held: ask at once. */
  onStarved(callback: () => void): void;
  /** Limited organisations that are in use here or hold an entitlement. */
  active(): readonly string[];
  /** What to report of one organisation. `waiting` and `startsWaiting` come from the queues. */
  demand(organisation: string, waiting: number, startsWaiting: number, nowMs: number): Demand;
}

/** Default of `leaseTtlMs`. */
export const LEASE_TTL_MS = 3_000;
/** Organisations without use, limits or entitlement that are remembered; a count. */
const IDLE_MAX = 10_000;

/** The permits of one process. */
export function createPermits(options: PermitsOptions = {}): Permits {
  const leaseTtlMs = options.leaseTtlMs ?? LEASE_TTL_MS;
  const accounts = new Map<string, Account>();
  const refused = new Set<Account>();
  let changed: Account[] = [];
  let owners = Math.max(1, options.owners ?? 1);
  let leasesExpireAtMs = Number.NEGATIVE_INFINITY;
  /** From when the static share applies; Infinity while the authority answers (P4). */
  let staticFromMs = (options.nowMs ?? 0) + leaseTtlMs;
  /** Whether the static share was in force when the authority was asked; undefined when no question is open. */
  let frozen: boolean | undefined;
  let idle = 0;
  let starved: (() => void) | undefined;

  const staticInForce = (nowMs: number): boolean => frozen ?? nowMs >= staticFromMs;

  function accountOf(organisation: string): Account {
    const known = accounts.get(organisation);
    if (known !== undefined) return known;
    const account = newAccount(organisation);
    accounts.set(organisation, account);
    return account;
  }

  function mark(account: Account): void {
    if (account.changed) return;
    account.changed = true;
    changed.push(account);
  }

  /** P4: the lease while it counts, then the static share, else nothing. */
  function capOf(account: Account, nowMs: number): number {
    const limit = account.limits?.concurrency;
    if (limit === undefined) return Number.POSITIVE_INFINITY;
    if (account.entitlement !== undefined && nowMs < leasesExpireAtMs) return account.entitlement.concurrency;
    if (!staticInForce(nowMs) || account.limits?.strict === true) return 0;
    return Math.ceil(limit / owners);
  }

  function rateOf(account: Account, nowMs: number): number {
    const limit = account.limits?.startsPerSecond;
    if (limit === undefined) return Number.POSITIVE_INFINITY;
    if (account.entitlement !== undefined && nowMs < leasesExpireAtMs) return account.entitlement.startsPerSecond;
    if (!staticInForce(nowMs) || account.limits?.strict === true) return 0;
    return limit / owners;
  }

  function refuse(account: Account, held: number): void {
    if (held === 0 && !account.stepRefused && !account.startRefused) starved?.();
    refused.add(account);
    if (account.limits !== undefined) mark(account);
  }

  /** Whether a refused one may pass now; clears the mark, since its queue is about to ask again. */
  function released(account: Account, nowMs: number | undefined): boolean {
    let wake = false;
    if (account.stepRefused && (nowMs === undefined || account.running < capOf(account, nowMs))) {
      account.stepRefused = false;
      wake = true;
    }
    if (account.startRefused && nowMs !== undefined) {
      const rate = rateOf(account, nowMs);
      if (rate !== Number.POSITIVE_INFINITY) refill(account, rate, nowMs);
      if (rate === Number.POSITIVE_INFINITY || (rate > 0 && account.tokens >= 1)) {
        account.startRefused = false;
        wake = true;
      }
    }
    if (!account.stepRefused && !account.startRefused) refused.delete(account);
    return wake;
  }

  function sweepIdle(): void {
    idle = 0;
    for (const [organisation, account] of accounts) {
      if (account.running === 0 && account.limits === undefined && account.entitlement === undefined && !refused.has(account)) accounts.delete(organisation);
    }
  }

  function give(account: Account, steps: number): boolean {
    if (steps > account.running) throw new Error(`permits: ${steps} steps of ${account.organisation} returned, ${account.running} were running`);
    account.running -= steps;
    if (account.limits !== undefined) mark(account);
    else if (account.running === 0 && ++idle > IDLE_MAX) sweepIdle();
    return account.stepRefused && released(account, undefined);
  }

  return {
    tryTakeStep(organisation, nowMs) {
      const account = accountOf(organisation);
      if (account.limits === undefined) {
        account.running++;
        return true;
      }
      const cap = capOf(account, nowMs);
      if (account.running >= cap) {
        refuse(account, cap);
        account.stepRefused = true;
        return false;
      }
      roll(account, nowMs);
      account.running++;
      if (account.running > account.peak) account.peak = account.running;
      mark(account);
      return true;
    },

    returnStep: (organisation) => give(accountOf(organisation), 1),
    disown: (organisation, steps) => give(accountOf(organisation), steps),

    adopt(organisation, steps) {
      const account = accountOf(organisation);
      account.running += steps;
      if (account.running > account.peak) account.peak = account.running;
      if (account.limits !== undefined) mark(account);
    },

    tryTakeStart(organisation, nowMs) {
      const account = accounts.get(organisation);
      if (account?.limits === undefined) return true;
      const rate = rateOf(account, nowMs);
      if (rate === Number.POSITIVE_INFINITY) return true;
      refill(account, rate, nowMs);
      if (rate === 0 || account.tokens < 1) {
        refuse(account, rate);
        account.startRefused = true;
        return false;
      }
      account.tokens -= 1;
      roll(account, nowMs);
      account.starts++;
      mark(account);
      return true;
    },

    running: (organisation) => accounts.get(organisation)?.running ?? 0,
    isRefused: (organisation) => accounts.get(organisation)?.stepRefused === true,

    limited(organisation) {
      const limits = accounts.get(organisation)?.limits;
      return limits?.concurrency !== undefined || limits?.startsPerSecond !== undefined;
    },

    strict(organisation) {
      const limits = accounts.get(organisation)?.limits;
      return limits?.strict === true && limits.concurrency !== undefined;
    },

    setLimits(organisation, limits) {
      const account = accountOf(organisation);
      const bounded = limits !== undefined && (limits.concurrency !== undefined || limits.startsPerSecond !== undefined);
      account.limits = bounded ? limits : undefined;
      if (account.limits === undefined) account.entitlement = undefined;
      else mark(account);
      return account.stepRefused || account.startRefused;
    },

    entitle(organisation, entitlement) {
      const account = accountOf(organisation);
      account.entitlement = entitlement;
      mark(account);
      return account.stepRefused || account.startRefused;
    },

    renew(expiresAtMs) {
      leasesExpireAtMs = Math.max(leasesExpireAtMs, expiresAtMs);
    },

    authorityAsked(nowMs) {
      frozen ??= staticInForce(nowMs);
    },

    authorityPresent() {
      frozen = undefined;
      staticFromMs = Number.POSITIVE_INFINITY;
    },

    authorityAway(nowMs) {
      frozen = undefined;
      staticFromMs = Math.min(staticFromMs, nowMs + leaseTtlMs);
    },

    setOwners(count) {
      owners = Math.max(1, count);
    },

    advance(nowMs) {
      const woken: string[] = [];
      for (const account of refused) if (released(account, nowMs)) woken.push(account.organisation);
      return woken;
    },

    takeChanged() {
      const taken = changed;
      changed = [];
      for (const account of taken) account.changed = false;
      return taken.filter((account) => account.limits !== undefined || account.entitlement !== undefined).map((account) => account.organisation);
    },

    onStarved(callback) {
      starved = callback;
    },

    active() {
      const list: string[] = [];
      for (const account of accounts.values()) {
        if (account.limits !== undefined && (account.running > 0 || account.entitlement !== undefined || refused.has(account))) list.push(account.organisation);
      }
      return list;
    },

    demand(organisation, waiting, startsWaiting, nowMs) {
      const account = accountOf(organisation);
      roll(account, nowMs);
      const { limits, entitlement, stepRefused, startRefused } = account;
      // A lapsed entitlement counts as held: a late answer could bring it back.
      const held = Math.max(capOf(account, nowMs), entitlement?.concurrency ?? 0);
      const startsHeld = Math.max(rateOf(account, nowMs), entitlement?.startsPerSecond ?? 0);
      const steps = Math.max(account.running + Math.max(waiting, stepRefused ? 1 : 0), account.peak, account.peakBefore);
      // Whoever is refused at a rate wants a higher one, however few it could count at the lower.
      const starts = recentStartsPerSecond(account) + (startRefused ? Math.max(1, startsWaiting, startsHeld) : startsWaiting);
      // More than the whole limit is not worth saying, and would be said anew with every item that comes.
      const wanted = Math.min(steps, limits?.concurrency ?? Number.POSITIVE_INFINITY);
      const startsWanted = Math.min(starts, limits?.startsPerSecond ?? Number.POSITIVE_INFINITY);
      return { running: account.running, wanted, held, startsWanted, startsHeld };
    },
  };
}
