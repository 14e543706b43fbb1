/**
 * API keys: `mr_<id>_<secret>`, the secret 32 random bytes. Whole keys are hashed; nobody can read one back.
 *
 * SHA-256 without salt or stretching is enough: a key has 256 bits of randomness, there is nothing to guess.
 */
import { createHash, randomBytes } from 'node:crypto';

/** Longer text is no key; it is not looked at. */
export const KEY_LENGTH_MAX = 128;

const SECRET_BYTES = 32;
const ID_BYTES = 6;
const KEY = /^mr_([0-9a-z]{1,32})_([A-Za-z0-9_-]{43})$/;

export interface NewKey {
  readonly id: string;
  /** The key itself, to be shown once. */
  readonly key: string;
  readonly hash: string;
}

export function makeKey(): NewKey {
  const id = randomBytes(ID_BYTES).toString('hex');
  const key = `mr_${id}_${randomBytes(SECRET_BYTES).toString('base64url')}`;
  return { id, key, hash: hashKey(key) };
}

/** SHA-256 of the whole key, in lower-case hex: what is stored, and what MILLRACE_OPERATOR_KEY_HASH holds. */
export function hashKey(key: string): string {
  return createHash('sha256').update(key).digest('hex');
}

/** The id inside a key; undefined for text that is no key. */
export function keyIdOf(key: string): string | undefined {
  return KEY.exec(key)?.[1];
}

/** The key in an `Authorization: Bearer KEY` header; undefined without one. */
export function bearerKey(authorization: string | undefined): string | undefined {
  const match = /^Bearer +(\S+) *$/i.exec(authorization ?? '');
  return match?.[1];
}
