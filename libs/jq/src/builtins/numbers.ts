// Mathematics on doubles.

import { finite } from '../arithmetic.ts';
import type { Meter } from '../budget.ts';
import { typeFailure } from '../failure.ts';
import type { JsonValue } from '../json-value.ts';
import { preview } from '../serialize.ts';
import { value0, value2, value3 } from './builtin.ts';
import type { BuiltinEntry } from './builtin.ts';

function numberOf(value: JsonValue): number {
  if (typeof value !== 'number') throw typeFailure((m) => `${preview(m, value)} number required`);
  return value;
}

const SMALLEST_NORMAL = 2 ** -1022;
const EXPONENT_BIAS_STEPS = 64;

/** value = mantissa * 2^exponent with the mantissa in [0.5, 1). */
function splitExponent(value: number): { readonly mantissa: number; readonly exponent: number } {
  if (value === 0 || !Number.isFinite(value)) return { mantissa: value, exponent: 0 };
  let mantissa = value;
  let exponent = 0;
  if (Math.abs(mantissa) < SMALLEST_NORMAL) {
    mantissa *= 2 ** EXPONENT_BIAS_STEPS;
    exponent -= EXPONENT_BIAS_STEPS;
  }
  const guess = Math.max(-1022, Math.floor(Math.log2(Math.abs(mantissa))) + 1);
  mantissa = timesPowerOfTwo(mantissa, -guess);
  exponent += guess;
  while (Math.abs(mantissa) >= 1) {
    mantissa /= 2;
    exponent++;
  }
  while (Math.abs(mantissa) < 0.5) {
    mantissa *= 2;
    exponent--;
  }
  return { mantissa, exponent };
}

/** In steps, since 2^exponent alone may overflow where the product does not. */
function timesPowerOfTwo(value: number, exponent: number): number {
  let left = Math.max(-2200, Math.min(2200, Math.trunc(exponent)));
  let result = value;
  while (left > 1000) {
    result *= 2 ** 1000;
    left -= 1000;
  }
  while (left < -1000) {
    result *= 2 ** -1000;
    left += 1000;
  }
  return result * 2 ** left;
}

/** Half away from zero, as C has it. */
function round(value: number): number {
  const whole = Math.trunc(value);
  return Math.abs(value - whole) >= 0.5 ? whole + Math.sign(value) : whole;
}

/** Half to even. */
function nearest(value: number): number {
  const low = Math.floor(value);
  const fraction = value - low;
  if (fraction < 0.5) return low;
  if (fraction > 0.5) return low + 1;
  return low % 2 === 0 ? low : low + 1;
}

/** Lanczos' approximation of log |gamma|, g = 7 with nine terms: about fifteen digits. */
const LANCZOS: readonly number[] = [
  0.99999999999980993, 676.5203681218851, -1259.1392167224028, 771.32342877765313, -176.61502916214059, 12.507343278686905,
  -0.13857109526572012, 9.9843695780195716e-6, 1.5056327351493116e-7,
];

function logGamma(value: number): number {
  if (value < 0.5) return Math.log(Math.PI / Math.abs(Math.sin(Math.PI * value))) - logGamma(1 - value);
  const x = value - 1;
  const t = x + 7.5;
  const series = LANCZOS.reduce((total, term, i) => (i === 0 ? term : total + term / (x + i)), 0);
  return 0.5 * Math.log(2 * Math.PI) + (x + 0.5) * Math.log(t) - t + Math.log(series);
}

function gamma(value: number): number {
  if (Number.isInteger(value) && value > 0 && value < 171) {
    let product = 1;
    for (let i = 2; i < value; i++) product *= i;
    return product;
  }
  return value < 0.5 ? Math.PI / (Math.sin(Math.PI * value) * gamma(1 - value)) : Math.exp(logGamma(value));
}

function significand(value: number): number {
  return value === 0 || !Number.isFinite(value) ? value : splitExponent(value).mantissa * 2;
}

