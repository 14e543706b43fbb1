/**
 * Reports and grants between the core's terms and the wire's (protos/millrace/throttle/v1).
 *
 * On the wire "no limit" is 4294967295 for steps and negative for rates; in the core both are Infinity.
 */
import type { LeaseGrants, OrganisationDemand, OwnerReport } from '@millrace/contracts/throttle/v1/throttle';
import type { Grants, Report, ReportedDemand } from '@millrace/fairness';

const STEPS_UNLIMITED = 4_294_967_295;
const RATE_UNLIMITED = -1;

const stepsToWire = (steps: number): number => Math.min(Math.max(0, Math.ceil(steps)), STEPS_UNLIMITED);
const stepsFromWire = (steps: number): number => (steps >= STEPS_UNLIMITED ? Number.POSITIVE_INFINITY : steps);
const rateToWire = (rate: number): number => (rate === Number.POSITIVE_INFINITY ? RATE_UNLIMITED : rate);
const rateFromWire = (rate: number): number => (rate < 0 ? Number.POSITIVE_INFINITY : rate);

export function reportToWire(owner: string, report: Report): OwnerReport {
  const { sequence, applied, complete, leaving } = report;
  return { owner, sequence, applied, complete, leaving, organisations: report.demands.map(demandToWire) };
}

export function reportFromWire(message: OwnerReport): Report {
  const { sequence, applied, complete, leaving } = message;
  return { sequence, applied, complete, leaving, demands: message.organisations.map(demandFromWire) };
}

export function grantsToWire(grants: Grants, ttlMs: number): LeaseGrants {
  const { sequence, answers, learning, owners } = grants;
  const leases = grants.grants.map(({ organisation, concurrency, startsPerSecond }) => ({
    organisation,
    concurrency: stepsToWire(concurrency),
    startsPerSecond: rateToWire(startsPerSecond),
  }));
  return { sequence, answers, ttlMs, learning, owners, leases };
}

export function grantsFromWire(message: LeaseGrants): Grants & { readonly ttlMs: number } {
  const { sequence, answers, ttlMs, learning, owners } = message;
  const grants = message.leases.map(({ organisation, concurrency, startsPerSecond }) => ({
    organisation,
    concurrency: stepsFromWire(concurrency),
    startsPerSecond: rateFromWire(startsPerSecond),
  }));
  return { sequence, answers, ttlMs, learning, owners, grants };
}

function demandToWire(demand: ReportedDemand): OrganisationDemand {
  return {
    organisation: demand.organisation,
    running: stepsToWire(demand.running),
    waiting: stepsToWire(demand.waiting),
    wanted: stepsToWire(demand.wanted),
    held: stepsToWire(demand.held),
    startsWanted: demand.startsWanted,
    startsHeld: rateToWire(demand.startsHeld),
  };
}

function demandFromWire(demand: OrganisationDemand): ReportedDemand {
  return { ...demand, held: stepsFromWire(demand.held), startsHeld: rateFromWire(demand.startsHeld) };
}
