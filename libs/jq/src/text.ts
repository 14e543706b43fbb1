// Strings as sequences of code points, with every cost paid. jq counts code points, JavaScript UTF-16 units.

import { allocate, allocateArray, allocateString, burn } from './budget.ts';
import type { Meter } from './budget.ts';
import type { JsonValue } from './json-value.ts';

const SURROGATE_PAIR = /[\ud800-\udbff][\udc00-\udfff]/;
const SCAN_STEPS_SHIFT = 5;
const PART_BYTES = 24;

/** Whether code points and UTF-16 units differ in this text. */
export function hasPairs(m: Meter, text: string): boolean {
  burn(m, text.length >> SCAN_STEPS_SHIFT);
  return SURROGATE_PAIR.test(text);
}

export function codePointLength(m: Meter, text: string): number {
  if (!hasPairs(m, text)) return text.length;
  let count = 0;
  for (let i = 0; i < text.length; i++) {
    count++;
    if (isLead(text, i)) i++;
  }
  burn(m, text.length >> 2);
  return count;
}

function isLead(text: string, at: number): boolean {
  const unit = text.charCodeAt(at);
  if (unit < 0xd800 || unit > 0xdbff) return false;
  const next = text.charCodeAt(at + 1);
  return next >= 0xdc00 && next <= 0xdfff;
}

export function codePointsOf(m: Meter, text: string): number[] {
  allocateArray(m, text.length);
  const points: number[] = [];
  for (const character of text) points.push(character.codePointAt(0) as number);
  return points;
}

/** The part between two code point positions. */
export function sliceText(m: Meter, text: string, from: number, to: number): string {
  if (to <= from) return '';
  allocateString(m, Math.min(to - from, text.length));
  if (!hasPairs(m, text)) return text.slice(from, to);
  burn(m, text.length >> 2);
  return text.slice(unitAt(text, from), unitAt(text, to));
}

function unitAt(text: string, codePoint: number): number {
  let unit = 0;
  for (let i = 0; i < codePoint && unit < text.length; i++) unit += isLead(text, unit) ? 2 : 1;
  return unit;
}

/** Splits at every occurrence; an empty separator splits into code points, an empty text yields nothing. */
export function splitText(m: Meter, text: string, separator: string): JsonValue {
  if (text === '') return [];
  burn(m, 1 + (text.length >> SCAN_STEPS_SHIFT));
  allocate(m, PART_BYTES + 2 * text.length);
  const parts = separator === '' ? (allocate(m, PART_BYTES * text.length), Array.from(text)) : text.split(separator);
  allocateArray(m, parts.length);
  allocate(m, PART_BYTES * parts.length);
  return parts;
}

/** Bytes of the text in UTF-8; a lone surrogate counts as the replacement character. */
export function utf8Length(m: Meter, text: string): number {
  burn(m, text.length >> 2);
  let bytes = 0;
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    if (unit < 0x80) bytes += 1;
    else if (unit < 0x800) bytes += 2;
    else if (isLead(text, i)) {
      bytes += 4;
      i++;
    } else bytes += 3;
  }
  return bytes;
}

const REPLACEMENT = 0xfffd;

/** The text's UTF-8 bytes. */
export function toUtf8(m: Meter, text: string): number[] {
  allocateArray(m, text.length * 2);
  burn(m, text.length >> 1);
  const bytes: number[] = [];
  for (const character of text) {
    const raw = character.codePointAt(0) as number;
    const point = raw >= 0xd800 && raw <= 0xdfff ? REPLACEMENT : raw;
    if (point < 0x80) bytes.push(point);
    else if (point < 0x800) bytes.push(0xc0 | (point >> 6), 0x80 | (point & 63));
    else if (point < 0x10000) bytes.push(0xe0 | (point >> 12), 0x80 | ((point >> 6) & 63), 0x80 | (point & 63));
    else bytes.push(0xf0 | (point >> 18), 0x80 | ((point >> 12) & 63), 0x80 | ((point >> 6) & 63), 0x80 | (point & 63));
  }
  return bytes;
}

/** Text from UTF-8 bytes; what is not UTF-8 becomes the replacement character. */
export function fromUtf8(m: Meter, bytes: readonly number[]): string {
  allocateString(m, bytes.length);
  burn(m, bytes.length >> 1);
  let text = '';
  for (let i = 0; i < bytes.length; ) {
    const lead = bytes[i] as number;
    const size = lead < 0x80 ? 1 : lead >= 0xc2 && lead < 0xe0 ? 2 : lead >= 0xe0 && lead < 0xf0 ? 3 : lead >= 0xf0 && lead < 0xf5 ? 4 : 0;
    let point = size === 1 ? lead : lead & (0xff >> (size + 1));
    let taken = 1;
    while (taken < size && ((bytes[i + taken] ?? 0) & 0xc0) === 0x80) point = (point << 6) | ((bytes[i + taken++] as number) & 63);
    const whole = size !== 0 && taken === size && isScalar(point, size);
    text += String.fromCodePoint(whole ? point : REPLACEMENT);
    i += taken;
  }
  return text;
}

function isScalar(point: number, size: number): boolean {
  const smallest = size === 1 ? 0 : size === 2 ? 0x80 : size === 3 ? 0x800 : 0x10000;
  return point >= smallest && point <= 0x10ffff && (point < 0xd800 || point > 0xdfff);
}
