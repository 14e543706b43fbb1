/**
 * The limits that this process knows, and changing them.
 *
 * Owns the order of a change: stored first, then mirrored to the bucket that owners watch. A change that was
 * stored and not mirrored (the process died in between) is mirrored by `repair`, or by the next attempt.
 * Does not own how limits come here: the bucket's watch tells `take`.
 */
import { MillraceError } from '@millrace/errors';
import type { Limits } from '@millrace/fairness';
import type { StoredLimits } from '@millrace/lease';
import type { LimitsMirror, LimitsStore, OrganisationLimitsRecord } from './ports.ts';

/** Organisations that can have limits; a count. The authority keeps each in memory. */
export const LIMITED_ORGANISATIONS_MAX = 100_000;
/** Steps of one organisation at once, at most; a count. */
export const CONCURRENCY_MAX = 100_000;
/** Starts of one organisation a second, at most. */
export const STARTS_PER_SECOND_MAX = 1_000_000;
/** Largest weight of an organisation. */
export const WEIGHT_MAX = 1_000;
/** Names as resources have them (RFC 1123 labels); they become keys of the bucket. */
const ORGANISATION = /^[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?$/;

export interface LimitsBook {
  /** What stands in the bucket now; undefined when it was removed. */
  take(organisation: string, limits: StoredLimits | undefined): void;
  /** @throws MillraceError `argument-invalid`, `limit-exceeded`, `store-failed`, `bus-failed` */
  put(organisation: string, limits: Limits): Promise<OrganisationLimitsRecord>;
  /** @throws MillraceError `resource-unknown` */
  get(organisation: string): OrganisationLimitsRecord;
  /** By organisation. */
  list(): readonly OrganisationLimitsRecord[];
  /** Mirrors what is stored and not in the bucket; answers how many. */
  repair(): Promise<number>;
}

export function createLimitsBook(store: LimitsStore, mirror: LimitsMirror, onChange: (organisation: string, limits: StoredLimits | undefined) => void): LimitsBook {
  const known = new Map<string, StoredLimits>();

  function take(organisation: string, limits: StoredLimits | undefined): void {
    if (limits === undefined) known.delete(organisation);
    else if (limits.revision < (known.get(organisation)?.revision ?? 0)) return;
    else known.set(organisation, limits);
    onChange(organisation, limits);
  }

  return {
    take,

    async put(organisation, limits) {
      check(organisation, limits);
      if (known.size >= LIMITED_ORGANISATIONS_MAX && !known.has(organisation)) {
        throw new MillraceError('limit-exceeded', { message: `${LIMITED_ORGANISATIONS_MAX} organisations have limits already, and no more can`, details: { organisation } });
      }
      const stored = await store.put(organisation, limits, known.get(organisation)?.revision ?? 0);
      await mirror.write(organisation, stored);
      take(organisation, stored);
      return { organisation, ...stored };
    },

    get(organisation) {
      const limits = known.get(organisation);
      if (limits === undefined) throw new MillraceError('resource-unknown', { message: `The organisation ${organisation} has no limits`, details: { organisation } });
      return { organisation, ...limits };
    },

    list: () => [...known].sort(([left], [right]) => (left < right ? -1 : 1)).map(([organisation, limits]) => ({ organisation, ...limits })),

    async repair() {
      let repaired = 0;
      for (const { organisation, ...limits } of await store.list()) {
        if ((known.get(organisation)?.revision ?? 0) >= limits.revision) continue;
        await mirror.write(organisation, limits);
        repaired++;
      }
      return repaired;
    },
  };
}

function check(organisation: string, { concurrency, startsPerSecond, weight }: Limits): void {
  const problems: string[] = [];
  if (!ORGANISATION.test(organisation)) problems.push(`the organisation's name \`${organisation}\` is not made of lower-case letters, digits and dashes`);
  if (concurrency !== undefined && !(Number.isInteger(concurrency) && concurrency <= CONCURRENCY_MAX)) problems.push(`concurrency must be a whole number up to ${CONCURRENCY_MAX}`);
  if (startsPerSecond !== undefined && !(startsPerSecond > 0 && startsPerSecond <= STARTS_PER_SECOND_MAX)) problems.push(`startsPerSecond must be between 0 and ${STARTS_PER_SECOND_MAX}`);
  if (!(weight > 0 && weight <= WEIGHT_MAX)) problems.push(`weight must be above 0 and at most ${WEIGHT_MAX}`);
  if (problems.length > 0) throw new MillraceError('argument-invalid', { message: `Limits cannot be set: ${problems.join('; ')}`, details: { organisation } });
}
