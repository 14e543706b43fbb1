// Builtins that say what a value is or turn it into another type: type, length, tostring, tonumber, tojson, fromjson.

import { finite } from '../arithmetic.ts';
import { allocate, burn } from '../budget.ts';
import type { Meter } from '../budget.ts';
import { typeFailure } from '../failure.ts';
import { isArray, typeName } from '../json-value.ts';
import type { JsonValue } from '../json-value.ts';
import { memberKeys } from '../members.ts';
import { preview, toJson } from '../serialize.ts';
import { codePointLength } from '../text.ts';
import { value0, value1 } from './builtin.ts';
import type { Builtin, BuiltinEntry } from './builtin.ts';
import { formatOf, toText } from './formats.ts';

function lengthOf(m: Meter, value: JsonValue): JsonValue {
  if (value === null) return 0;
  if (typeof value === 'string') return codePointLength(m, value);
  if (typeof value === 'number') return Math.abs(value);
  if (typeof value === 'boolean') throw typeFailure((m) => `${preview(m, value)} has no length`);
  return isArray(value) ? value.length : memberKeys(m, value).length;
}

const NUMBER_TEXT = /^-?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?$/;

function toNumber(m: Meter, value: JsonValue): JsonValue {
  if (typeof value === 'number') return value;
  if (typeof value !== 'string') throw typeFailure((m) => `${preview(m, value)} cannot be parsed as a number`);
  burn(m, value.length >> 3);
  const text = value.length > 1_000 ? value : value.trim();
  if (!NUMBER_TEXT.test(text)) throw typeFailure((m) => `${preview(m, value)} cannot be parsed as a number`);
  return finite(m, Number(text));
}

/** Bytes that parsing may create for one character of text, at most: "[[[[…" makes an array for each. */
const BYTES_PER_CHARACTER = 8;

function fromJson(m: Meter, value: JsonValue): JsonValue {
  if (typeof value !== 'string') throw typeFailure((m) => `${preview(m, value)} cannot be parsed as JSON: it has to be a string`);
  burn(m, 1 + (value.length >> 2));
  allocate(m, BYTES_PER_CHARACTER * value.length);
  const text = value.trim();
  if (text === 'nan') return finite(m, NaN);
  try {
    return withoutInfinity(m, JSON.parse(text) as JsonValue);
  } catch (error) {
    if (error instanceof SyntaxError) throw typeFailure((m) => `${preview(m, value)} is not valid JSON`);
    throw error;
  }
}

/** Literals such as 1e999 read as infinite; the output has to be looked through for them. */
function withoutInfinity(m: Meter, value: JsonValue): JsonValue {
  m.nonFinite = true;
  return value;
}

function formatNamed(m: Meter, value: JsonValue, name: JsonValue): JsonValue {
  const format = typeof name === 'string' ? formatOf(`@${name}`) : undefined;
  if (format === undefined) throw typeFailure((m) => `${preview(m, name)} is not a valid format`);
  return format(m, value);
}

function toBoolean(value: JsonValue): JsonValue {
  if (typeof value === 'boolean') return value;
  if (value === 'true') return true;
  if (value === 'false') return false;
  throw typeFailure((m) => `${preview(m, value)} cannot be parsed as a boolean`);
}

const fromJsonBuiltin: Builtin = (site) => {
  site.compilation.mayDeepen = true;
  return value0(fromJson)(site);
};

export const CONVERSION: readonly BuiltinEntry[] = [
  ['type/0', value0((_m, input) => typeName(input))],
  ['length/0', value0(lengthOf)],
  ['tostring/0', value0(toText)],
  ['tonumber/0', value0(toNumber)],
  ['toboolean/0', value0((_m, input) => toBoolean(input))],
  ['tojson/0', value0(toJson)],
  ['fromjson/0', fromJsonBuiltin],
  ['format/1', value1(formatNamed)],
];
