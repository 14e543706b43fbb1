export { createFairQueue, PRIORITY_WEIGHTS, type FairQueue, type FairQueueOptions, type Priority, type Ticket, type Waiting } from './fair-queue.ts';
export { BYTES_PER_MICROSECOND, COST_MAX, COST_MIN, costOf } from './cost.ts';
export { createPermits, LEASE_TTL_MS, type Demand, type Entitlement, type Limits, type Permits, type PermitsOptions } from './permits.ts';
export {
  createAuthority,
  EXPIRY_MARGIN_MS,
  STRICT_HOLD_MS,
  type Authority,
  type AuthorityOptions,
  type Grant,
  type Grants,
  type OrganisationUsage,
  type Report,
  type ReportedDemand,
} from './authority.ts';
