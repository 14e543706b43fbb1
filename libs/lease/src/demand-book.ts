/**
 * Which organisations' demand is worth telling the authority.
 *
 * Owns what was told last. An organisation busy within what it holds changes its count a thousand times a
 * second and says nothing; what the authority acts on is said at once: wanting another amount, holding
 * another amount, and, while more runs than is held (a recall), every step that ends.
 */
import type { Permits, ReportedDemand } from '@millrace/fairness';

/** Rates that differ by less than this share are the same. */
const RATE_SLACK = 0.1;

/** What waits of an organisation in this process's queues. */
export interface QueuedWork {
  readonly steps: number;
  readonly starts: number;
}

export interface DemandBook {
  /** Everything that is in use, wanted or held: for a complete report. */
  complete(nowMs: number): readonly ReportedDemand[];
  /** What changed in a way that matters since it was told last. */
  changes(nowMs: number): readonly ReportedDemand[];
  /** Everything that differs at all from what was told last: for the report of each second. */
  differences(nowMs: number): readonly ReportedDemand[];
}

export function createDemandBook(permits: Permits, queuedOf: (organisation: string) => QueuedWork): DemandBook {
  const told = new Map<string, ReportedDemand>();

  function demandOf(organisation: string, nowMs: number): ReportedDemand {
    const queued = queuedOf(organisation);
    return { organisation, waiting: queued.steps, ...permits.demand(organisation, queued.steps, queued.starts, nowMs) };
  }

  function tell(demand: ReportedDemand): ReportedDemand {
    if (isNothing(demand)) told.delete(demand.organisation);
    else told.set(demand.organisation, demand);
    return demand;
  }

  return {
    complete(nowMs) {
      permits.takeChanged();
      told.clear();
      return permits
        .active()
        .map((organisation) => demandOf(organisation, nowMs))
        .filter((demand) => !isNothing(demand))
        .map(tell);
    },

    changes(nowMs) {
      const changed: ReportedDemand[] = [];
      for (const organisation of permits.takeChanged()) {
        const demand = demandOf(organisation, nowMs);
        if (matters(told.get(organisation), demand)) changed.push(tell(demand));
      }
      return changed;
    },

    differences(nowMs) {
      const organisations = new Set([...permits.takeChanged(), ...permits.active(), ...told.keys()]);
      const different: ReportedDemand[] = [];
      for (const organisation of organisations) {
        const demand = demandOf(organisation, nowMs);
        const before = told.get(organisation);
        if (before === undefined ? !isNothing(demand) : !isSame(before, demand)) different.push(tell(demand));
      }
      return different;
    },
  };
}

/** Uses, wants and holds nothing that is limited. */
function isNothing({ running, waiting, wanted, held, startsWanted, startsHeld }: ReportedDemand): boolean {
  const holds = (amount: number): boolean => amount > 0 && amount !== Number.POSITIVE_INFINITY;
  return running === 0 && waiting === 0 && wanted === 0 && startsWanted === 0 && !holds(held) && !holds(startsHeld);
}

function matters(before: ReportedDemand | undefined, now: ReportedDemand): boolean {
  if (before === undefined) return !isNothing(now);
  if (before.held !== now.held || differs(before.startsHeld, now.startsHeld)) return true;
  // Within what is held, only wanting more than that matters, and how much more.
  if (now.wanted > now.held ? before.wanted !== now.wanted : before.wanted > before.held || (before.wanted === 0) !== (now.wanted === 0)) return true;
  if (now.startsWanted > now.startsHeld ? differs(before.startsWanted, now.startsWanted) : before.startsWanted > before.startsHeld) return true;
  if ((before.startsWanted === 0) !== (now.startsWanted === 0)) return true;
  return before.running !== now.running && Math.max(before.running, now.running) > now.held;
}

function differs(before: number, now: number): boolean {
  return before !== now && Math.abs(before - now) > RATE_SLACK * Math.max(before, now);
}

function isSame(before: ReportedDemand, now: ReportedDemand): boolean {
  return (
    before.running === now.running && before.waiting === now.waiting && before.wanted === now.wanted && before.held === now.held &&
    !differs(before.startsWanted, now.startsWanted) && before.startsHeld === now.startsHeld
  );
}
