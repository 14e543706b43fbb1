/**
 * Claims in MongoDB, written in groups: one insert carries all claims that wait.
 *
 * Owns grouping and the translation of MongoDB's errors. A write whose answer is lost may have landed; the nonce
 * tells, when the claim is made again.
 */
import { MongoBulkWriteError, type AnyBulkWriteOperation, type Collection } from 'mongodb';
import { MillraceError } from '@millrace/errors';
import type { StepOutcome } from '@millrace/worker';
import { CLAIM_BATCH_MAX, CLAIM_KEEP_SECONDS, CLAIM_QUEUE_MAX } from '../limits.ts';
import type { Claim, ClaimStore, StoredClaim } from '../ports.ts';

export interface ClaimDocument {
  readonly _id: string;
  readonly organisation: string;
  readonly operation: string;
  readonly attempt: number;
  readonly worker: string;
  readonly nonce: string;
  readonly claimedAt: Date;
  readonly outcome?: StepOutcome;
  readonly performed?: boolean;
  readonly settledAt?: Date;
}

const DUPLICATE_KEY = 11_000;
const DURABLE = { writeConcern: { w: 'majority', journal: true } } as const;

export function mongoClaims(collection: Collection<ClaimDocument>): ClaimStore {
  let indexed: Promise<unknown> | undefined;
  /** Claims are forgotten by age. Made with the first write, since the database may be away before. */
  const ensureIndex = (): Promise<unknown> => {
    indexed ??= collection.createIndex({ claimedAt: 1 }, { expireAfterSeconds: CLAIM_KEEP_SECONDS }).catch((error: unknown) => {
      indexed = undefined;
      throw error;
    });
    return indexed;
  };

  const make = grouped<Claim, StoredClaim | undefined>(async (claims) => {
    await ensureIndex();
    const now = new Date();
    const documents = claims.map(({ key, ...claim }): ClaimDocument => ({ _id: key, ...claim, claimedAt: now }));
    try {
      await collection.insertMany(documents, { ordered: false, ...DURABLE });
      return claims.map(() => undefined);
    } catch (error) {
      const duplicates = duplicatesIn(error);
      const ids = duplicates.map((index) => documents[index]?._id ?? '');
      const present = new Map((await collection.find({ _id: { $in: ids } }, { readConcern: 'majority' }).toArray()).map((found) => [found._id, stored(found)]));
      const held = new Set(duplicates);
      return claims.map((claim, index) => {
        if (!held.has(index)) return undefined;
        const found = present.get(claim.key);
        // It was there a moment ago: expired meanwhile, or not yet seen by the majority. Asking again settles it.
        if (found === undefined) throw new MillraceError('store-failed', { message: `the claim ${claim.key} was there and is gone` });
        return found;
      });
    }
  });

  const settle = grouped<{ readonly claim: Claim; readonly outcome: StepOutcome; readonly performed: boolean }, void>(async (outcomes) => {
    const settledAt = new Date();
    const operations = outcomes.map(({ claim: { key, nonce }, outcome, performed }): AnyBulkWriteOperation<ClaimDocument> => ({
      updateOne: { filter: { _id: key, nonce }, update: { $set: { outcome, performed, settledAt } } },
    }));
    await collection.bulkWrite(operations, { ordered: false, ...DURABLE });
    return outcomes.map(() => undefined);
  });

  return {
    make,
    settle: (claim, outcome, performed) => settle({ claim, outcome, performed }),
    replace: async (nonce, { key, ...claim }) => {
      try {
        const replaced = await collection.replaceOne({ _id: key, nonce: { $in: [nonce, claim.nonce] } }, { ...claim, claimedAt: new Date() }, DURABLE);
        return replaced.matchedCount === 1;
      } catch (error) {
        throw MillraceError.from(error, 'store-failed');
      }
    },
  };
}

function stored({ _id, organisation, operation, attempt, worker, nonce, outcome, performed }: ClaimDocument): StoredClaim {
  return { key: _id, organisation, operation, attempt, worker, nonce, ...(outcome === undefined ? {} : { outcome }), ...(performed === undefined ? {} : { performed }) };
}

/** The positions refused for their key; rethrows when anything else went wrong, which leaves all of them unsure. */
function duplicatesIn(error: unknown): readonly number[] {
  if (!(error instanceof MongoBulkWriteError)) throw error;
  const failed = Array.isArray(error.writeErrors) ? error.writeErrors : [error.writeErrors];
  if (failed.some(({ code }) => code !== DUPLICATE_KEY) || error.result.getWriteConcernError() !== undefined) throw error;
  return failed.map(({ index }) => index);
}

/** Runs one group at a time; what is asked meanwhile waits for the next group. */
function grouped<Request, Answer>(write: (requests: readonly Request[]) => Promise<readonly Answer[]>): (request: Request) => Promise<Answer> {
  interface Waiting {
    readonly request: Request;
    readonly resolve: (answer: Answer) => void;
    readonly reject: (error: unknown) => void;
  }
  let queue: Waiting[] = [];
  let busy = false;

  async function run(): Promise<void> {
    busy = true;
    while (queue.length > 0) {
      const group = queue.slice(0, CLAIM_BATCH_MAX);
      queue = queue.slice(CLAIM_BATCH_MAX);
      try {
        const answers = await write(group.map(({ request }) => request));
        group.forEach(({ resolve }, index) => resolve(answers[index] as Answer));
      } catch (error) {
        const failed = MillraceError.from(error, 'store-failed');
        for (const { reject } of group) reject(failed);
      }
    }
    busy = false;
  }

  return (request) =>
    new Promise((resolve, reject) => {
      if (queue.length >= CLAIM_QUEUE_MAX) return reject(new MillraceError('store-failed', { message: `more than ${CLAIM_QUEUE_MAX} claims wait to be written` }));
      queue.push({ request, resolve, reject });
      if (!busy) queueMicrotask(() => (busy ? undefined : void run()));
    });
}
