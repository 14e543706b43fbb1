/** Checks that a request was signed by somebody who knows the webhook's secret. */
import { createHmac, timingSafeEqual } from 'node:crypto';
import type { SignatureRule } from './webhook.ts';

/** Header of GitHub's scheme, in lower case as Node gives it. */
export const GITHUB_SIGNATURE_HEADER = 'x-hub-signature-256';

const GITHUB_SIGNATURE = /^sha256=([0-9a-f]{64})$/i;

/**
 * Whether the request's signature fits its body. Takes the same time for every wrong signature of the right form.
 * https://docs.github.com/en/webhooks/using-webhooks/validating-webhook-deliveries
 */
export function isSigned(rule: SignatureRule, headers: Readonly<Record<string, string | readonly string[] | undefined>>, body: Uint8Array): boolean {
  if (rule.kind === 'none') return true;
  const header = headers[GITHUB_SIGNATURE_HEADER];
  const claimed = typeof header === 'string' ? GITHUB_SIGNATURE.exec(header)?.[1] : undefined;
  if (claimed === undefined) return false;
  const expected = createHmac('sha256', rule.secret).update(body).digest();
  return timingSafeEqual(Buffer.from(claimed, 'hex'), expected);
}
