// Changing a value at a path: getpath, setpath, delpaths. Values are shared, so every change copies what it passes,
// except containers that the same edit has copied before: an `Owned` set names those.
//
// Invariants:
// 1. A container outside the set is never written to.
// 2. A container of the set is reachable only through the value being edited. Whoever lets one out clears the set.

import { allocateArray, allocateObject, burn, enter, leave, tick } from './budget.ts';
import type { Meter } from './budget.ts';
import { cannotIndex, index, sliceBound, sliceRange } from './access.ts';
import { typeFailure } from './failure.ts';
import { copyObject, isArray, isObject, member, setMember, typeName } from './json-value.ts';
import type { JsonArray, JsonObject, JsonValue, OpenObject } from './json-value.ts';
import { memberKeys } from './members.ts';
import { equal, sortValues } from './ordering.ts';

/** Containers made by the edit in progress; null when it consists of one change, so that knowing them is of no use. */
export type Owned = Set<object> | null;

export function pathArray(value: JsonValue): JsonArray {
  if (!isArray(value)) throw typeFailure('Path must be specified as an array');
  return value;
}

/** null as soon as the way ends in null. */
export function getPath(m: Meter, target: JsonValue, path: JsonArray): JsonValue {
  let at = target;
  for (const key of path) {
    tick(m);
    if (at === null) return null;
    at = index(m, at, key);
  }
  return at;
}

/**
 * A value with the place at `path` replaced by what `change` makes of it. `keepsOwned` promises that `change` lets no
 * reference to the old value out but its result, so that an owned old value may stay owned.
 */
export function updatePath(m: Meter, target: JsonValue, path: JsonArray, change: (old: JsonValue) => JsonValue, owned: Owned, keepsOwned = false): JsonValue {
  return update(m, target, path, 0, change, owned, keepsOwned);
}

export function setPath(m: Meter, target: JsonValue, path: JsonArray, value: JsonValue, owned: Owned): JsonValue {
  return update(m, target, path, 0, () => value, owned, false);
}

function update(m: Meter, target: JsonValue, path: JsonArray, at: number, change: (old: JsonValue) => JsonValue, owned: Owned, keepsOwned: boolean): JsonValue {
  if (at === path.length) {
    if (!keepsOwned && owned !== null && typeof target === 'object' && target !== null && owned.has(target)) owned.clear();
    return change(target);
  }
  enter(m, 1);
  const key = path[at] as JsonValue;
  const result = replaceStep(m, target, key, (old) => update(m, old, path, at + 1, change, owned, keepsOwned), owned);
  leave(m, 1);
  return result;
}

/** Replaces what lies one step below the target. */
export function replaceStep(m: Meter, target: JsonValue, key: JsonValue, change: (old: JsonValue) => JsonValue, owned: Owned): JsonValue {
  tick(m);
  if (typeof key === 'string' && (target === null || isObject(target))) {
    const value = change(target === null ? null : (member(target, key) ?? null));
    const open = openObject(m, target, owned);
    setMember(open, key, value);
    return open;
  }
  if (typeof key === 'number' && (target === null || isArray(target))) return replaceElement(m, target ?? [], key, change, owned);
  if (isObject(key) && (target === null || isArray(target))) return replaceSlice(m, target, key, change);
  if (isObject(key) && typeof target === 'string') throw typeFailure('Cannot update string slices');
  if (isArray(key) && isArray(target)) throw typeFailure('Cannot update field at array index of array');
  throw cannotIndex(target, key);
}

function openObject(m: Meter, target: JsonObject | null, owned: Owned): OpenObject {
  if (target !== null && owned !== null && owned.has(target)) {
    allocateObject(m, 0);
    return target as OpenObject;
  }
  allocateObject(m, 1 + (target === null ? 0 : memberKeys(m, target).length));
  const copy = target === null ? {} : copyObject(target);
  owned?.add(copy);
  return copy;
}

function replaceElement(m: Meter, target: JsonArray, key: number, change: (old: JsonValue) => JsonValue, owned: Owned): JsonValue {
  const at = Math.trunc(key);
  const position = at < 0 ? at + target.length : at;
  if (Number.isNaN(position)) throw typeFailure('Cannot set array element at NaN index');
  if (position < 0) throw typeFailure('Out of bounds negative array index');
  allocateArray(m, Math.max(0, position + 1 - target.length));
  const value = change(target[position] ?? null);
  const isOwned = owned !== null && owned.has(target);
  if (!isOwned) allocateArray(m, target.length);
  const open = (isOwned ? target : [...target]) as JsonValue[];
  while (open.length < position) open.push(null);
  open[position] = value;
  owned?.add(open);
  return open;
}

