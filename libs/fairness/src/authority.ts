/**
 * The throttle service's core: divides each organisation's limits over the owners that run its steps.
 *
 * Owns who may use how much, since when and until when. Does not own the streams, the clock, where limits
 * are stored, or who is the one authority. Times are milliseconds of one monotonic clock, passed in.
 *
 * A1 (T1) For every organisation the sum of what live owners may be using is within the limit, or, after
 *    the limit was lowered or owners brought running steps along, only falls until it is (holding.ts, H1, H2).
 * A2 (T3) Messages carry states, not changes: what an owner holds, what it is given. A message lost,
 *    delayed or sent twice therefore neither loses a permit nor makes one. What an owner does not confirm
 *    counts as held until it says otherwise in a complete report, or its leases expire.
 * A3 An owner's leases expire here later than there: there, one TTL after it sent the report that was
 *    answered last; here, one TTL and a margin after that report arrived.
 * A4 A new authority does not know what its predecessor gave. Until every such lease has expired it only
 *    learns: it confirms what owners say they hold, and gives nothing.
 * A5 An owner that vanished while it held permits of a strict limit keeps them for `strictHoldMs`: its steps
 *    may still run, and a strict limit is never exceeded. For the same reason an authority gives of a strict limit
 *    only what was written down before (`secure`), and a new one gives nothing of it until it has read what its
 *    predecessor wrote (`inherit`), or that time has passed: owners that vanished between the two are in there.
 */
import { confirmClaim, idle, newClaim, strand, takeDemand, wants, type Claim } from './claim.ts';
import { heldOf, rebalance } from './holding.ts';
import type { Grant, Grants, OrganisationUsage, Report, ReportedDemand, StrictHolding } from './lease-terms.ts';
import { LEASE_TTL_MS, type Limits } from './permits.ts';

/** Difference in speed of two clocks over a TTL, and time to notice; milliseconds. */
export const EXPIRY_MARGIN_MS = 250;
/** How long an owner that vanished keeps permits of a strict limit, in milliseconds: the longest a step may take. */
export const STRICT_HOLD_MS = 300_000;
/** Organisations for which an authority keeps demand; a count. */
export const ORGANISATIONS_MAX = 100_000;

export interface AuthorityOptions {
  readonly nowMs: number;
  /** Leases of a predecessor may be live: learn first (A4). */
  readonly predecessor: boolean;
  readonly leaseTtlMs?: number;
  readonly strictHoldMs?: number;
  /**
   * Whether it is written down, for a successor, that the owner may hold so many permits of a strict limit. When not, it is
   * written soon, and the grant waits. Default: always; then a successor has to wait for `strictHoldMs`.
   */
  readonly secure?: (owner: string, organisation: string, permits: number) => boolean;
}

export interface Authority {
  /** Sets or (undefined) lifts an organisation's limits, effective at once. */
  setLimits(organisation: string, limits: Limits | undefined, nowMs: number): void;
  /**
   * Takes an owner's report; answers are due afterwards (`due`). False: the owner is not known (its leases
   * expired) and must begin anew with a complete report.
   */
  report(owner: string, report: Report, nowMs: number): boolean;
  /** What the predecessor wrote down (A5): owners that have not reported keep it as those that vanished. */
  inherit(holdings: readonly StrictHolding[], nowMs: number): void;
  /** What owners may hold of strict limits now. */
  strictHoldings(): readonly StrictHolding[];
  /** Lets time pass: ends learning, expires owners, moves what cannot be divided round. Every 50 ms. */
  advance(nowMs: number): void;
  /** Owners to whom there is something to say. */
  due(): readonly string[];
  /**
   * What to send to an owner now; undefined when there is nothing. From here on it counts as sent. It may go
   * only to the stream whose complete report was taken last: an older one's reader is gone.
   */
  takeGrants(owner: string): Grants | undefined;
  readonly learning: boolean;
  /** Live owners; a count. */
  readonly owners: number;
  /** Whether an owner is known: it has reported, and its leases have not expired. */
  has(owner: string): boolean;
  /** What an owner may be using of an organisation's concurrency; for tests and the answer to questions. */
  heldBy(owner: string, organisation: string): number;
  usage(): readonly OrganisationUsage[];
}

