/** Execution ids with the clock, the randomness and the hash that `@millrace/identity` leaves to its callers. */
import { hash, randomFillSync, randomInt } from 'node:crypto';
import { SLOT_COUNT, keyedIdentityText, makeKeyedId, makeTimedId } from '@millrace/identity';

const RANDOM_BYTES = 10;
/** Bytes drawn at once: asking the system for each id costs more than making it. */
const POOL_BYTES = 8_000;

const pool = new Uint8Array(POOL_BYTES);
let drawn = POOL_BYTES;

export interface NewExecution {
  /** Default 0. */
  readonly cell?: number;
  /** Default: any. */
  readonly slot?: number;
}

/** An id that nobody else has, made from the time and 80 random bits. */
export function newExecutionId({ cell = 0, slot = randomInt(SLOT_COUNT) }: NewExecution = {}): string {
  if (drawn + RANDOM_BYTES > POOL_BYTES) {
    randomFillSync(pool);
    drawn = 0;
  }
  const random = pool.subarray(drawn, drawn + RANDOM_BYTES);
  drawn += RANDOM_BYTES;
  return makeTimedId({ cell, slot, timeMs: Date.now(), random });
}

/** The id that every start of this workflow with this key has. */
export function keyedExecutionId(organisation: string, workflow: string, key: string, cell = 0): string {
  return makeKeyedId({ cell, hash: hash('sha256', keyedIdentityText(organisation, workflow, key), 'buffer') });
}
