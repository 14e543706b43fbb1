// The last look at an output, taken only by programs and evaluations that need it.

import { allocateArray, allocateObject, enter, leave, tick } from './budget.ts';
import type { Meter } from './budget.ts';
import { isArray, setMember } from './json-value.ts';
import type { JsonValue, OpenObject } from './json-value.ts';
import { memberKeys } from './members.ts';

/** Fails when the value is nested beyond the depth budget: whoever serialises it recurses. */
export function checkDepth(m: Meter, value: JsonValue): void {
  if (typeof value !== 'object' || value === null) return;
  enter(m, 1);
  if (isArray(value)) {
    for (let i = 0; i < value.length; i++) {
      tick(m);
      checkDepth(m, value[i] as JsonValue);
    }
  } else {
    for (const key of memberKeys(m, value)) {
      tick(m);
      checkDepth(m, value[key] as JsonValue);
    }
  }
  leave(m, 1);
}

/** NaN becomes null and infinities the largest double, as jq prints them. Shares what has neither. */
export function jsonNumbers(m: Meter, value: JsonValue): JsonValue {
  tick(m);
  if (typeof value === 'number') {
    if (Number.isFinite(value)) return value;
    return Number.isNaN(value) ? null : value > 0 ? Number.MAX_VALUE : -Number.MAX_VALUE;
  }
  if (typeof value !== 'object' || value === null) return value;
  enter(m, 1);
  const result = isArray(value) ? numbersInArray(m, value) : numbersInObject(m, value);
  leave(m, 1);
  return result;
}

function numbersInArray(m: Meter, value: readonly JsonValue[]): JsonValue {
  const changed = value.map((item) => jsonNumbers(m, item));
  if (changed.every((item, i) => item === value[i])) return value;
  allocateArray(m, value.length);
  return changed;
}

function numbersInObject(m: Meter, value: { readonly [key: string]: JsonValue }): JsonValue {
  const changed: OpenObject = {};
  let isChanged = false;
  for (const key of memberKeys(m, value)) {
    const old = value[key] as JsonValue;
    const next = jsonNumbers(m, old);
    isChanged ||= next !== old;
    setMember(changed, key, next);
  }
  if (!isChanged) return value;
  allocateObject(m, memberKeys(m, changed).length);
  return changed;
}