function logb(value: number): number {
  if (value === 0) return -Infinity;
  return Number.isFinite(value) ? splitExponent(value).exponent - 1 : Math.abs(value);
}

function remainder(a: number, b: number): number {
  if (!Number.isFinite(a) || b === 0) return NaN;
  const quotient = a / b;
  return a - b * nearest(quotient);
}

const UNARY: Readonly<Record<string, (value: number) => number>> = {
  floor: Math.floor, ceil: Math.ceil, round, trunc: Math.trunc, rint: nearest, nearbyint: nearest, fabs: Math.abs,
  sqrt: Math.sqrt, cbrt: Math.cbrt, exp: Math.exp, expm1: Math.expm1, exp2: (value) => 2 ** value, exp10: (value) => 10 ** value,
  pow10: (value) => 10 ** value, log: Math.log, log1p: Math.log1p, log2: Math.log2, log10: Math.log10,
  sin: Math.sin, cos: Math.cos, tan: Math.tan, asin: Math.asin, acos: Math.acos, atan: Math.atan,
  sinh: Math.sinh, cosh: Math.cosh, tanh: Math.tanh, asinh: Math.asinh, acosh: Math.acosh, atanh: Math.atanh,
  gamma: logGamma, lgamma: logGamma, lgamma_r: logGamma, tgamma: gamma, significand, logb,
};

const BINARY: Readonly<Record<string, (a: number, b: number) => number>> = {
  pow: (a, b) => (a === 1 || (a === -1 && Math.abs(b) === Infinity) ? 1 : a ** b),
  atan2: Math.atan2, fmod: (a, b) => a % b, hypot: Math.hypot, fmin: Math.min, fmax: Math.max, fdim: (a, b) => Math.max(0, a - b),
  copysign: (a, b) => (Object.is(Math.sign(b), -0) || b < 0 ? -Math.abs(a) : Math.abs(a)),
  ldexp: timesPowerOfTwo, scalb: timesPowerOfTwo, scalbln: timesPowerOfTwo, drem: remainder,
};

function abs(m: Meter, input: JsonValue): JsonValue {
  if (typeof input !== 'number') throw typeFailure((m) => `${preview(m, input)} has no absolute value`);
  return finite(m, input < 0 ? -input : input);
}

export const NUMBERS: readonly BuiltinEntry[] = [
  ...Object.entries(UNARY).map(([name, f]): BuiltinEntry => [`${name}/0`, value0((m, input) => finite(m, f(numberOf(input))))]),
  ...Object.entries(BINARY).map(([name, f]): BuiltinEntry => [`${name}/2`, value2((m, _input, a, b) => finite(m, f(numberOf(a), numberOf(b))), 'b')]),
  ['fma/3', value3((m, _input, a, b, c) => finite(m, numberOf(a) * numberOf(b) + numberOf(c)))],
  ['abs/0', value0(abs)],
  [
    'frexp/0',
    value0((_m, input) => {
      const { mantissa, exponent } = splitExponent(numberOf(input));
      return [mantissa, exponent];
    }),
  ],
  [
    'modf/0',
    value0((_m, input) => {
      const value = numberOf(input);
      const whole = Math.trunc(value);
      return [Number.isFinite(value) ? value - whole : 0, whole];
    }),
  ],
  ['infinite/0', value0((m) => finite(m, Infinity))],
  ['nan/0', value0((m) => finite(m, NaN))],
  ['isinfinite/0', value0((_m, input) => Math.abs(numberOf(input)) === Infinity)],
  ['isnan/0', value0((_m, input) => Number.isNaN(numberOf(input)))],
  ['isnormal/0', value0((_m, input) => Number.isFinite(numberOf(input)) && Math.abs(numberOf(input)) >= SMALLEST_NORMAL)],
  ['isfinite/0', value0((_m, input) => Number.isFinite(numberOf(input)))],
  ['have_literal_numbers/0', value0(() => true)],
  ['have_decnum/0', value0(() => false)],
  ['now/0', value0((m) => m.nowSeconds)],
];
