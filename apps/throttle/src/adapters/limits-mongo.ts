/** Limits in MongoDB: one document an organisation, collection `limits`. */
import { MillraceError } from '@millrace/errors';
import type { Limits } from '@millrace/fairness';
import type { StoredLimits } from '@millrace/lease';
import { isDuplicateKey, storeFailureOf, type Store } from '@millrace/store';
import type { LimitsStore, OrganisationLimitsRecord } from '../ports.ts';

/** Attempts at a change that others make at the same time. */
const ATTEMPTS_MAX = 10;

interface LimitsDocument {
  /** The organisation. */
  readonly _id: string;
  readonly concurrency?: number;
  readonly startsPerSecond?: number;
  readonly weight: number;
  readonly strict: boolean;
  readonly revision: number;
}

export function createLimitsStore(store: Store): LimitsStore {
  const collection = store.collection<LimitsDocument>('limits');

  async function attempt(organisation: string, limits: Limits, revisionAbove: number): Promise<StoredLimits | undefined> {
    const before = await collection.findOne({ _id: organisation });
    if (before !== null && before.revision >= revisionAbove && isSame(before, limits)) return fromDocument(before);
    const after = toDocument(organisation, limits, Math.max(before?.revision ?? 0, revisionAbove) + 1);
    if (before === null) {
      await collection.insertOne(after);
      return fromDocument(after);
    }
    const { matchedCount } = await collection.replaceOne({ _id: organisation, revision: before.revision }, withoutId(after));
    return matchedCount === 1 ? fromDocument(after) : undefined;
  }

  return {
    async put(organisation, limits, revisionAbove) {
      for (let n = 0; n < ATTEMPTS_MAX; n++) {
        try {
          const stored = await attempt(organisation, limits, revisionAbove);
          if (stored !== undefined) return stored;
        } catch (error) {
          if (!isDuplicateKey(error)) throw storeFailureOf(error, `store the limits of ${organisation}`);
        }
      }
      throw new MillraceError('store-failed', { message: `The limits of ${organisation} are being changed by many at once; try again` });
    },

    async list() {
      try {
        const documents = await collection.find().toArray();
        return documents.map((document): OrganisationLimitsRecord => ({ organisation: document._id, ...fromDocument(document) }));
      } catch (error) {
        throw storeFailureOf(error, 'list the limits');
      }
    },
  };
}

function toDocument(organisation: string, { concurrency, startsPerSecond, weight, strict }: Limits, revision: number): LimitsDocument {
  return {
    _id: organisation,
    ...(concurrency === undefined ? {} : { concurrency }),
    ...(startsPerSecond === undefined ? {} : { startsPerSecond }),
    weight,
    strict,
    revision,
  };
}

function withoutId({ _id, ...rest }: LimitsDocument): Omit<LimitsDocument, '_id'> {
  return rest;
}

function fromDocument({ concurrency, startsPerSecond, weight, strict, revision }: LimitsDocument): StoredLimits {
  return { concurrency, startsPerSecond, weight, strict, revision };
}

function isSame(document: LimitsDocument, limits: Limits): boolean {
  return (
    document.concurrency === limits.concurrency && document.startsPerSecond === limits.startsPerSecond &&
    document.weight === limits.weight && document.strict === limits.strict
  );
}
