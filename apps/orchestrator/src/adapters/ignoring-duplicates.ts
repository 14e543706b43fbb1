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
    if (!(error instanceof MongoBulkWriteError)) throw error;
    const errors = Array.isArray(error.writeErrors) ? error.writeErrors : [error.writeErrors];
    const unsure = error.result.getWriteConcernError() !== undefined;
    if (unsure || errors.length === 0 || !errors.every((each) => each.code === DUPLICATE_KEY)) throw error;
  }
}

const DUPLICATE_KEY = 11_000;
