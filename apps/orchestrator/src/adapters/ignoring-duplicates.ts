import { MongoBulkWriteError } from 'mongodb';

/**
 * Runs an unordered bulk write in which some documents may be there already: an upsert whose filter asks for
 * an older sequence collides with the newer document, a repeated insert with itself. Anything else fails,
 * above all a write of which it is not known whether it is durable.
 */
export async function ignoringDuplicates(write: () => Promise<unknown>): Promise<void> {
  try {
    await write();
  } catch (error) {
    if (!isDuplicate(error)) throw error;
  }
}

/** Whether everything was written, durably, but for documents that were there already. */
export function isDuplicate(error: unknown): boolean {
  if (!(error instanceof MongoBulkWriteError)) return false;
  const errors = Array.isArray(error.writeErrors) ? error.writeErrors : [error.writeErrors];
  const unsure = error.result.getWriteConcernError() !== undefined;
  return !unsure && errors.length > 0 && errors.every((each) => each.code === DUPLICATE_KEY);
}

const DUPLICATE_KEY = 11_000;
