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
