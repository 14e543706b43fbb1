export { connectLeases, HEARTBEAT_MS, REPORT_MS, type Leases, type LeasesOptions, type LeasesState } from './leases.ts';
export type { QueuedWork } from './demand-book.ts';
export { ANSWER_TIMEOUT_MS } from './lease-stream.ts';
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