function replaceSlice(m: Meter, target: JsonArray | null, key: JsonObject, change: (old: JsonValue) => JsonValue): JsonValue {
  const array = target ?? [];
  const { from, to } = keyRange(array, key);
  const value = change(target === null ? null : array.slice(from, to));
  if (!isArray(value)) throw typeFailure('A slice of an array can only be assigned another array');
  allocateArray(m, array.length + value.length);
  return [...array.slice(0, from), ...value, ...array.slice(to)];
}

function keyRange(array: JsonArray, key: JsonObject): ReturnType<typeof sliceRange> {
  return sliceRange(array.length, sliceBound(key, 'start'), sliceBound(key, 'end'));
}

/** The value without the places at the paths; absent places do not matter. */
export function deletePaths(m: Meter, target: JsonValue, paths: JsonValue): JsonValue {
  if (!isArray(paths)) throw typeFailure('Paths must be specified as an array');
  for (const path of paths) if (!isArray(path)) throw typeFailure(`Path must be specified as array, not ${typeName(path)}`);
  let result = target;
  const sorted = sortValues(m, paths);
  for (let i = sorted.length - 1; i >= 0; ) {
    const path = sorted[i] as JsonArray;
    if (path.length === 0) return null;
    const siblings = siblingKeys(m, sorted, i);
    result = deleteBelow(m, result, path, 0, siblings);
    i -= siblings.length;
  }
  return result;
}

/** The last keys of all paths in the sorted list, from `end` downwards, that lie in the same container. */
function siblingKeys(m: Meter, sorted: readonly JsonValue[], end: number): JsonValue[] {
  const last = sorted[end] as JsonArray;
  const keys: JsonValue[] = [];
  for (let i = end; i >= 0; i--) {
    const path = sorted[i] as JsonArray;
    if (path.length !== last.length) break;
    const parents = path.length - 1;
    let same = 0;
    while (same < parents && equal(m, path[same] as JsonValue, last[same] as JsonValue)) same++;
    if (same < parents) break;
    keys.push(path[parents] as JsonValue);
  }
  return keys;
}

function deleteBelow(m: Meter, target: JsonValue, path: JsonArray, at: number, keys: readonly JsonValue[]): JsonValue {
  if (at === path.length - 1) return deleteKeys(m, target, keys);
  const key = path[at] as JsonValue;
  if (target === null) return null;
  const old = index(m, target, key);
  if (old === null) return target;
  enter(m, 1);
  const changed = deleteBelow(m, old, path, at + 1, keys);
  leave(m, 1);
  return changed === old ? target : replaceStep(m, target, key, () => changed, null);
}

/** Removes members, elements or slices of one container. */
export function deleteKeys(m: Meter, target: JsonValue, keys: readonly JsonValue[]): JsonValue {
  if (target === null) return null;
  if (isObject(target)) return deleteMembers(m, target, keys);
  if (isArray(target)) return deleteElements(m, target, keys);
  throw typeFailure(`Cannot delete fields from ${typeName(target)}`);
}

function deleteMembers(m: Meter, target: JsonObject, keys: readonly JsonValue[]): JsonValue {
  const names = new Set<string>();
  for (const key of keys) {
    if (typeof key !== 'string') throw typeFailure(`Cannot delete ${typeName(key)} field of object`);
    if (member(target, key) !== undefined) names.add(key);
  }
  if (names.size === 0) return target;
  allocateObject(m, memberKeys(m, target).length);
  const rest = copyObject(target);
  for (const name of names) delete rest[name];
  return rest;
}

function deleteElements(m: Meter, target: JsonArray, keys: readonly JsonValue[]): JsonValue {
  const gone = new Set<number>();
  for (const key of keys) {
    if (typeof key === 'number') {
      const at = Math.trunc(key);
      gone.add(at < 0 ? at + target.length : at);
    } else if (isObject(key)) {
      const { from, to } = keyRange(target, key);
      burn(m, to - from);
      for (let i = from; i < to; i++) gone.add(i);
    } else {
      throw typeFailure(`Cannot delete ${typeName(key)} element of array`);
    }
  }
  allocateArray(m, target.length);
  return target.filter((_, i) => !gone.has(i));
}
