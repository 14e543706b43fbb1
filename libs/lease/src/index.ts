export { ADVANCE_MS, createAuthorityHost, type AuthorityHost, type AuthorityHostOptions, type OwnerMessage, type OwnerStream } from './authority-host.ts';
export { createElection, RENEW_MS, TERM_MARGIN_MS, TERM_MS, type Candidate, type Election, type ElectionOptions } from './election.ts';
export { connectLeases, HEARTBEAT_MS, keepLeases, REPORT_MS, type KeptLeasesOptions, type Leases, type LeasesOptions, type LeasesState } from './leases.ts';
export type { QueuedWork } from './demand-book.ts';
export { ANSWER_TIMEOUT_MS, type LeaseCall } from './lease-stream.ts';
export { grantsFromWire, grantsToWire, reportFromWire, reportToWire } from './lease-messages.ts';
export {
  AUTHORITY_KEY,
  decodeAuthority,
  decodeLimits,
  encodeAuthority,
  encodeLimits,
  limitsKey,
  ORGANISATION_PREFIX,
  type AuthorityEntry,
  type StoredLimits,
} from './limits-bucket.ts';
