/** Takes secrets out of what leaves the worker: a target may well answer with what it was sent. */

/** Shorter secrets are left alone: taking them out would maul ordinary text and hide nothing. */
const SECRET_CHARACTERS_MIN = 6;
const MASK = '***';

export function scrub(text: string, secrets: readonly string[]): string {
  let clean = text;
  for (const secret of secrets) {
    if (secret.length < SECRET_CHARACTERS_MIN) continue;
    clean = clean.replaceAll(secret, MASK);
    const escaped = JSON.stringify(secret).slice(1, -1);
    if (escaped !== secret) clean = clean.replaceAll(escaped, MASK);
  }
  return clean;
}
