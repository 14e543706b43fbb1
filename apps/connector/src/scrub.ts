/** Takes secrets out of what leaves the worker: a target may well answer with what it was sent. */
import type { OpenAuth } from './manifest.ts';

/** Shorter secrets are left alone: taking them out would maul ordinary text and hide nothing. */
const SECRET_CHARACTERS_MIN = 6;
const MASK = '***';

/** The texts of which none may appear in a result, a failure or a log. */
export function secretTexts(auth: OpenAuth): readonly string[] {
  switch (auth.kind) {
    case 'none':
      return [];
    case 'basic':
      return [auth.password, Buffer.from(`${auth.username}:${auth.password}`).toString('base64')];
    case 'bearer':
      return [auth.token];
    case 'header':
      return [auth.value];
  }
}

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
