/** What the throttle needs from outside. */
import type { Limits } from '@millrace/fairness';
import type { StoredLimits } from '@millrace/lease';

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
