/**
 * Sets of events that are not complete yet, in MongoDB: changed by one writer at a time, by their revision.
 *
 * A set that is complete is stored as such before its start, and cleared after it: a crash between makes the same start again.
 */
import { createHash } from 'node:crypto';
import { MillraceError } from '@millrace/errors';
import { isDuplicateKey, storeFailureOf, type Store } from '@millrace/store';
import type { CloudEvent } from '@millrace/engine';
import { EMPTY_SET, type EventSet } from '../events/starting-events.ts';

/** How long a set waits for its next event, seconds: then it is forgotten. */
export const SET_KEPT_S = 30 * 24 * 3_600;
const WRITE_TRIES_MAX = 20;

interface SetDocument {
  readonly _id: string;
  readonly organisation: string;
  readonly workflow: string;
  /** JSON: names of fields may hold anything. */
  readonly set: string;
  readonly revision: number;
  readonly updatedAt: Date;
}

export interface SetPlace {
  readonly organisation: string;
  readonly workflow: string;
  /** Of the document that says which events belong together. */
  readonly hash: string;
  readonly correlation: unknown;
}

export interface SetStore {
  /**
   * Changes the set of a workflow's document and correlation. `decide` may be asked several times, and gives undefined to
   * leave the set; `start` is called with the events of a complete one, at least once.
   */
  change(place: SetPlace, decide: (set: EventSet) => EventSet | undefined, start: (events: readonly CloudEvent[]) => Promise<void>): Promise<void>;
}

export function createSetStore(store: Store): SetStore {
  const sets = store.collection<SetDocument>('event_sets');
  let indexed: Promise<unknown> | undefined;

  async function ensureIndex(): Promise<void> {
    indexed ??= sets.createIndex({ updatedAt: 1 }, { name: 'kept', expireAfterSeconds: SET_KEPT_S });
    await indexed.catch((error: unknown) => {
      indexed = undefined;
      throw error;
    });
  }

  /** False: somebody else has written meanwhile. */
  async function write(document: SetDocument): Promise<boolean> {
    try {
      if (document.revision > 1) return (await sets.replaceOne({ _id: document._id, revision: document.revision - 1 }, document)).matchedCount === 1;
      await sets.insertOne(document);
      return true;
    } catch (error) {
      if (isDuplicateKey(error)) return false;
      throw error;
    }
  }

  return {
    async change({ organisation, workflow, hash, correlation }, decide, start) {
      const _id = `${organisation}/${workflow}/${createHash('sha256').update(JSON.stringify([hash, correlation])).digest('base64url')}`;
      const documentOf = (set: EventSet, revision: number): SetDocument => ({ _id, organisation, workflow, set: JSON.stringify(set), revision, updatedAt: new Date() });
      const settle = async ({ pending = [], ...set }: EventSet, revision: number): Promise<boolean> => {
        await start(pending);
        return write(documentOf(set, revision + 1));
      };
      try {
        await ensureIndex();
        for (let tries = 0; tries < WRITE_TRIES_MAX; tries += 1) {
          const present = await sets.findOne({ _id });
          const set = present === null ? EMPTY_SET : (JSON.parse(present.set) as EventSet);
          const revision = present?.revision ?? 0;
          if (set.pending !== undefined) {
            await settle(set, revision);
            continue;
          }
          const next = decide(set);
          if (next === undefined) return;
          if (!(await write(documentOf(next, revision + 1)))) continue;
          // Whoever was faster has started and cleared it.
          if (next.pending !== undefined) await settle(next, revision + 1);
          return;
        }
      } catch (error) {
        throw storeFailureOf(error, 'keep a set of events');
      }
      throw new MillraceError('store-failed', { message: `A set of events of workflow ${workflow} is being changed by others all the time` });
    },
  };
}
