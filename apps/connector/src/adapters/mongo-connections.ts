/** Sealed connections in MongoDB, which owns them; `_id` is ORGANISATION/NAME. */
import type { Collection } from 'mongodb';
import { MillraceError } from '@millrace/errors';
import type { SealedConnection } from '../connection.ts';

export interface ConnectionDocument extends SealedConnection {
  readonly _id: string;
  readonly changedAt: Date;
}

export interface ConnectionStore {
  /** Stores it with the next revision. @throws MillraceError `store-failed` */
  save(sealed: Omit<SealedConnection, 'revision'>): Promise<SealedConnection>;
  /** All of them, for putting right what a crash left between the database and the bucket. */
  all(): AsyncIterable<SealedConnection>;
}

export function mongoConnections(collection: Collection<ConnectionDocument>): ConnectionStore {
  return {
    save: async (sealed) => {
      try {
        const stored = await collection.findOneAndUpdate(
          { _id: `${sealed.organisation}/${sealed.name}` },
          { $set: { ...sealed, changedAt: new Date() }, $inc: { revision: 1 } },
          { upsert: true, returnDocument: 'after' },
        );
        if (stored === null) throw new Error('the stored connection did not come back');
        return sealedOf(stored);
      } catch (error) {
        throw MillraceError.from(error, 'store-failed', {
          message: `Connection ${sealed.name} was not stored: MongoDB cannot be reached. Steps go on with the connections that are known; apply it again when MongoDB is back`,
        });
      }
    },
    async *all() {
      for await (const stored of collection.find()) yield sealedOf(stored);
    },
  };
}

function sealedOf({ organisation, name, connector, baseUrl, auth, secrets, revision }: ConnectionDocument): SealedConnection {
  return { organisation, name, connector, baseUrl, auth, secrets, revision };
}
