// Builtins that put elements in order or in groups: sort, group_by, unique, min, max.

import { allocateArray, allocateElement, tick } from '../budget.ts';
import type { Meter } from '../budget.ts';
import { one, withWalk } from '../code.ts';
import type { Code, Env } from '../code.ts';
import { typeFailure } from '../failure.ts';
import { isArray } from '../json-value.ts';
import type { JsonArray, JsonValue } from '../json-value.ts';
import { compare, equal, sortByKey, sortValues } from '../ordering.ts';
import type { Keyed } from '../ordering.ts';
import { preview } from '../serialize.ts';
import { argument, value0 } from './builtin.ts';
import type { Builtin, BuiltinEntry } from './builtin.ts';

/** The value as an array; fails with the value and the complaint. */
export function arrayOf(value: JsonValue, complaint: string): JsonArray {
  if (!isArray(value)) throw typeFailure((m) => `${preview(m, value)} ${complaint}`);
  return value;
}

/** The sort key of an element: all outputs of the argument, or the output itself when there is exactly one. */
type KeyOf = (m: Meter, env: Env, item: JsonValue) => JsonValue;

function keyOf(f: Code): KeyOf {
  if (f.multiplicity === 'one') return f.run;
  return (m, env, item) => {
    const keys: JsonValue[] = [];
    f.each(m, env, item, (value) => {
      allocateElement(m);
      keys.push(value);
      return true;
    });
    return keys;
  };
}

function keyed(m: Meter, env: Env, items: JsonArray, key: KeyOf): Keyed[] {
  allocateArray(m, items.length * 4);
  return items.map((value) => {
    tick(m);
    return { key: key(m, env, value), value };
  });
}

/** A builtin that sees the elements with their keys. */
function byKey(complaint: string, use: (m: Meter, entries: Keyed[]) => JsonValue): Builtin {
  return (site) => {
    const key = keyOf(argument(site, 0));
    return withWalk(one((m, env, input) => use(m, keyed(m, env, arrayOf(input, complaint), key))));
  };
}

function groups(m: Meter, entries: Keyed[]): JsonValue[][] {
  const result: JsonValue[][] = [];
  let last: Keyed | null = null;
  for (const entry of sortByKey(m, entries)) {
    if (last === null || !equal(m, last.key, entry.key)) {
      allocateArray(m, 0);
      result.push([]);
    }
    allocateElement(m);
    (result[result.length - 1] as JsonValue[]).push(entry.value);
    last = entry;
  }
  return result;
}

/** Of equal ones the smallest is the first, the largest the last. */
function extreme(m: Meter, entries: readonly Keyed[], wantsLargest: boolean): JsonValue {
  let best: Keyed | null = null;
  for (const entry of entries) {
    const order: number = best === null ? 0 : compare(m, entry.key, best.key);
    if (best === null || (wantsLargest ? order >= 0 : order < 0)) best = entry;
  }
  return best === null ? null : best.value;
}

const NOT_SORTABLE = 'cannot be sorted, as it is not an array';
const NOT_GROUPABLE = 'cannot be grouped, as it is not an array';
const NOT_ITERABLE = 'cannot be iterated over, as it is not an array';

function plainExtreme(wantsLargest: boolean): Builtin {
  return value0((m, input) => extreme(m, arrayOf(input, NOT_ITERABLE).map((value) => ({ key: value, value })), wantsLargest));
}

function unique(m: Meter, input: JsonValue): JsonValue {
  const sorted = sortValues(m, arrayOf(input, NOT_SORTABLE));
  return sorted.filter((item, i) => i === 0 || !equal(m, item, sorted[i - 1] as JsonValue));
}

export const SORTING: readonly BuiltinEntry[] = [
  ['sort/0', value0((m, input) => sortValues(m, arrayOf(input, NOT_SORTABLE)))],
  ['sort_by/1', byKey(NOT_SORTABLE, (m, entries) => sortByKey(m, entries).map(({ value }) => value))],
  ['group_by/1', byKey(NOT_GROUPABLE, groups)],
  ['unique/0', value0(unique)],
  ['unique_by/1', byKey(NOT_GROUPABLE, (m, entries) => groups(m, entries).map((group) => group[0] as JsonValue))],
  ['min/0', plainExtreme(false)],
  ['max/0', plainExtreme(true)],
  ['min_by/1', byKey(NOT_ITERABLE, (m, entries) => extreme(m, entries, false))],
  ['max_by/1', byKey(NOT_ITERABLE, (m, entries) => extreme(m, entries, true))],
];
