/**
 * T1: how many steps of an organisation ran at once, as the target saw them, against its limit.
 *
 * A step that the target has answered still runs for its owner until the result is there, so the target sees a part
 * of what the limit counts and never more.
 */
import type { Evidence, FaultWindow, Findings, OrganisationLimit, StepArrival } from '../evidence.ts';

export function checkLimits({ arrivals, faults, limits, owners }: Pick<Evidence, 'arrivals' | 'faults' | 'limits' | 'owners'>): Findings {
  const violations: string[] = [];
  let highestShare = 0;
  for (const limit of limits) {
    const own = arrivals.filter(({ organisation }) => organisation === limit.organisation);
    const { peak, worst } = exceeded(own, limit, faults, owners);
    highestShare = Math.max(highestShare, Math.round((100 * peak) / limit.concurrency));
    if (worst !== undefined) violations.push(`${worst.running} steps of ${limit.organisation} ran at once at ${new Date(worst.atMs).toISOString()}, where ${worst.allowed} are allowed${limit.strict ? ' (strict)' : ''}`);
  }
  return { violations, figures: { highestShareOfLimitPercent: highestShare } };
}

/** How many may run at that time. */
export function allowedAt({ concurrency, strict }: OrganisationLimit, atMs: number, faults: readonly FaultWindow[], owners: number): number {
  if (strict) return concurrency;
  let extra = 0;
  for (const { fromMs, toMs, beyondLimits } of faults) {
    if (atMs < fromMs || atMs > toMs) continue;
    // Each owner's share is rounded up; an owner that lost its lease goes on with what it was running, all of it at most.
    if (beyondLimits === 'static-share') extra = Math.max(extra, owners * Math.ceil(concurrency / owners) - concurrency);
    if (beyondLimits === 'dead-owner') extra = Math.max(extra, owners * Math.ceil(concurrency / owners));
  }
  return concurrency + extra;
}

interface Excess {
  readonly atMs: number;
  readonly running: number;
  readonly allowed: number;
}

function exceeded(arrivals: readonly StepArrival[], limit: OrganisationLimit, faults: readonly FaultWindow[], owners: number): { readonly peak: number; readonly worst: Excess | undefined } {
  const changes = arrivals.flatMap(({ atMs, endedAtMs }) => [{ atMs, by: 1 }, { atMs: endedAtMs, by: -1 }]);
  // At the same millisecond ends come first: which was first is not known.
  changes.sort((left, right) => left.atMs - right.atMs || left.by - right.by);
  let running = 0;
  let peak = 0;
  let worst: Excess | undefined;
  for (const { atMs, by } of changes) {
    running += by;
    peak = Math.max(peak, running);
    const allowed = allowedAt(limit, atMs, faults, owners);
    if (running > allowed && running - allowed > (worst === undefined ? 0 : worst.running - worst.allowed)) worst = { atMs, running, allowed };
  }
  return { peak, worst };
}
