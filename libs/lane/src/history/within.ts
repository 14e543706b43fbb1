/** A limit on how long the database is waited for, whatever its client does about a connection that broke. */
import type { Clock } from '@millrace/clock';
import { MillraceError } from '@millrace/errors';

/** How long one bulk write may take, in milliseconds. Repeating one that was made after all changes nothing. */
export const WRITE_MS_MAX = 10_000;

/** Rejects with `store-failed` after `limitMs`; the operation may still be carried out. */
export async function within<T>(clock: Clock, limitMs: number, what: string, operation: Promise<T>): Promise<T> {
  let cancel = (): void => undefined;
  const late = new Promise<never>((_, fail) => {
    cancel = clock.after(limitMs, () => fail(new MillraceError('store-failed', { message: `${what} was not answered within ${limitMs} ms` })));
  });
  try {
    return await Promise.race([operation, late]);
  } finally {
    cancel();
  }
}
