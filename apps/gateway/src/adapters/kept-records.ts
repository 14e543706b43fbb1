/**
 * Records that are made once and then kept: organisations and API keys.
 *
 * MongoDB holds the record, the key-value bucket what every gateway works with, so calls are served while
 * MongoDB is away. Owns both and bringing one up to the other.
 */
import { decodeJson, encodeJson, openBucket, type Bus, type Watch } from '@millrace/bus';
import { MillraceError } from '@millrace/errors';
import { isDuplicateKey, storeFailureOf, type Store } from '@millrace/store';

export interface KeptRecords<T extends { readonly id: string }> {
  /** Writes to MongoDB, then to the bucket. False when there is one of that id. @throws MillraceError `store-failed`, `bus-failed`. */
  create(record: T): Promise<boolean>;
  /** Writes to the bucket alone; `repair` brings it to MongoDB. False when there is one of that id. */
  createInBucket(record: T): Promise<boolean>;
  watch(handlers: { readonly onSet: (record: T) => void; readonly onRemoved: (id: string) => void }): Promise<Watch>;
  /** Copies what one of the two lacks from the other; resolves with how many. @throws MillraceError `store-failed`, `bus-failed`. */
  repair(): Promise<{ readonly toBucket: number; readonly toStore: number }>;
}

interface KeptDocument {
  readonly _id: string;
  readonly record: unknown;
}

export async function openKeptRecords<T extends { readonly id: string }>(bus: Bus, store: Store, name: string): Promise<KeptRecords<T>> {
  const bucket = await openBucket(bus, name);
  const collection = store.collection<KeptDocument>(name);

  async function createInBucket(record: T): Promise<boolean> {
    try {
      await bucket.create(record.id, encodeJson(record));
      return true;
    } catch (error) {
      if (error instanceof MillraceError && error.reason === 'revision-conflict') return false;
      throw error;
    }
  }

  async function createInStore(record: T): Promise<boolean> {
    try {
      await collection.insertOne({ _id: record.id, record });
      return true;
    } catch (error) {
      if (isDuplicateKey(error)) return false;
      throw storeFailureOf(error, `store ${record.id} in ${name}`);
    }
  }

  return {
    async create(record) {
      const created = await createInStore(record);
      // Also when it was there: an earlier try may have failed between the two.
      return (await createInBucket(record)) || created;
    },
    createInBucket,
    watch: ({ onSet, onRemoved }) => bucket.watch(({ key, value }) => (value === undefined ? onRemoved(key) : onSet(decodeJson(value) as T))),
    async repair() {
      let toBucket = 0;
      let toStore = 0;
      try {
        for await (const document of collection.find()) if (await createInBucket(document.record as T)) toBucket += 1;
      } catch (error) {
        throw storeFailureOf(error, `read ${name}`);
      }
      for (const key of await bucket.keys()) {
        const stored = await bucket.getJson(key);
        if (stored !== undefined && (await createInStore(stored.value as T))) toStore += 1;
      }
      return { toBucket, toStore };
    },
  };
}
