/** The signature that GitHub puts on a webhook: HMAC-SHA-256 over the body's bytes. */
import { createHmac } from 'node:crypto';

/** The value of X-Hub-Signature-256. */
export function signatureOf(body: string, secret: string): string {
  return `sha256=${createHmac('sha256', secret).update(body, 'utf8').digest('hex')}`;
}
