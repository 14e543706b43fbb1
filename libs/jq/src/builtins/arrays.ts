// Builtins over arrays, and over the values of objects where jq takes both.

import { add } from '../arithmetic.ts';
import { allocateArray, allocateElement, allocateString, burn, enter, leave, tick } from '../budget.ts';
import type { Meter } from '../budget.ts';
import { cannotIndex, index, indicesOfArray, iterable } from '../access.ts';
import { one, withWalk } from '../code.ts';
import type { Bare, Code } from '../code.ts';
import { iterate } from '../compile-access.ts';
import { typeFailure } from '../failure.ts';
import { isArray, isObject, member, typeName } from '../json-value.ts';
import type { JsonArray, JsonValue } from '../json-value.ts';
import { memberKeys, memberValues } from '../members.ts';
import { formatNumber } from '../number-format.ts';
import { compare, equal } from '../ordering.ts';
import { preview } from '../serialize.ts';
import { argument, value0, value1 } from './builtin.ts';
import type { Builtin, BuiltinEntry } from './builtin.ts';
import { arrayOf } from './sorting.ts';
import { indicesOfText } from './strings.ts';

/** `map(f)`: an array of every output of f for every element. */
const map: Builtin = (site) => withWalk(collectEach(argument(site, 0)));

function collectEach(f: Code): Bare {
  if (f.multiplicity === 'many') {
    return one((m, env, input) => {
      allocateArray(m, 0);
      const results: JsonValue[] = [];
      const push = (value: JsonValue): boolean => {
        allocateElement(m);
        results.push(value);
        return true;
      };
      iterate(m, input, (item) => f.each(m, env, item, push));
      return results;
    });
  }
  const { run } = f;
  return one((m, env, input) => {
    const items = iterable(input);
    const list = isArray(items) ? items : memberValues(m, items);
    allocateArray(m, list.length);
    const results: JsonValue[] = [];
    for (let i = 0; i < list.length; i++) {
      tick(m);
      const value = run(m, env, list[i] as JsonValue);
      if (value !== undefined) results.push(value);
    }
    return results;
  });
}

/** `add`: all strings or all arrays are joined in one go, since adding one by one costs the square. */
function sum(m: Meter, items: JsonArray): JsonValue {
  burn(m, items.length);
  if (items.length > 2) {
    if (items.every((item) => typeof item === 'string')) {
      allocateString(m, items.reduce<number>((length, item) => length + (item as string).length, 0));
      return items.join('');
    }
    if (items.every(isArray)) {
      allocateArray(m, items.reduce((length, item) => length + item.length, 0));
      return items.flat(1) as JsonValue[];
    }
  }
  return items.reduce<JsonValue>((total, item) => add(m, total, item), null);
}

function valuesOf(m: Meter, value: JsonValue): JsonArray {
  const items = iterable(value);
  if (isArray(items)) return items;
  const list = memberValues(m, items);
  allocateArray(m, list.length);
  return list;
}

const addOutputs: Builtin = (site) => {
  const source = argument(site, 0);
  return withWalk(
    one((m, env, input) => {
      const items: JsonValue[] = [];
      source.each(m, env, input, (value) => {
        tick(m);
        allocateElement(m);
        items.push(value);
        return true;
      });
      return sum(m, items);
    }),
  );
};

function flatten(m: Meter, items: JsonArray, depth: number, into: JsonValue[]): JsonValue[] {
  for (const item of items) {
    tick(m);
    if (isArray(item) && depth > 0) {
      enter(m, 1);
      flatten(m, item, depth - 1, into);
      leave(m, 1);
    } else {
      allocateElement(m);
      into.push(item);
    }
  }
  return into;
}

function flattenTo(m: Meter, input: JsonValue, depth: JsonValue): JsonValue {
  if (typeof depth !== 'number') throw typeFailure('flatten depth must be a number');
  if (depth < 0) throw typeFailure('flatten depth must not be negative');
  return flatten(m, valuesOf(m, input), depth, []);
}

function joinable(item: JsonValue): string | null {
  if (typeof item === 'string') return item;
  if (item === null) return '';
  if (typeof item === 'boolean') return String(item);
  return typeof item === 'number' ? formatNumber(item) : null;
}

