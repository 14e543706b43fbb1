// `+ - * / %` and unary minus: jq's rules for every pair of types.

import { allocateArray, allocateObject, allocateString, enter, leave } from './budget.ts';
import type { Meter } from './budget.ts';
import { typeFailure } from './failure.ts';
import { copyObject, isArray, isObject, member, setMember } from './json-value.ts';
import type { JsonObject, JsonValue, OpenObject } from './json-value.ts';
import { memberKeys } from './members.ts';
import { equal } from './ordering.ts';
import { preview } from './serialize.ts';
import type { ArithmeticOperator } from './syntax.ts';
import { splitText } from './text.ts';

export type BinaryOperation = (m: Meter, a: JsonValue, b: JsonValue) => JsonValue;

/** Notes a number that JSON cannot hold. */
export function finite(m: Meter, value: number): number {
  if (value - value !== 0) m.nonFinite = true;
  return value;
}

export function add(m: Meter, a: JsonValue, b: JsonValue): JsonValue {
  if (typeof a === 'number' && typeof b === 'number') return finite(m, a + b);
  if (typeof a === 'string' && typeof b === 'string') {
    allocateString(m, a.length + b.length);
    return a + b;
  }
  if (a === null) return b;
  if (b === null) return a;
  if (isArray(a) && isArray(b)) {
    allocateArray(m, a.length + b.length);
    return a.concat(b);
  }
  if (isObject(a) && isObject(b)) return mergeShallow(m, a, b);
  throw typeFailure((m) => `${preview(m, a)} and ${preview(m, b)} cannot be added`);
}

function mergeShallow(m: Meter, a: JsonObject, b: JsonObject): JsonValue {
  const added = memberKeys(m, b);
  allocateObject(m, memberKeys(m, a).length + added.length);
  const merged = copyObject(a);
  for (const key of added) setMember(merged, key, b[key] as JsonValue);
  return merged;
}

export function subtract(m: Meter, a: JsonValue, b: JsonValue): JsonValue {
  if (typeof a === 'number' && typeof b === 'number') return finite(m, a - b);
  if (isArray(a) && isArray(b)) {
    allocateArray(m, a.length);
    return a.filter((item) => !b.some((removed) => equal(m, item, removed)));
  }
  throw typeFailure((m) => `${preview(m, a)} and ${preview(m, b)} cannot be subtracted`);
}

export function multiply(m: Meter, a: JsonValue, b: JsonValue): JsonValue {
  if (typeof a === 'number' && typeof b === 'number') return finite(m, a * b);
  if (typeof a === 'string' && typeof b === 'number') return repeatString(m, a, b);
  if (typeof a === 'number' && typeof b === 'string') return repeatString(m, b, a);
  if (isObject(a) && isObject(b)) return mergeDeep(m, a, b);
  throw typeFailure((m) => `${preview(m, a)} and ${preview(m, b)} cannot be multiplied`);
}

/** Zero or fewer times is null; a fraction counts as one more, as in jq 1.7. */
function repeatString(m: Meter, text: string, times: number): JsonValue {
  if (!(times > 0)) return null;
  const count = times < 1 ? 1 : Math.floor(times);
  allocateString(m, text.length * count);
  return text.repeat(count);
}

function mergeDeep(m: Meter, a: JsonObject, b: JsonObject): OpenObject {
  enter(m, 1);
  const added = memberKeys(m, b);
  allocateObject(m, memberKeys(m, a).length + added.length);
  const merged = copyObject(a);
  for (const key of added) {
    const theirs = b[key] as JsonValue;
    const ours = member(merged, key);
    setMember(merged, key, ours !== undefined && isObject(ours) && isObject(theirs) ? mergeDeep(m, ours, theirs) : theirs);
  }
  leave(m, 1);
  return merged;
}

export function divide(m: Meter, a: JsonValue, b: JsonValue): JsonValue {
  if (typeof a === 'number' && typeof b === 'number') {
    if (b === 0) throw typeFailure((m) => `${preview(m, a)} and ${preview(m, b)} cannot be divided because the divisor is zero`);
    return finite(m, a / b);
  }
  if (typeof a === 'string' && typeof b === 'string') return splitText(m, a, b);
  throw typeFailure((m) => `${preview(m, a)} and ${preview(m, b)} cannot be divided`);
}

/** Both sides are cut to 64-bit integers; the result has the sign of the dividend. */
export function modulo(m: Meter, a: JsonValue, b: JsonValue): JsonValue {
  if (typeof a !== 'number' || typeof b !== 'number') throw typeFailure((m) => `${preview(m, a)} and ${preview(m, b)} cannot be divided (remainder)`);
  if (Number.isNaN(a) || Number.isNaN(b)) return finite(m, NaN);
  const dividend = Math.trunc(a);
  const divisor = Math.abs(Math.trunc(b));
  if (divisor === 0) throw typeFailure((m) => `${preview(m, a)} and ${preview(m, b)} cannot be divided (remainder) because the divisor is zero`);
  if (Number.isSafeInteger(dividend) && Number.isSafeInteger(divisor)) return (dividend % divisor) + 0;
  return Number(toInteger(dividend) % toInteger(divisor));
}

const INTEGER_MAX = 2n ** 63n - 1n;

function toInteger(value: number): bigint {
  if (value >= 2 ** 63) return INTEGER_MAX;
  return value <= -(2 ** 63) ? -INTEGER_MAX - 1n : BigInt(value);
}

export function negate(value: JsonValue): JsonValue {
  if (typeof value !== 'number') throw typeFailure((m) => `${preview(m, value)} cannot be negated`);
  return -value;
}

export const ARITHMETIC: Readonly<Record<ArithmeticOperator, BinaryOperation>> = {
  '+': add,
  '-': subtract,
  '*': multiply,
  '/': divide,
  '%': modulo,
};
