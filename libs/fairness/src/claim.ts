/**
 * What one owner has of one organisation: its part of both limits, and how a report changes it.
 */
import { heldOf, newHolding, type Holding } from './holding.ts';
import type { Report, ReportedDemand } from './lease-terms.ts';

/** What one owner has of one organisation's limits. */
export interface Claim {
  readonly owner: string;
  readonly steps: Holding;
  readonly starts: Holding;
  waiting: number;
  /** A5: the owner is gone; the claim falls at this time. */
  releaseAtMs: number | undefined;
}

export function newClaim(owner: string): Claim {
  return { owner, steps: newHolding(), starts: newHolding(), waiting: 0, releaseAtMs: undefined };
}

/** Takes a report's demand. `unsent`: a decision about the claim waits to be sent. */
export function takeDemand(claim: Claim, report: Report, demand: ReportedDemand, unsent: boolean): void {
  claim.waiting = demand.waiting;
  take(claim.steps, report.applied, demand.running, demand.wanted, demand.held);
  take(claim.starts, report.applied, 0, demand.startsWanted, demand.startsHeld);
  if (report.complete) {
    claim.steps.cap = demand.held;
    claim.starts.cap = demand.startsHeld;
  } else {
    settle(claim.steps, unsent);
    settle(claim.starts, unsent);
  }
}

/** Grants up to `applied` have arrived. */
export function confirmClaim(claim: Claim, applied: number): void {
  for (const holding of [claim.steps, claim.starts]) holding.sent = holding.sent.filter(({ sequence }) => sequence > applied);
}

/** The owner vanished: what it may be running of a strict limit stays taken until `releaseAtMs`. False: nothing does. */
export function strand(claim: Claim, releaseAtMs: number): boolean {
  const held = finite(heldOf(claim.steps));
  if (held === 0) return false;
  claim.releaseAtMs = releaseAtMs;
  Object.assign(claim.steps, newHolding(), { running: held });
  Object.assign(claim.starts, newHolding());
  return true;
}

/** Takes over what the owner reported; what it had applied by then is under way no more. */
function take(holding: Holding, applied: number, running: number, wanted: number, reported: number): void {
  holding.running = running;
  holding.wanted = wanted;
  holding.reported = reported;
  if (holding.sent.length > 0) holding.sent = holding.sent.filter(({ sequence }) => sequence > applied);
}

/** Nothing is under way to the owner, so what it says it holds is what it has: a grant it could not use is void. */
function settle(holding: Holding, unsent: boolean): void {
  if (!unsent && holding.sent.length === 0 && holding.reported < holding.cap) holding.cap = holding.reported;
}

/** Would use something of either limit. */
export function wants(claim: Claim | undefined): boolean {
  return claim !== undefined && (claim.steps.wanted > 0 || claim.starts.wanted > 0);
}

/** Uses, wants and holds nothing, and nothing is under way. */
export function idle(claim: Claim): boolean {
  return (
    !wants(claim) && claim.releaseAtMs === undefined && claim.steps.sent.length === 0 && claim.starts.sent.length === 0 &&
    finite(heldOf(claim.steps)) === 0 && finite(heldOf(claim.starts)) === 0
  );
}

/** An unlimited dimension holds nothing that anybody else could lack. */
function finite(held: number): number {
  return held === Number.POSITIVE_INFINITY ? 0 : held;
}
