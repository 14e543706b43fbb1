/** Sealed connections in the bucket `connections`: what every worker watches. Key: ORGANISATION.NAME. */
import { decodeJson, encodeJson, type Bucket } from '@millrace/bus';
import { MillraceError } from '@millrace/errors';
import type { SealedConnection } from '../connection.ts';
import type { ConnectionBook } from '../connection-book.ts';

/** Tries to get past others that write the same connection at the same time. */
const WRITE_TRIES_MAX = 10;

const keyOf = ({ organisation, name }: Pick<SealedConnection, 'organisation' | 'name'>): string => `${organisation}.${name}`;

/** Fills the book and keeps it up to date; resolves when the present connections are known. */
export async function watchConnections(bucket: Bucket, book: ConnectionBook, unreadable: (key: string) => void): Promise<() => void> {
  const watch = await bucket.watch(({ key, value }) => {
    const dot = key.indexOf('.');
    const organisation = key.slice(0, dot);
    const name = key.slice(dot + 1);
    if (value === undefined) return book.note(organisation, name, undefined);
    try {
      book.note(organisation, name, decodeJson(value) as SealedConnection);
    } catch {
      unreadable(key);
    }
  });
  return () => watch.stop();
}

/** Publishes a connection unless a later revision of it is there. @throws MillraceError `bus-failed` */
export async function publishConnection(bucket: Bucket, sealed: SealedConnection): Promise<void> {
  const key = keyOf(sealed);
  for (let tries = 1; ; tries += 1) {
    const present = await bucket.get(key);
    if (present?.value !== undefined && (decodeJson(present.value) as SealedConnection).revision >= sealed.revision) return;
    try {
      if (present === undefined) await bucket.create(key, encodeJson(sealed));
      else await bucket.update(key, encodeJson(sealed), present.revision);
      return;
    } catch (error) {
      if (!(error instanceof MillraceError) || error.reason !== 'revision-conflict' || tries === WRITE_TRIES_MAX) throw error;
    }
  }
}