interface OrganisationState {
  readonly name: string;
  limits: Limits | undefined;
  readonly claims: Map<string, Claim>;
  granted: number;
  recalls: number;
}

interface OwnerState {
  readonly name: string;
  expiresAtMs: number;
  reported: number;
  answered: number;
  sequence: number;
  readonly organisations: Set<string>;
  /** Organisations whose decided cap has not been sent. */
  readonly unsent: Set<string>;
  /** Grants sent and not confirmed, oldest first. */
  underWay: { readonly sequence: number; readonly organisations: readonly string[] }[];
}

/** The authority over all organisations. One at a time: the shell sees to that. */
export function createAuthority(options: AuthorityOptions): Authority {
  const leaseTtlMs = options.leaseTtlMs ?? LEASE_TTL_MS;
  const strictHoldMs = options.strictHoldMs ?? STRICT_HOLD_MS;
  const organisations = new Map<string, OrganisationState>();
  const owners = new Map<string, OwnerState>();
  /** Organisations to decide again as time passes: someone waits for a part, or holds one of a vanished owner. */
  const contended = new Set<OrganisationState>();
  let learning = options.predecessor;
  const learningEndsAtMs = options.nowMs + leaseTtlMs + EXPIRY_MARGIN_MS;
  let strictFromMs = options.predecessor ? options.nowMs + strictHoldMs : options.nowMs;

  function organisationOf(name: string): OrganisationState | undefined {
    const known = organisations.get(name);
    if (known !== undefined || organisations.size >= ORGANISATIONS_MAX) return known;
    const state: OrganisationState = { name, limits: undefined, claims: new Map(), granted: 0, recalls: 0 };
    organisations.set(name, state);
    return state;
  }

  function claimOf(state: OrganisationState, owner: OwnerState): Claim {
    const known = state.claims.get(owner.name);
    if (known !== undefined) return known;
    const claim = newClaim(owner.name);
    state.claims.set(owner.name, claim);
    owner.organisations.add(state.name);
    return claim;
  }

  function drop(state: OrganisationState, owner: string): void {
    state.claims.delete(owner);
    owners.get(owner)?.organisations.delete(state.name);
    owners.get(owner)?.unsent.delete(state.name);
    if (state.claims.size === 0 && state.limits === undefined) {
      organisations.delete(state.name);
      contended.delete(state);
    }
  }

  /** Decides one organisation anew: both limits, then marks whoever is to hear of it. */
  function decide(state: OrganisationState, nowMs: number): void {
    if (learning) return;
    if (state.limits === undefined) {
      for (const claim of state.claims.values()) if (idle(claim)) drop(state, claim.owner);
      return;
    }
    if (state.limits.strict && nowMs < strictFromMs) {
      contended.add(state);
      return;
    }
    const claims = [...state.claims.values()];
    const steps = claims.map((claim) => claim.steps);
    const starts = claims.map((claim) => claim.starts);
    const dirty = new Set<number>();
    let again = claims.some((claim) => claim.releaseAtMs !== undefined);
    for (const [holdings, limit, measure] of [
      [steps, state.limits.concurrency, 'steps'],
      [starts, state.limits.startsPerSecond, 'rate'],
    ] as const) {
      if (limit === undefined) {
        for (const [index, holding] of holdings.entries()) {
          if (holding.cap !== Number.POSITIVE_INFINITY && wants(claims[index])) dirty.add(index);
          holding.cap = Number.POSITIVE_INFINITY;
        }
        continue;
      }
      const result = rebalance(holdings, limit, owners.size, measure, nowMs);
      for (const index of result.changed) dirty.add(index);
      state.granted += measure === 'steps' ? result.granted : 0;
      state.recalls += result.recalls;
      again ||= result.contended;
    }
    for (const index of dirty) {
      const claim = claims[index];
      if (claim !== undefined) owners.get(claim.owner)?.unsent.add(state.name);
    }
    if (again) contended.add(state);
    else contended.delete(state);
    for (const claim of claims) if (idle(claim) && owners.get(claim.owner)?.unsent.has(state.name) !== true) drop(state, claim.owner);
  }

  function isSecured(owner: string, state: OrganisationState | undefined, permits: number): boolean {
    if (state?.limits?.strict !== true || permits === 0 || permits === Number.POSITIVE_INFINITY) return true;
    return options.secure?.(owner, state.name, permits) ?? true;
  }

  /** What may be told to an owner now. */
  function ready(owner: OwnerState): readonly string[] {
    if (learning) return [];
    return [...owner.unsent].filter((name) => {
      const state = organisations.get(name);
      return isSecured(owner.name, state, state?.claims.get(owner.name)?.steps.cap ?? 0);
    });
  }

  function admit(owner: OwnerState, report: Report, demand: ReportedDemand): OrganisationState | undefined {
    const state = organisationOf(demand.organisation);
    if (state === undefined) return undefined;
    const claim = claimOf(state, owner);
    takeDemand(claim, report, demand, owner.unsent.has(state.name));
    isSecured(owner.name, state, heldOf(claim.steps));
    return state;
  }

  /** A complete report begins anew: what was under way on the stream before will never arrive (A2). */
  function forget(owner: OwnerState): OrganisationState[] {
    const states = [...owner.organisations].map((name) => organisations.get(name)).filter((state) => state !== undefined);
    for (const state of states) drop(state, owner.name);
    // What the owner left behind when it vanished (A5): it is back and says itself what still runs.
    for (const state of contended) {
      if (state.claims.get(owner.name)?.releaseAtMs === undefined) continue;
      drop(state, owner.name);
      states.push(state);
    }
    owner.unsent.clear();
    owner.underWay = [];
    return states;
  }

  /** Grants up to `applied` have arrived; answers the organisations they were about. */
  function confirm(owner: OwnerState, applied: number): OrganisationState[] {
    const states: OrganisationState[] = [];
    while (owner.underWay[0] !== undefined && owner.underWay[0].sequence <= applied) {
      for (const name of owner.underWay.shift()?.organisations ?? []) {
        const state = organisations.get(name);
        const claim = state?.claims.get(owner.name);
        if (state === undefined || claim === undefined) continue;
        confirmClaim(claim, applied);
        states.push(state);
      }
    }
    return states;
  }

  function expire(owner: OwnerState, nowMs: number): void {
    for (const name of [...owner.organisations]) {
      const state = organisations.get(name);
      const claim = state?.claims.get(owner.name);
      if (state === undefined || claim === undefined) continue;
      if (state.limits?.strict !== true || !strand(claim, nowMs + strictHoldMs)) drop(state, owner.name);
    }
    owners.delete(owner.name);
  }

  function affected(owner: OwnerState): OrganisationState[] {
    return [...owner.organisations].map((name) => organisations.get(name)).filter((state) => state !== undefined);
  }

  return {
    get learning() {
      return learning;
    },
    get owners() {
      return owners.size;
    },

    has: (owner) => owners.has(owner),

    setLimits(organisation, limits, nowMs) {
      const state = organisationOf(organisation);
      if (state === undefined) return;
      state.limits = limits;
      if (limits === undefined) {
        for (const claim of [...state.claims.values()]) drop(state, claim.owner);
        organisations.delete(organisation);
        contended.delete(state);
      } else decide(state, nowMs);
    },

    report(name, report, nowMs) {
      let owner = owners.get(name);
      if (report.leaving) {
        if (owner === undefined) return true;
        const states = forget(owner);
        owners.delete(name);
        for (const state of states) decide(state, nowMs);
        return true;
      }
      if (owner === undefined) {
        if (!report.complete) return false;
        owner = { name, expiresAtMs: 0, reported: 0, answered: 0, sequence: 0, organisations: new Set(), unsent: new Set(), underWay: [] };
        owners.set(name, owner);
      }
      if (!report.complete && report.sequence <= owner.reported) return true;
      owner.expiresAtMs = nowMs + leaseTtlMs + EXPIRY_MARGIN_MS;
      const states = new Set(report.complete ? forget(owner) : []);
      owner.reported = report.sequence;
      for (const demand of report.demands) {
        const state = admit(owner, report, demand);
        if (state === undefined) continue;
        states.add(state);
        // What a complete report names is answered in any case, so that the owner knows where it stands.
        if (report.complete && state.limits !== undefined) owner.unsent.add(state.name);
      }
      for (const state of confirm(owner, report.applied)) states.add(state);
      for (const state of states) decide(state, nowMs);
      return true;
    },

    inherit(holdings, nowMs) {
      for (const { owner, organisation, permits } of holdings) {
        const state = organisationOf(organisation);
        if (state === undefined || owners.has(owner) || state.claims.has(owner)) continue;
        const claim = newClaim(owner);
        claim.steps.running = permits;
        if (!strand(claim, nowMs + strictHoldMs)) continue;
        state.claims.set(owner, claim);
        contended.add(state);
      }
      strictFromMs = Math.min(strictFromMs, nowMs);
    },

    strictHoldings() {
      const list: StrictHolding[] = [];
      for (const { name, limits, claims } of organisations.values()) {
        if (limits?.strict !== true || limits.concurrency === undefined) continue;
        for (const { owner, steps } of claims.values()) if (heldOf(steps) > 0) list.push({ owner, organisation: name, permits: heldOf(steps) });
      }
      return list;
    },

    advance(nowMs) {
      if (learning && nowMs >= learningEndsAtMs) {
        learning = false;
        for (const owner of owners.values()) for (const state of affected(owner)) owner.unsent.add(state.name);
        for (const state of [...organisations.values()]) decide(state, nowMs);
      }
      for (const owner of [...owners.values()]) {
        if (owner.expiresAtMs > nowMs) continue;
        const states = affected(owner);
        expire(owner, nowMs);
        for (const state of states) decide(state, nowMs);
      }
      for (const state of [...contended]) {
        for (const claim of [...state.claims.values()]) if ((claim.releaseAtMs ?? Number.POSITIVE_INFINITY) <= nowMs) drop(state, claim.owner);
        decide(state, nowMs);
      }
    },

    due() {
      const list: string[] = [];
      for (const owner of owners.values()) if (owner.answered < owner.reported || (!learning && owner.unsent.size > 0)) list.push(owner.name);
      return list;
    },

    takeGrants(name) {
      const owner = owners.get(name);
      if (owner === undefined) return undefined;
      const told = ready(owner);
      if (owner.answered === owner.reported && told.length === 0) return undefined;
      const sequence = ++owner.sequence;
      owner.answered = owner.reported;
      const grants: Grant[] = [];
      for (const organisation of told) {
        owner.unsent.delete(organisation);
        const claim = organisations.get(organisation)?.claims.get(name);
        if (claim === undefined) continue;
        claim.steps.sent.push({ sequence, cap: claim.steps.cap });
        claim.starts.sent.push({ sequence, cap: claim.starts.cap });
        grants.push({ organisation, concurrency: claim.steps.cap, startsPerSecond: claim.starts.cap });
      }
      if (grants.length > 0) owner.underWay.push({ sequence, organisations: grants.map(({ organisation }) => organisation) });
      return { sequence, answers: owner.reported, owners: owners.size, learning, grants };
    },

    heldBy(owner, organisation) {
      const claim = organisations.get(organisation)?.claims.get(owner);
      return claim === undefined ? 0 : heldOf(claim.steps);
    },

    usage() {
      return [...organisations.values()].map(({ name, limits, claims, granted, recalls }) => {
        let held = 0;
        let stranded = 0;
        let running = 0;
        let waiting = 0;
        for (const claim of claims.values()) {
          held += heldOf(claim.steps);
          if (claim.releaseAtMs !== undefined) stranded += heldOf(claim.steps);
          running += claim.steps.running;
          waiting += claim.waiting;
        }
        return { organisation: name, limit: limits?.concurrency, held, stranded, running, waiting, granted, recalls };
      });
    },
  };
}
