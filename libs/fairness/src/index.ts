export { createFairQueue, type FairQueue, type FairQueueOptions, type Waiting } from './fair-queue.ts';
export { PRIORITY_WEIGHTS, type Priority, type Ticket } from './fair-queue-levels.ts';
export { BYTES_PER_MICROSECOND, COST_MAX, COST_MIN, costOf } from './cost.ts';
export { createPermits, LEASE_TTL_MS, type Demand, type Entitlement, type Limits, type Permits, type PermitsOptions } from './permits.ts';
export { createAuthority, EXPIRY_MARGIN_MS, STRICT_HOLD_MS, type Authority, type AuthorityOptions } from './authority.ts';
export type { Grant, Grants, OrganisationUsage, Report, ReportedDemand, StrictHolding } from './lease-terms.ts';
