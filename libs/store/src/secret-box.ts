/**
 * Encrypts secrets for storage: AES-256-GCM with a new nonce each time, bound to the place where they belong.
 *
 * A sealed secret that was copied to another place (another connection, another webhook), or changed, does not open.
 */
import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';

export const SECRET_KEY_BYTES = 32;
const NONCE_BYTES = 12;
const TAG_BYTES = 16;
/** Names cipher and layout (nonce, text, tag), so that another one can follow. */
const FORMAT = 'v1';

export interface SecretBox {
  seal(secret: string, place: string): string;
  /** @throws Error when it was sealed with another key, for another place, or was changed. */
  open(sealed: string, place: string): string;
}

/** @param key `SECRET_KEY_BYTES` bytes. */
export function createSecretBox(key: Uint8Array): SecretBox {
  return {
    seal: (secret, place) => {
      const nonce = randomBytes(NONCE_BYTES);
      const cipher = createCipheriv('aes-256-gcm', key, nonce).setAAD(Buffer.from(place));
      const text = Buffer.concat([cipher.update(secret, 'utf8'), cipher.final()]);
      return `${FORMAT}.${Buffer.concat([nonce, text, cipher.getAuthTag()]).toString('base64url')}`;
    },
    open: (sealed, place) => {
      const [format, payload = ''] = sealed.split('.');
      const bytes = Buffer.from(payload, 'base64url');
      if (format !== FORMAT || bytes.length < NONCE_BYTES + TAG_BYTES) throw new Error('the sealed secret is not of a format that this release reads');
      const decipher = createDecipheriv('aes-256-gcm', key, bytes.subarray(0, NONCE_BYTES)).setAAD(Buffer.from(place));
      decipher.setAuthTag(bytes.subarray(-TAG_BYTES));
      return Buffer.concat([decipher.update(bytes.subarray(NONCE_BYTES, -TAG_BYTES)), decipher.final()]).toString('utf8');
    },
  };
}
