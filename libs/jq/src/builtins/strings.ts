// Builtins over strings.

import { allocateArray, allocateString, burn } from '../budget.ts';
import type { Meter } from '../budget.ts';
import { typeFailure } from '../failure.ts';
import type { MakeMessage } from '../failure.ts';
import { isArray } from '../json-value.ts';
import type { JsonValue } from '../json-value.ts';
import { preview } from '../serialize.ts';
import { codePointsOf, hasPairs, splitText, utf8Length } from '../text.ts';
import { value0, value1 } from './builtin.ts';
import type { Builtin, BuiltinEntry } from './builtin.ts';

function textOf(value: JsonValue, complaint: string | MakeMessage): string {
  if (typeof value !== 'string') throw typeFailure(complaint);
  return value;
}

/** Where the text occurs, overlaps included, in code points. */
export function indicesOfText(m: Meter, input: string, wanted: string): JsonValue {
  if (wanted === '') return [];
  const found: number[] = [];
  const pairs = hasPairs(m, input);
  burn(m, input.length >> 3);
  let points = 0;
  let counted = 0;
  for (let at = input.indexOf(wanted); at !== -1; at = input.indexOf(wanted, at + 1)) {
    burn(m, 1 + (wanted.length >> 3));
    if (pairs) {
      for (; counted < at; counted++) if ((input.charCodeAt(counted) & 0xfc00) !== 0xdc00) points++;
      found.push(points);
    } else {
      found.push(at);
    }
  }
  allocateArray(m, found.length);
  return found;
}

function mapAscii(name: string, from: RegExp, change: (text: string) => string): Builtin {
  return value0((m, input) => {
    const text = textOf(input, `${name} input must be a string`);
    allocateString(m, text.length);
    burn(m, text.length >> 3);
    return text.replace(from, change);
  });
}

const SPACE_START = /^[ \t\n\v\f\r]+/;
const SPACE_CHARACTERS = ' \t\n\v\f\r';

function trimEnd(m: Meter, text: string): string {
  let end = text.length;
  while (end > 0 && SPACE_CHARACTERS.includes(text[end - 1] as string)) end--;
  burn(m, (text.length - end) >> 2);
  return text.slice(0, end);
}

function trimmer(name: string, trim: (m: Meter, text: string) => string): Builtin {
  return value0((m, input) => {
    const text = textOf(input, (meter) => `${preview(meter, input)} cannot be trimmed: ${name} takes a string`);
    allocateString(m, 0);
    burn(m, text.length >> 5);
    return trim(m, text);
  });
}

const trimStart = (_m: Meter, text: string): string => text.replace(SPACE_START, '');

/** Non-strings come back unchanged, as jq has it. */
function trimPart(atStart: boolean, atEnd: boolean): Builtin {
  return value1((m, input, part) => {
    if (typeof input !== 'string' || typeof part !== 'string') return input;
    burn(m, part.length >> 4);
    let text: string = input;
    if (atStart && text.startsWith(part)) text = text.slice(part.length);
    if (atEnd && text.endsWith(part)) text = text.slice(0, text.length - part.length);
    return text;
  });
}

function affix(name: string, test: (text: string, part: string) => boolean): Builtin {
  return value1((m, input, part) => {
    if (typeof input !== 'string' || typeof part !== 'string') throw typeFailure(`${name}() requires string inputs`);
    burn(m, part.length >> 4);
    return test(input, part);
  });
}

const CODE_POINT_MAX = 0x10ffff;
const REPLACEMENT = '\ufffd';

function implode(m: Meter, input: JsonValue): JsonValue {
  if (!isArray(input)) throw typeFailure((m) => `${preview(m, input)} cannot be imploded, must be an array of codepoints`);
  allocateString(m, input.length * 2);
  let text = '';
  for (const point of input) {
    burn(m, 1);
    if (typeof point !== 'number' || Number.isNaN(point)) throw typeFailure('Unicode codepoint must be numeric');
    const whole = Math.trunc(point);
    text += whole < 0 || whole > CODE_POINT_MAX || (whole >= 0xd800 && whole <= 0xdfff) ? REPLACEMENT : String.fromCodePoint(whole);
  }
  return text;
}

function split(m: Meter, input: JsonValue, separator: JsonValue): JsonValue {
  if (typeof input !== 'string' || typeof separator !== 'string') throw typeFailure('split input and separator must be strings');
  return splitText(m, input, separator);
}

export const STRINGS: readonly BuiltinEntry[] = [
  ['ascii_downcase/0', mapAscii('ascii_downcase', /[A-Z]+/g, (text) => text.toLowerCase())],
  ['ascii_upcase/0', mapAscii('ascii_upcase', /[a-z]+/g, (text) => text.toUpperCase())],
  ['trim/0', trimmer('trim', (m, text) => trimEnd(m, trimStart(m, text)))],
  ['ltrim/0', trimmer('ltrim', trimStart)],
  ['rtrim/0', trimmer('rtrim', trimEnd)],
  ['ltrimstr/1', trimPart(true, false)],
  ['rtrimstr/1', trimPart(false, true)],
  ['trimstr/1', trimPart(true, true)],
  ['startswith/1', affix('startswith', (text, part) => text.startsWith(part))],
  ['endswith/1', affix('endswith', (text, part) => text.endsWith(part))],
  ['explode/0', value0((m, input) => codePointsOf(m, textOf(input, (meter) => `${preview(meter, input)} cannot be exploded, must be a string`)))],
  ['implode/0', value0(implode)],
  ['split/1', value1(split)],
  [
    'utf8bytelength/0',
    value0((m, input) => {
      if (typeof input !== 'string') throw typeFailure((m) => `${preview(m, input)} only strings have UTF-8 byte length`);
      return utf8Length(m, input);
    }),
  ],
];
