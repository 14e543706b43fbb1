// `@text`, `@json`, `@csv` and the other formats: values to text.

import { allocateString, burn } from '../budget.ts';
import type { Meter } from '../budget.ts';
import { typeFailure } from '../failure.ts';
import { isArray } from '../json-value.ts';
import type { JsonArray, JsonValue } from '../json-value.ts';
import { formatNumber } from '../number-format.ts';
import { preview, toJson } from '../serialize.ts';
import { fromUtf8, toUtf8 } from '../text.ts';
import { fromBase32, fromBase64, toBase32, toBase64 } from './base-encodings.ts';

export type Format = (m: Meter, value: JsonValue) => string;

/** Strings as they are, everything else as JSON. */
export function toText(m: Meter, value: JsonValue): string {
  return typeof value === 'string' ? value : toJson(m, value);
}

function replaceCharacters(m: Meter, text: string, pattern: RegExp, replacements: Readonly<Record<string, string>>): string {
  burn(m, text.length >> 2);
  const result = text.replace(pattern, (character) => replacements[character] as string);
  allocateString(m, result.length);
  return result;
}

const HTML: Readonly<Record<string, string>> = { '<': '&lt;', '>': '&gt;', '&': '&amp;', "'": '&#39;', '"': '&quot;' };
const TSV: Readonly<Record<string, string>> = { '\t': '\\t', '\n': '\\n', '\r': '\\r', '\\': '\\\\' };

function row(name: string, separator: string, text: (m: Meter, value: string) => string): Format {
  return (m, value) => {
    if (!isArray(value)) throw typeFailure((m) => `${preview(m, value)} cannot be ${name}-formatted, only array`);
    const line = value.map((item) => cell(m, item, name, text)).join(separator);
    allocateString(m, line.length);
    return line;
  };
}

function cell(m: Meter, item: JsonValue, name: string, text: (m: Meter, value: string) => string): string {
  burn(m, 1);
  if (item === null) return '';
  if (typeof item === 'string') return text(m, item);
  if (typeof item === 'boolean') return String(item);
  if (typeof item === 'number') return Number.isNaN(item) ? '' : formatNumber(item);
  throw typeFailure((m) => `${preview(m, item)} is not valid in a ${name} row`);
}

function shellQuote(m: Meter, value: JsonValue): string {
  if (typeof value === 'string') return `'${replaceCharacters(m, value, /'/g, { "'": "'\\''" })}'`;
  if (typeof value === 'object' && value !== null) throw typeFailure((m) => `${preview(m, value)} can not be escaped for shell`);
  return toJson(m, value);
}

const UNRESERVED = /[A-Za-z0-9\-_.~]/;

function uri(m: Meter, value: JsonValue): string {
  let text = '';
  for (const byte of toUtf8(m, toText(m, value))) {
    const character = String.fromCharCode(byte);
    text += byte < 128 && UNRESERVED.test(character) ? character : `%${byte.toString(16).toUpperCase().padStart(2, '0')}`;
  }
  allocateString(m, text.length);
  return text;
}

const PERCENT = /%([0-9a-fA-F]{2})|[^%]|%/gu;

function uriDecode(m: Meter, value: JsonValue): string {
  const text = toText(m, value);
  const bytes: number[] = [];
  for (const [whole, hex] of text.matchAll(PERCENT)) {
    if (hex !== undefined) bytes.push(Number.parseInt(hex, 16));
    else if (whole === '%') throw typeFailure((m) => `${preview(m, value)} is not a valid uri encoding`);
    else for (const byte of toUtf8(m, whole)) bytes.push(byte);
  }
  return fromUtf8(m, bytes);
}

const FORMATS: ReadonlyMap<string, Format> = new Map<string, Format>([
  ['@text', toText],
  ['@json', toJson],
  ['@csv', row('csv', ',', (m, text) => `"${replaceCharacters(m, text, /"/g, { '"': '""' })}"`)],
  ['@tsv', row('tsv', '\t', (m, text) => replaceCharacters(m, text, /[\t\n\r\\]/g, TSV))],
  ['@html', (m, value) => replaceCharacters(m, toText(m, value), /[<>&'"]/g, HTML)],
  ['@uri', uri],
  ['@urid', uriDecode],
  ['@sh', (m, value) => (isArray(value) ? (value as JsonArray) : [value]).map((item) => shellQuote(m, item)).join(' ')],
  ['@base64', (m, value) => toBase64(m, toUtf8(m, toText(m, value)))],
  ['@base64d', (m, value) => fromUtf8(m, fromBase64(m, toText(m, value), value))],
  ['@base32', (m, value) => toBase32(m, toUtf8(m, toText(m, value)))],
  ['@base32d', (m, value) => fromUtf8(m, fromBase32(m, toText(m, value), value))],
]);

/** The format of that name, `@` included. */
export function formatOf(name: string): Format | undefined {
  return FORMATS.get(name);
}
