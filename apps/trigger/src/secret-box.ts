/**
 * Encrypts what a store may keep but not know: AES-256-GCM, a fresh nonce each time.
 *
 * The text is bound to its place (organisation and name), so a sealed secret copied to another webhook does
 * not open there.
 */
import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';

const NONCE_BYTES = 12;
const TAG_BYTES = 16;
const FORMAT = 'v1';

export interface SecretBox {
  seal(text: string, place: string): string;
  /** Throws when the text was sealed with another key, for another place, or was changed. */
  open(sealed: string, place: string): string;
}

/** @param key 32 bytes. */
export function createSecretBox(key: Uint8Array): SecretBox {
  return {
    seal(text, place) {
      const nonce = randomBytes(NONCE_BYTES);
      const cipher = createCipheriv('aes-256-gcm', key, nonce).setAAD(Buffer.from(place));
      const body = Buffer.concat([cipher.update(text, 'utf8'), cipher.final()]);
      return `${FORMAT}.${Buffer.concat([nonce, body, cipher.getAuthTag()]).toString('base64url')}`;
    },
    open(sealed, place) {
      const [format, payload] = sealed.split('.');
      if (format !== FORMAT || payload === undefined) throw new Error('The sealed secret is of a format that this release does not read');
      const bytes = Buffer.from(payload, 'base64url');
      if (bytes.length < NONCE_BYTES + TAG_BYTES) throw new Error('The sealed secret is cut short');
      const decipher = createDecipheriv('aes-256-gcm', key, bytes.subarray(0, NONCE_BYTES)).setAAD(Buffer.from(place));
      decipher.setAuthTag(bytes.subarray(bytes.length - TAG_BYTES));
      return Buffer.concat([decipher.update(bytes.subarray(NONCE_BYTES, bytes.length - TAG_BYTES)), decipher.final()]).toString('utf8');
    },
  };
}
