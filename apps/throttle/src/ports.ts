/** What the throttle needs from outside. */
import type { Limits, Report } from '@millrace/fairness';
import type { StoredLimits } from '@millrace/lease';
import type { LeaseGrants } from '@millrace/contracts/throttle/v1/throttle';

/** Limits with the organisation they are of. */
export interface OrganisationLimitsRecord extends StoredLimits {
  readonly organisation: string;
}

/** Where limits are kept: the truth. */
export interface LimitsStore {
  /**
   * Stores limits with a revision above the stored one and above `revisionAbove`; the same limits again keep
   * their revision. @throws MillraceError `store-failed`
   */
  put(organisation: string, limits: Limits, revisionAbove: number): Promise<StoredLimits>;
  /** @throws MillraceError `store-failed` */
  list(): Promise<readonly OrganisationLimitsRecord[]>;
}

/** Where owners read limits: the key-value bucket. */
export interface LimitsMirror {
  /** Writes limits unless a later revision stands there. @throws MillraceError `bus-failed` */
  write(organisation: string, limits: StoredLimits): Promise<void>;
}

/** An owner's stream, as the authority's host sees it. */
export interface OwnerStream {
  send(grants: LeaseGrants): void;
  /** Ends it with a failure that the owner understands, or in order. */
  end(failure?: Error): void;
}

/** What arrives on an owner's stream. */
export interface OwnerMessage {
  readonly owner: string;
  readonly report: Report;
}
