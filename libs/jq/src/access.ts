// Reading one step into a value: `.[key]`, `.[from:to]`, `has`; and where a slice or search lies.

import { allocateArray, burn } from './budget.ts';
import type { Meter } from './budget.ts';
import { typeFailure } from './failure.ts';
import type { JqFailure } from './failure.ts';
import { isArray, isObject, member, typeName } from './json-value.ts';
import type { JsonArray, JsonObject, JsonValue } from './json-value.ts';
import { equal } from './ordering.ts';
import { preview } from './serialize.ts';
import { codePointLength, sliceText } from './text.ts';

/** `.[key]` for any key. Absent members and elements are null. */
export function index(m: Meter, target: JsonValue, key: JsonValue): JsonValue {
  if (typeof key === 'string') {
    if (isObject(target)) return member(target, key) ?? null;
  } else if (typeof key === 'number') {
    if (isArray(target)) return element(target, key);
  } else if (isObject(key)) {
    if (target === null) return null;
    if (isArray(target) || typeof target === 'string') return slice(m, target, sliceBound(key, 'start'), sliceBound(key, 'end'));
  } else if (isArray(key) && isArray(target)) {
    return indicesOfArray(m, target, key);
  }
  if (target === null && (typeof key === 'string' || typeof key === 'number')) return null;
  throw cannotIndex(target, key);
}

/** `.name` for a key that is known when compiling. */
export function indexByName(target: JsonValue, key: string): JsonValue {
  if (typeof target === 'object') {
    if (target === null) return null;
    if (!isArray(target)) return member(target, key) ?? null;
  }
  throw cannotIndex(target, key);
}

/** A position that is not whole has no element. */
export function element(target: JsonArray, key: number): JsonValue {
  return target[key < 0 ? key + target.length : key] ?? null;
}

/** Longer keys are not shown in messages. */
const KEY_SHOWN_MAX = 30;

export function cannotIndex(target: JsonValue, key: JsonValue): JqFailure {
  if (typeof key === 'string' && key.length < KEY_SHOWN_MAX) return typeFailure(`Cannot index ${typeName(target)} with string "${key}"`);
  return typeFailure(`Cannot index ${typeName(target)} with ${typeName(key)}`);
}

/** `start` or `end` of a slice that is given as an object. */
export function sliceBound(key: JsonObject, name: 'start' | 'end'): JsonValue {
  const bound = member(key, name);
  if (bound === undefined) throw typeFailure('Start and end indices of an array slice must be numbers');
  return bound;
}

/** Start and end of a slice of something of that length, cut to its bounds. */
export interface Range {
  readonly from: number;
  readonly to: number;
}

export function sliceRange(length: number, from: JsonValue, to: JsonValue): Range {
  if ((from !== null && typeof from !== 'number') || (to !== null && typeof to !== 'number')) {
    throw typeFailure('Start and end indices of an array slice must be numbers');
  }
  const start = bound(from ?? 0, length, Math.floor);
  const end = bound(to ?? length, length, Math.ceil);
  return { from: start, to: Math.max(start, end) };
}

function bound(position: number, length: number, round: (value: number) => number): number {
  const at = round(position < 0 ? position + length : position);
  return at > 0 ? Math.min(at, length) : 0;
}

export function slice(m: Meter, target: JsonValue, from: JsonValue, to: JsonValue): JsonValue {
  if (target === null) return null;
  if (typeof target === 'string') {
    const range = sliceRange(codePointLength(m, target), from, to);
    return sliceText(m, target, range.from, range.to);
  }
  if (!isArray(target)) throw typeFailure(`Cannot index ${typeName(target)} with object`);
  const range = sliceRange(target.length, from, to);
  allocateArray(m, range.to - range.from);
  return target.slice(range.from, range.to);
}

/** Where the wanted array begins within the other. */
export function indicesOfArray(m: Meter, target: JsonArray, wanted: JsonArray): JsonValue {
  if (wanted.length === 0) return null;
  const found: number[] = [];
  for (let start = 0; start + wanted.length <= target.length; start++) {
    burn(m, 1);
    let same = 0;
    while (same < wanted.length && equal(m, target[start + same] as JsonValue, wanted[same] as JsonValue)) same++;
    if (same === wanted.length) found.push(start);
  }
  allocateArray(m, found.length);
  return found;
}

export function has(target: JsonValue, key: JsonValue): boolean {
  if (target === null) return false;
  if (isObject(target) && typeof key === 'string') return member(target, key) !== undefined;
  if (isArray(target) && typeof key === 'number') return key >= 0 && key < target.length;
  throw typeFailure(`Cannot check whether ${typeName(target)} has a ${typeof key === 'string' ? 'string' : typeName(key)} key`);
}

/** The elements of an array or the members of an object. */
export function iterable(target: JsonValue): JsonArray | JsonObject {
  if (typeof target === 'object' && target !== null) return target;
  throw typeFailure((m) => `Cannot iterate over ${preview(m, target)}`);
}
