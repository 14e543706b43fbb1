/**
 * The API keys in memory: decides who a key is, without any store being there.
 *
 * Owns nothing durable: an adapter's watch fills it. The operator's bootstrap key is always valid.
 */
import { timingSafeEqual } from 'node:crypto';
import { MillraceError } from '@millrace/errors';
import { KEY_LENGTH_MAX, bearerKey, hashKey, keyIdOf } from './api-key.ts';
import type { Principal } from './principal.ts';

/** How logs name the operator's key that comes with the configuration. */
export const BOOTSTRAP_KEY_ID = 'bootstrap';

export interface StoredKey {
  readonly id: string;
  /** SHA-256 of the whole key, hex. */
  readonly hash: string;
  /** Empty: an operator's. */
  readonly organisation: string;
  readonly description: string;
  readonly createdAtMs: number;
}

export interface KeyRing {
  set(key: StoredKey): void;
  remove(id: string): void;
  /** @throws MillraceError `key-missing` or `key-invalid`. */
  principalOf(authorization: string | undefined): Principal;
}

/** @param operatorHash hash of the bootstrap key; absent: none. */
export function createKeyRing(operatorHash: string | undefined): KeyRing {
  const keys = new Map<string, StoredKey>();
  return {
    set: (key) => void keys.set(key.id, key),
    remove: (id) => void keys.delete(id),
    principalOf(authorization) {
      const key = bearerKey(authorization);
      if (key === undefined) throw new MillraceError('key-missing');
      if (key.length > KEY_LENGTH_MAX) throw new MillraceError('key-invalid');
      const hash = hashKey(key);
      if (operatorHash !== undefined && isSameHash(hash, operatorHash)) return { kind: 'operator', key: BOOTSTRAP_KEY_ID };
      const id = keyIdOf(key);
      const stored = id === undefined ? undefined : keys.get(id);
      if (stored === undefined || !isSameHash(hash, stored.hash)) throw new MillraceError('key-invalid');
      return stored.organisation === '' ? { kind: 'operator', key: stored.id } : { kind: 'organisation', key: stored.id, organisation: stored.organisation };
    },
  };
}

function isSameHash(a: string, b: string): boolean {
  return a.length === b.length && timingSafeEqual(Buffer.from(a), Buffer.from(b));
}
