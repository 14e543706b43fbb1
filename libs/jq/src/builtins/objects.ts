// Builtins over objects: keys, entries, membership, and map_values.

import { cannotIndex, has } from '../access.ts';
import { allocateArray, allocateObject, tick } from '../budget.ts';
import type { Meter } from '../budget.ts';
import { one, withWalk } from '../code.ts';
import type { Code, Env } from '../code.ts';
import { typeFailure } from '../failure.ts';
import { isArray, isObject, isTrue, member, setMember } from '../json-value.ts';
import type { JsonObject, JsonValue, OpenObject } from '../json-value.ts';
import { memberKeys } from '../members.ts';
import { sortedKeys } from '../ordering.ts';
import { preview } from '../serialize.ts';
import { iterate } from '../compile-access.ts';
import { argument, value0, value1 } from './builtin.ts';
import type { Builtin, BuiltinEntry } from './builtin.ts';
import { toText } from './formats.ts';

function keysOf(m: Meter, input: JsonValue, list: (object: JsonObject) => string[]): JsonValue {
  if (isArray(input)) {
    allocateArray(m, input.length);
    return Array.from(input, (_, i) => i);
  }
  if (!isObject(input)) throw typeFailure((m) => `${preview(m, input)} has no keys`);
  const keys = list(input);
  allocateArray(m, keys.length);
  return keys;
}

function toEntries(m: Meter, input: JsonValue): JsonValue[] {
  if (isArray(input)) {
    return input.map((value, key) => {
      allocateObject(m, 2);
      return { key, value };
    });
  }
  if (!isObject(input)) throw typeFailure((m) => `${preview(m, input)} has no keys`);
  const keys = memberKeys(m, input);
  allocateArray(m, keys.length);
  return keys.map((key) => {
    allocateObject(m, 2);
    return { key, value: input[key] as JsonValue };
  });
}

/** An entry names its key as key, k, name, Name, K or Key and its value as value, v, Value or V. */
const KEY_NAMES: readonly string[] = ['key', 'k', 'name', 'Name', 'K', 'Key'];
const VALUE_NAMES: readonly string[] = ['value', 'v', 'Value', 'V'];

function entryKey(entry: JsonObject): JsonValue {
  let found: JsonValue = null;
  for (const name of KEY_NAMES) {
    const key = member(entry, name);
    if (key === undefined || key === null) continue;
    if (isTrue(key)) return key;
    found = key;
  }
  return found;
}

function entryValue(entry: JsonObject): JsonValue {
  for (const name of VALUE_NAMES) {
    const value = member(entry, name);
    if (value !== undefined) return value;
  }
  return null;
}

function addEntry(m: Meter, object: OpenObject, entry: JsonValue): void {
  if (!isObject(entry)) throw cannotIndex(entry, 'key');
  setMember(object, toText(m, entryKey(entry)), entryValue(entry));
}

function fromEntries(m: Meter, input: JsonValue): JsonValue {
  const object: OpenObject = {};
  iterate(m, input, (entry) => {
    allocateObject(m, 1);
    addEntry(m, object, entry);
    return true;
  });
  return object;
}

const withEntries: Builtin = (site) => {
  const f = argument(site, 0);
  return withWalk(
    one((m, env, input) => {
      const object: OpenObject = {};
      for (const entry of toEntries(m, input)) {
        tick(m);
        f.each(m, env, entry, (changed) => {
          allocateObject(m, 1);
          addEntry(m, object, changed);
          return true;
        });
      }
      return object;
    }),
  );
};

function firstOutput(f: Code, m: Meter, env: Env, value: JsonValue): JsonValue | undefined {
  if (f.multiplicity !== 'many') return f.run(m, env, value);
  let first: JsonValue | undefined;
  f.each(m, env, value, (next) => {
    first = next;
    return false;
  });
  return first;
}

/** `map_values(f)`: every value replaced by the first output of f, or removed when there is none. */
const mapValues: Builtin = (site) => {
  const f = argument(site, 0);
  return withWalk(
    one((m, env, input) => {
      if (isArray(input)) {
        allocateArray(m, input.length);
        const changed: JsonValue[] = [];
        for (const item of input) {
          tick(m);
          const value = firstOutput(f, m, env, item);
          if (value !== undefined) changed.push(value);
        }
        return changed;
      }
      if (!isObject(input)) throw typeFailure((m) => `Cannot iterate over ${preview(m, input)}`);
      const changed: OpenObject = {};
      const keys = memberKeys(m, input);
      allocateObject(m, keys.length);
      for (const key of keys) {
        tick(m);
        const value = firstOutput(f, m, env, input[key] as JsonValue);
        if (value !== undefined) setMember(changed, key, value);
      }
      return changed;
    }),
  );
};

export const OBJECTS: readonly BuiltinEntry[] = [
  ['keys/0', value0((m, input) => keysOf(m, input, (object) => sortedKeys(m, object)))],
  ['keys_unsorted/0', value0((m, input) => keysOf(m, input, (object) => memberKeys(m, object)))],
  ['has/1', value1((_m, input, key) => has(input, key))],
  ['in/1', value1((_m, key, object) => has(object, key))],
  ['to_entries/0', value0(toEntries)],
  ['from_entries/0', value0(fromEntries)],
  ['with_entries/1', withEntries],
  ['map_values/1', mapValues],
];
