/**
 * A JSON value together with its text, so that what arrives as text or leaves twice is serialised once.
 */
import type { JsonValue } from './program.ts';

export interface Payload {
  readonly value: JsonValue;
  /** JSON text of `value`, once somebody has needed it. */
  text: string | undefined;
}

export function payloadOf(value: JsonValue, text?: string): Payload {
  return { value, text };
}

/** The payload's JSON text. */
export function textOf(payload: Payload): string {
  payload.text ??= JSON.stringify(payload.value);
  return payload.text;
}

/** Deepest nesting of arrays and objects in a document from outside; writing JSON recurses, and must never run out of stack. */
export const NESTING_MAX = 512;

/** Whether a JSON text nests deeper than NESTING_MAX. Reads the text once, and short texts not at all. */
export function isTooDeep(text: string): boolean {
  // So many brackets have to be opened, and closed.
  if (text.length <= 2 * NESTING_MAX) return false;
  let depth = 0;
  for (let index = 0; index < text.length; index++) {
    switch (text.charCodeAt(index)) {
      case QUOTE:
        index = endOfString(text, index);
        break;
      case OPEN_BRACKET:
      case OPEN_BRACE:
        if (++depth > NESTING_MAX) return true;
        break;
      case CLOSE_BRACKET:
      case CLOSE_BRACE:
        depth--;
        break;
      default:
    }
  }
  return false;
}

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const OPEN_BRACKET = 0x5b;
const CLOSE_BRACKET = 0x5d;
const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;

/** The place of the quote that ends the string begun at `start`. */
function endOfString(text: string, start: number): number {
  for (let end = text.indexOf('"', start + 1); end >= 0; end = text.indexOf('"', end + 1)) {
    let escapes = 0;
    while (text.charCodeAt(end - 1 - escapes) === BACKSLASH) escapes++;
    if (escapes % 2 === 0) return end;
  }
  return text.length;
}
