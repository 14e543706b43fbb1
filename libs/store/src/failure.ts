/** MongoDB's errors, as far as callers tell them apart. */
import { MongoError, MongoNetworkError, MongoNotConnectedError, MongoServerError, MongoServerSelectionError, MongoTopologyClosedError, MongoWriteConcernError } from 'mongodb';
import { MillraceError } from '@millrace/errors';

const DUPLICATE_KEY = 11_000;

const UNAVAILABLE = [MongoServerSelectionError, MongoNetworkError, MongoNotConnectedError, MongoTopologyClosedError, MongoWriteConcernError];
/** Classes that the driver does not export. */
const UNAVAILABLE_NAMES: ReadonlySet<string> = new Set(['MongoWaitQueueTimeoutError', 'MongoOperationTimeoutError', 'MongoPoolClearedError']);

/** Of a socket that closed while a command was being written: the driver passes these on as they are, and does not repeat the command. */
const SOCKET_CODES: ReadonlySet<unknown> = new Set(['EPIPE', 'ECONNRESET']);

/** Whether a unique index refused the write: somebody was first. True for bulk writes too. */
export function isDuplicateKey(error: unknown): boolean {
  return error instanceof MongoServerError && error.code === DUPLICATE_KEY;
}

/** Whether MongoDB could not be reached or could not confirm: the same command may succeed later, or have succeeded. */
export function isStoreUnavailable(error: unknown): boolean {
  if (error instanceof MillraceError) return error.reason === 'store-failed' && isStoreUnavailable(error.cause);
  if (UNAVAILABLE.some((kind) => error instanceof kind)) return true;
  if (error instanceof Error && 'code' in error && SOCKET_CODES.has(error.code)) return true;
  return error instanceof MongoError && (error.hasErrorLabel('RetryableWriteError') || UNAVAILABLE_NAMES.has(error.name));
}

/** Lets an error of the driver in as `store-failed`; `what` names what was being done, in the infinitive. */
export function storeFailureOf(error: unknown, what: string): MillraceError {
  const text = error instanceof Error ? error.message : String(error);
  return MillraceError.from(error, 'store-failed', { message: `The database could not ${what}: ${text}` });
}
