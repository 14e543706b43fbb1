// JSON text from values, paid for step by step, and the short previews that error messages show.

import { allocateString, burn, enter, leave } from './budget.ts';
import type { Meter } from './budget.ts';
import { isArray, typeName } from './json-value.ts';
import type { JsonValue } from './json-value.ts';
import { memberKeys } from './members.ts';
import { formatNumber } from './number-format.ts';

const NEEDS_ESCAPE = /[\u0000-\u001f"\\\u007f\ud800-\udfff]/;
const STRING_STEPS_SHIFT = 5;

function quote(text: string): string {
  if (!NEEDS_ESCAPE.test(text)) return `"${text}"`;
  return JSON.stringify(text).replaceAll('\u007f', '\\u007f');
}

/** The value as JSON text, members in insertion order. */
export function toJson(m: Meter, value: JsonValue): string {
  const text = write(m, value);
  allocateString(m, text.length);
  return text;
}

function write(m: Meter, value: JsonValue): string {
  burn(m, 1);
  if (typeof value === 'string') {
    burn(m, value.length >> STRING_STEPS_SHIFT);
    return quote(value);
  }
  if (typeof value === 'number') return formatNumber(value);
  if (typeof value !== 'object' || value === null) return String(value);
  enter(m, 1);
  const text = isArray(value) ? writeArray(m, value) : writeObject(m, value);
  leave(m, 1);
  return text;
}

function writeArray(m: Meter, value: readonly JsonValue[]): string {
  let text = '[';
  for (let i = 0; i < value.length; i++) text += (i === 0 ? '' : ',') + write(m, value[i] as JsonValue);
  return `${text}]`;
}

function writeObject(m: Meter, value: { readonly [key: string]: JsonValue }): string {
  let text = '{';
  for (const key of memberKeys(m, value)) text += `${text.length === 1 ? '' : ','}${quote(key)}:${write(m, value[key] as JsonValue)}`;
  return `${text}}`;
}

/** UTF-16 code units of a value shown in a message, as many as jq shows. */
const PREVIEW_LENGTH_MAX = 14;
const PREVIEW_PARTS_MAX = 64;

/** `number (1)`: a value as jq's messages show it, cut to a few characters. */
export function preview(m: Meter, value: JsonValue): string {
  return `${typeName(value)} (${previewText(m, value)})`;
}

export function previewText(m: Meter, value: JsonValue, lengthMax: number = PREVIEW_LENGTH_MAX): string {
  const text = shortJson(m, value, { left: PREVIEW_PARTS_MAX }, 0);
  if (text.length <= lengthMax) return text;
  return `${text.slice(0, lengthMax - 3)}...`;
}

/** JSON text that may end early: a message never shows more than its beginning. */
function shortJson(m: Meter, value: JsonValue, parts: { left: number }, depth: number): string {
  if (parts.left-- <= 0 || depth > 8) return '';
  if (typeof value === 'string') return quote(value.length > 200 ? value.slice(0, 200) : value);
  if (typeof value === 'number') return formatNumber(value);
  if (typeof value !== 'object' || value === null) return String(value);
  const pieces: string[] = [];
  if (isArray(value)) {
    for (const item of value) {
      if (parts.left <= 0) break;
      pieces.push(shortJson(m, item, parts, depth + 1));
    }
    return `[${pieces.join(',')}]`;
  }
  for (const key of memberKeys(m, value)) {
    if (parts.left <= 0) break;
    pieces.push(`${quote(key.length > 200 ? key.slice(0, 200) : key)}:${shortJson(m, value[key] as JsonValue, parts, depth + 1)}`);
  }
  return `{${pieces.join(',')}}`;
}
