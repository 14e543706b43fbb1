/**
 * What owners hold of one limit of one organisation, and the decision who shall hold how much.
 *
 * Owns the arithmetic of T1: what an owner may be using is never underestimated. Does not own messages,
 * expiry or organisations (authority.ts).
 *
 * H1 `heldOf` is the largest of: what the owner reported to run and to hold, every cap sent to it that it has
 *    not confirmed, and the cap decided. Whatever was lost or is under way, the owner cannot use more.
 * H2 A cap is raised only as far as the sum of `heldOf` stays within the limit. So the sum never grows above
 *    the limit, and while it is above (the limit was lowered) it only falls.
 * H3 One decision raises a cap by one chunk at most, so that what one owner has unused stays small.
 * H4 When there is less than all want, each gets its max-min fair share; the units that cannot be divided
 *    go round: whoever has waited longest is next, and a holder keeps one for TENURE_MS.
 */
import { splitFairly } from './split.ts';

/** How long an owner keeps a unit that others wait for as well, in milliseconds. */
export const TENURE_MS = 200;

/** A change of rate smaller than this share of the limit is not worth a message. */
const RATE_CHANGE_MIN = 0.01;

/** One owner's part of one limit. */
export interface Holding {
  /** In use, as last reported; a rate has nothing in use. */
  running: number;
  /** Would be used if it could. */
  wanted: number;
  /** The cap in force, as last reported. */
  reported: number;
  /** Caps sent and not confirmed, oldest first. */
  sent: { readonly sequence: number; readonly cap: number }[];
  /** The cap decided. */
  cap: number;
  /** When the cap was last raised. */
  raisedAtMs: number;
}

/** How a limit is divided: whole steps, or a rate. */
export type Measure = 'steps' | 'rate';

export function newHolding(): Holding {
  return { running: 0, wanted: 0, reported: 0, sent: [], cap: 0, raisedAtMs: Number.NEGATIVE_INFINITY };
}

/** H1: the most that the owner may be using, now or when what is under way arrives. */
export function heldOf(holding: Holding): number {
  let held = Math.max(holding.running, holding.reported, holding.cap);
  for (const { cap } of holding.sent) if (cap > held) held = cap;
  return held;
}

/** The largest step by which a cap is raised: max(1, limit / (4 * owners)). */
export function chunkOf(limit: number, owners: number, measure: Measure): number {
  const quarter = limit / (4 * Math.max(1, owners));
  return Math.max(1, measure === 'steps' ? Math.floor(quarter) : quarter);
}

/** What a decision changed. */
export interface Rebalance {
  /** Indexes of holdings whose cap changed. */
  readonly changed: readonly number[];
  /** Sum of what caps were raised by. */
  readonly granted: number;
  /** Caps lowered because others wait or the limit shrank; returns of what is not wanted are not counted. */
  readonly recalls: number;
  /** Somebody wants more than it has and could have a fair share of: decide again when time has passed. */
  readonly contended: boolean;
}

/** Decides the caps of one limit anew, in place. `owners`: all live owners, for the chunk. */
export function rebalance(holdings: readonly Holding[], limit: number, owners: number, measure: Measure, nowMs: number): Rebalance {
  const chunk = chunkOf(limit, owners, measure);
  const targets = targetsOf(holdings, limit, chunk, measure, nowMs);
  const sum = (): number => holdings.reduce((total, holding) => total + heldOf(holding), 0);
  const short = holdings.reduce((total, holding, index) => total + Math.max(0, (targets[index] ?? 0) - heldOf(holding)), 0);
  const needed = sum() + short > limit * (1 + 1e-9);
  const changed = new Set<number>();
  let recalls = 0;
  let granted = 0;

  holdings.forEach((holding, index) => {
    const target = targets[index] ?? 0;
    if (holding.cap <= target) return;
    const unwanted = holding.wanted === 0 || holding.cap - target > chunk;
    if (!needed && !unwanted) return;
    if (needed && holding.wanted > 0) recalls++;
    holding.cap = target;
    changed.add(index);
  });

  for (const index of byTurn(holdings, () => false)) {
    const holding = holdings[index];
    const target = targets[index] ?? 0;
    if (holding === undefined || holding.cap >= target) continue;
    const held = heldOf(holding);
    // H2: `held` is in the sum already, so a cap up to it takes nothing from anybody.
    const room = held + Math.max(0, limit - sum());
    const cap = Math.min(target, room, Math.max(holding.cap, Math.min(held, target)) + chunk);
    if (cap <= holding.cap) continue;
    if (measure === 'rate' && holding.cap > 0 && cap - holding.cap < limit * RATE_CHANGE_MIN) continue;
    granted += cap - holding.cap;
    holding.cap = cap;
    holding.raisedAtMs = nowMs;
    changed.add(index);
  }
  return { changed: [...changed], granted, recalls, contended: needed };
}

/** H4. What is left when all have what they want is headroom, a chunk at most for each that wants anything. */
function targetsOf(holdings: readonly Holding[], limit: number, chunk: number, measure: Measure, nowMs: number): number[] {
  const order = byTurn(holdings, (holding) => holding.cap > 0 && nowMs - holding.raisedAtMs < TENURE_MS);
  const wanted = order.map((index) => Math.min(holdings[index]?.wanted ?? 0, limit));
  const shares = splitFairly(limit, wanted, measure === 'steps');
  const wanting = wanted.filter((want) => want > 0).length;
  const spare = wanting === 0 ? 0 : (limit - shares.reduce((total, share) => total + share, 0)) / wanting;
  const headroom = Math.min(chunk, measure === 'steps' ? Math.floor(spare) : spare);
  const targets = holdings.map(() => 0);
  order.forEach((index, position) => {
    const share = shares[position] ?? 0;
    targets[index] = (wanted[position] ?? 0) > 0 ? share + Math.max(0, headroom) : 0;
  });
  return targets;
}

/** Indexes, those that `first` holds for before the others, each group by who was raised longest ago. */
function byTurn(holdings: readonly Holding[], first: (holding: Holding) => boolean): number[] {
  const places = holdings.map((holding, index) => ({ index, group: first(holding) ? 0 : 1, raisedAtMs: holding.raisedAtMs }));
  places.sort((left, right) => left.group - right.group || (left.raisedAtMs < right.raisedAtMs ? -1 : left.raisedAtMs > right.raisedAtMs ? 1 : 0));
  return places.map(({ index }) => index);
}
