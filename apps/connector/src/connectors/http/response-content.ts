/** From an HTTP response to an operation's output (DSL reference, HTTP Response). */
import type { JsonValue } from '../../manifest.ts';

/** The body claims to be JSON and is not. */
export class ContentInvalid extends Error {}

const JSON_TYPE = /^application\/(?:[^;\s]+\+)?json\b/i;
const TEXT_TYPE = /^(?:text\/|application\/(?:[^;\s]+\+)?xml\b|application\/(?:x-www-form-urlencoded|javascript|yaml|x-ndjson)\b)/i;

/**
 * Parsed when the type is JSON, text when it is a textual type, base64 otherwise; null without a body.
 *
 * @throws ContentInvalid
 */
export function decodeContent(bytes: Buffer, contentType: string): JsonValue {
  if (bytes.length === 0) return null;
  if (JSON_TYPE.test(contentType)) {
    try {
      return JSON.parse(bytes.toString('utf8')) as JsonValue;
    } catch {
      throw new ContentInvalid(`the answer says it is ${contentType} but is not valid JSON`);
    }
  }
  if (TEXT_TYPE.test(contentType)) return decodeText(bytes, contentType);
  return bytes.toString('base64');
}

/** What of a failed answer can be quoted to people; nothing when it is not text. */
export function quotableText(bytes: Buffer, contentType: string, charactersMax: number): string {
  if (!JSON_TYPE.test(contentType) && !TEXT_TYPE.test(contentType)) return '';
  const text = bytes.toString('utf8').replace(/\s+/g, ' ').trim();
  return text.length > charactersMax ? `${text.slice(0, charactersMax)}…` : text;
}

function decodeText(bytes: Buffer, contentType: string): string {
  const charset = /charset="?([^";\s]+)/i.exec(contentType)?.[1] ?? 'utf-8';
  try {
    return new TextDecoder(charset).decode(bytes);
  } catch {
    return bytes.toString('utf8');
  }
}
