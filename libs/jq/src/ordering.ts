// jq's total order: null < false < true < numbers < strings < arrays < objects; and what follows from it.

import { allocateArray, burn, enter, leave, tick } from './budget.ts';
import type { Meter } from './budget.ts';
import { isArray, member } from './json-value.ts';
import type { JsonArray, JsonObject, JsonValue } from './json-value.ts';
import { memberKeys } from './members.ts';

function rank(value: JsonValue): number {
  switch (typeof value) {
    case 'boolean':
      return value ? 2 : 1;
    case 'number':
      return 3;
    case 'string':
      return 4;
    default:
      return value === null ? 0 : isArray(value) ? 5 : 6;
  }
}

/** Negative, zero or positive. NaN is below every number, itself included. */
export function compare(m: Meter, a: JsonValue, b: JsonValue): number {
  tick(m);
  if (typeof a === 'number' && typeof b === 'number') return a < b ? -1 : a === b ? 0 : a > b ? 1 : Number.isNaN(a) ? -1 : 1;
  if (typeof a === 'string' && typeof b === 'string') return compareStrings(m, a, b);
  const order = rank(a) - rank(b);
  if (order !== 0 || a === b || typeof a !== 'object' || a === null) return order;
  enter(m, 1);
  const result = isArray(a) ? compareArrays(m, a, b as JsonArray) : compareObjects(m, a as JsonObject, b as JsonObject);
  leave(m, 1);
  return result;
}

const SURROGATE = /[\ud800-\udfff]/;

/** By code points, as jq does; UTF-16 order differs only above the surrogates. */
export function compareStrings(m: Meter, a: string, b: string): number {
  if (a === b) return 0;
  const length = Math.min(a.length, b.length);
  burn(m, length >> 5);
  const plain = a < b ? -1 : 1;
  if (!SURROGATE.test(a) && !SURROGATE.test(b)) return plain;
  for (let i = 0; i < length; i++) {
    const x = a.charCodeAt(i);
    const y = b.charCodeAt(i);
    if (x !== y) return isSurrogate(x) !== isSurrogate(y) ? (isSurrogate(x) ? 1 : -1) : x - y;
  }
  return plain;
}

function isSurrogate(unit: number): boolean {
  return unit >= 0xd800 && unit <= 0xdfff;
}

function compareArrays(m: Meter, a: JsonArray, b: JsonArray): number {
  const length = Math.min(a.length, b.length);
  for (let i = 0; i < length; i++) {
    const order = compare(m, a[i] as JsonValue, b[i] as JsonValue);
    if (order !== 0) return order;
  }
  return a.length - b.length;
}

function compareObjects(m: Meter, a: JsonObject, b: JsonObject): number {
  const keys = sortedKeys(m, a);
  const order = compareArrays(m, keys, sortedKeys(m, b));
  if (order !== 0) return order;
  for (const key of keys) {
    const difference = compare(m, a[key] as JsonValue, b[key] as JsonValue);
    if (difference !== 0) return difference;
  }
  return 0;
}

/** Equality in jq's sense: key order does not matter. */
export function equal(m: Meter, a: JsonValue, b: JsonValue): boolean {
  tick(m);
  if (typeof a !== 'object' || a === null || typeof b !== 'object' || b === null) return a === b;
  if (isArray(a) !== isArray(b)) return false;
  enter(m, 1);
  const same = isArray(a) ? equalArrays(m, a, b as JsonArray) : equalObjects(m, a as JsonObject, b as JsonObject);
  leave(m, 1);
  return same;
}

function equalArrays(m: Meter, a: JsonArray, b: JsonArray): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (!equal(m, a[i] as JsonValue, b[i] as JsonValue)) return false;
  return true;
}

function equalObjects(m: Meter, a: JsonObject, b: JsonObject): boolean {
  const keys = memberKeys(m, a);
  if (keys.length !== memberKeys(m, b).length) return false;
  for (const key of keys) {
    const other = member(b, key);
    if (other === undefined || !equal(m, a[key] as JsonValue, other)) return false;
  }
  return true;
}

/** The object's keys in code point order. */
export function sortedKeys(m: Meter, object: JsonObject): string[] {
  const keys = memberKeys(m, object);
  paySort(m, keys.length);
  return keys.sort((a, b) => compareStrings(m, a, b));
}

/** Sorting costs about n log n comparisons; each comparison pays for itself too. */
function paySort(m: Meter, length: number): void {
  allocateArray(m, length);
  burn(m, length);
}

/** A sorted copy; equal elements keep their order. */
export function sortValues(m: Meter, values: JsonArray): JsonValue[] {
  paySort(m, values.length);
  return [...values].sort((a, b) => compare(m, a, b));
}

/** Something to be sorted by a key. */
export interface Keyed {
  readonly key: JsonValue;
  readonly value: JsonValue;
}

export function sortByKey(m: Meter, entries: Keyed[]): Keyed[] {
  paySort(m, entries.length);
  return entries.sort((a, b) => compare(m, a.key, b.key));
}