function join(m: Meter, input: JsonValue, separator: JsonValue): JsonValue {
  const items = valuesOf(m, input);
  burn(m, items.length);
  if (items.length === 0) return '';
  const texts: string[] = [];
  for (const item of items) {
    const text = joinable(item);
    if (text === null) throw typeFailure((m) => `${preview(m, `${texts.join(',')}${texts.length > 0 && typeof separator === 'string' ? separator : ''}`)} and ${preview(m, item)} cannot be added`);
    texts.push(text);
  }
  if (typeof separator === 'string') {
    const length = texts.reduce((total, text) => total + text.length + separator.length, 0);
    allocateString(m, length);
    return texts.join(separator);
  }
  return texts.slice(1).reduce<JsonValue>((line, text) => add(m, add(m, line, separator), text), texts[0] as string);
}

function reverse(m: Meter, input: JsonValue): JsonValue {
  if (input === null) return [];
  if (typeof input === 'string') {
    allocateString(m, input.length);
    burn(m, input.length >> 2);
    return Array.from(input).reverse().join('');
  }
  if (!isArray(input)) throw typeFailure((m) => `Cannot reverse ${preview(m, input)}`);
  allocateArray(m, input.length);
  return [...input].reverse();
}

function transpose(m: Meter, input: JsonValue): JsonValue {
  const rows = arrayOf(input, 'cannot be transposed, as it is not an array').map((row) => arrayOf(row, 'cannot be a row, as it is not an array'));
  const width = rows.reduce((longest, row) => Math.max(longest, row.length), 0);
  const columns: JsonValue[] = [];
  for (let i = 0; i < width; i++) {
    allocateArray(m, rows.length);
    burn(m, rows.length);
    columns.push(rows.map((row) => row[i] ?? null));
  }
  return columns;
}

function contains(m: Meter, a: JsonValue, b: JsonValue): boolean {
  tick(m);
  if (isObject(a) && isObject(b)) {
    enter(m, 1);
    const all = memberKeys(m, b).every((key) => {
      const ours = member(a, key);
      return ours !== undefined && contains(m, ours, b[key] as JsonValue);
    });
    leave(m, 1);
    return all;
  }
  if (isArray(a) && isArray(b)) {
    enter(m, 1);
    const all = b.every((wanted) => a.some((item) => contains(m, item, wanted)));
    leave(m, 1);
    return all;
  }
  if (typeof a === 'string' && typeof b === 'string') {
    burn(m, (a.length + b.length) >> 4);
    return a.includes(b);
  }
  return equal(m, a, b);
}

function containsChecked(m: Meter, a: JsonValue, b: JsonValue): boolean {
  if (typeName(a) !== typeName(b) || (typeof a === 'boolean' && a !== b)) throw typeFailure((m) => `${preview(m, a)} and ${preview(m, b)} cannot have their containment checked`);
  return contains(m, a, b);
}

function indices(m: Meter, input: JsonValue, wanted: JsonValue): JsonValue {
  if (input === null) return null;
  if (isArray(input)) return indicesOfArray(m, input, isArray(wanted) ? wanted : [wanted]);
  if (typeof input === 'string' && typeof wanted === 'string') return indicesOfText(m, input, wanted);
  return index(m, input, wanted);
}

function oneIndex(pick: (found: JsonArray) => JsonValue | undefined): Builtin {
  return value1((m, input, wanted) => {
    const found = indices(m, input, wanted);
    if (found === null) return null;
    if (!isArray(found)) throw cannotIndex(found, 0);
    return pick(found) ?? null;
  });
}

/** Where the value is in a sorted array, or minus one minus where it would be. */
function binarySearch(m: Meter, input: JsonValue, wanted: JsonValue): JsonValue {
  const items = arrayOf(input, 'cannot be searched from');
  let low = 0;
  let high = items.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    const order = compare(m, items[middle] as JsonValue, wanted);
    if (order === 0) return middle;
    if (order < 0) low = middle + 1;
    else high = middle;
  }
  return -1 - low;
}

export const ARRAYS: readonly BuiltinEntry[] = [
  ['map/1', map],
  ['add/0', value0((m, input) => sum(m, valuesOf(m, input)))],
  ['add/1', addOutputs],
  ['flatten/0', value0((m, input) => flattenTo(m, input, Infinity))],
  ['flatten/1', value1(flattenTo)],
  ['join/1', value1(join)],
  ['reverse/0', value0(reverse)],
  ['transpose/0', value0(transpose)],
  ['contains/1', value1(containsChecked)],
  ['inside/1', value1((m, input, outerValue) => containsChecked(m, outerValue, input))],
  ['indices/1', value1(indices)],
  ['index/1', oneIndex((found) => found[0])],
  ['rindex/1', oneIndex((found) => found[found.length - 1])],
  ['bsearch/1', value1(binarySearch)],
  ['toarray/0', value0((_m, input) => (isArray(input) ? input : [input]))],
];
