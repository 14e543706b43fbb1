// Listing an object's members, which costs JavaScript time for every key and so costs fuel.

import { burn } from './budget.ts';
import type { Meter } from './budget.ts';
import type { JsonObject, JsonValue } from './json-value.ts';

/** Steps for each key: listing large objects takes 65 to 250 ns a key (measured, V8 of Node 24). */
const STEPS_PER_KEY = 2;

/** The keys in insertion order. */
export function memberKeys(m: Meter, object: JsonObject): string[] {
  const keys = Object.keys(object);
  burn(m, STEPS_PER_KEY * keys.length);
  return keys;
}

/** The values in insertion order. */
export function memberValues(m: Meter, object: JsonObject): JsonValue[] {
  const values = Object.values(object);
  burn(m, STEPS_PER_KEY * values.length);
  return values;
}
