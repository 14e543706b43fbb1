/**
 * One text for one JSON value, whatever the order its properties were written in, and the hash of it.
 *
 * C1 Equal values have equal texts; the rules are those of RFC 8785, which ECMAScript's own
 *    serialisation of numbers and strings follows.
 */
import { createHash } from 'node:crypto';
import type { JsonValue } from '@millrace/engine';
import { isList, isObject } from './json-value.ts';

/** The canonical text: no white space, properties in the order of their UTF-16 code units. */
export function canonicalJson(value: JsonValue): string {
  if (isList(value)) return `[${value.map(canonicalJson).join(',')}]`;
  if (!isObject(value)) return JSON.stringify(value);
  const keys = Object.keys(value).sort();
  return `{${keys.map((key) => `${JSON.stringify(key)}:${canonicalJson(value[key] ?? null)}`).join(',')}}`;
}

/** SHA-256 of the canonical text, lower-case hexadecimal: the identity of a definition's content. */
export function contentHash(value: JsonValue): string {
  return createHash('sha256').update(canonicalJson(value), 'utf8').digest('hex');
}
