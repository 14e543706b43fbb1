// What one evaluation may use, and the meter that counts it.
//
// Invariants:
// 1. Every loop, call, emitted value and created value is paid for before it happens.
// 2. A spent budget ends the evaluation: no construct of the language can catch it.
// 3. Nothing here depends on time: the same program and input always spend the same.

import { ALLOCATION_EXCEEDED, DEPTH_EXCEEDED, FUEL_EXHAUSTED } from './failure.ts';
import type { Env } from './code.ts';
import type { JsonArray } from './json-value.ts';

/** Limits of one evaluation. */
export interface Budget {
  /** Evaluation steps. One step is about 5 to 50 ns. */
  readonly fuel: number;
  /** Bytes of created values, all of them, not only those alive at the end. Approximate. */
  readonly allocation: number;
  /** Nested evaluator frames: a call costs the nesting of the called body. Also the limit of nesting in values. */
  readonly depth: number;
  /** What `now` yields: seconds since 1970, UTC. */
  readonly nowSeconds: number;
  /** The fuel that the evaluation has spent is added here, however it ended. */
  readonly tally?: { fuel: number };
}

/** Steps. At 50 ns a step this ends an evaluation within about 50 ms. */
export const FUEL_DEFAULT = 1_000_000;
/** Bytes. */
export const ALLOCATION_BYTES_DEFAULT = 32 * 1024 * 1024;
/** Nested evaluator frames. */
export const DEPTH_DEFAULT = 1_500;
/** Frames. Deeper budgets are cut to this: the hungriest programs measured use up a stack of 984 KiB at about 2,600. */
export const DEPTH_MAX = 1_800;
/** UTF-16 code units in one string, whatever the allocation budget: engines end near 2^29. */
export const STRING_LENGTH_MAX = 2 ** 28;
/** Elements in one array, whatever the allocation budget. */
export const ARRAY_LENGTH_MAX = 2 ** 25;

/** The defaults with a clock reading of zero. */
export const BUDGET_DEFAULT: Budget = {
  fuel: FUEL_DEFAULT,
  allocation: ALLOCATION_BYTES_DEFAULT,
  depth: DEPTH_DEFAULT,
  nowSeconds: 0,
};

/** The state of one evaluation. Changed in place; never shared between evaluations. */
export interface Meter {
  /** Steps left. */
  fuel: number;
  /** Bytes left. */
  allocation: number;
  /** Frames left. */
  depth: number;
  /** Values of the program's declared variables. */
  readonly globals: JsonArray;
  readonly nowSeconds: number;
  /** A number that JSON cannot hold was made, so the output has to be looked through. */
  nonFinite: boolean;
  /** The label that a break in progress unwinds to. */
  breakTarget: Env | null;
}

export function startMeter(budget: Budget, globals: JsonArray): Meter {
  return {
    fuel: budget.fuel,
    allocation: budget.allocation,
    depth: budget.depth < DEPTH_MAX ? budget.depth : DEPTH_MAX,
    globals,
    nowSeconds: budget.nowSeconds,
    nonFinite: false,
    breakTarget: null,
  };
}

/** Pays one step. */
export function tick(m: Meter): void {
  if (--m.fuel < 0) throw FUEL_EXHAUSTED;
}

/** Pays several steps. */
export function burn(m: Meter, steps: number): void {
  if ((m.fuel -= steps) < 0) throw FUEL_EXHAUSTED;
}

/** Pays for created bytes. */
export function allocate(m: Meter, bytes: number): void {
  if ((m.allocation -= bytes) < 0) throw ALLOCATION_EXCEEDED;
}

const ARRAY_BYTES = 32;
const ELEMENT_BYTES = 8;
const OBJECT_BYTES = 48;
const MEMBER_BYTES = 24;
const STRING_BYTES = 24;

/** Pays for an array of that length, in bytes and in steps. */
export function allocateArray(m: Meter, length: number): void {
  if (length > ARRAY_LENGTH_MAX) throw ALLOCATION_EXCEEDED;
  allocate(m, ARRAY_BYTES + ELEMENT_BYTES * length);
  burn(m, 1 + (length >> 3));
}

/** Pays for one more element of an array under construction. */
export function allocateElement(m: Meter): void {
  if ((m.allocation -= ELEMENT_BYTES) < 0) throw ALLOCATION_EXCEEDED;
}

/** Pays for an object with that many members. */
export function allocateObject(m: Meter, members: number): void {
  allocate(m, OBJECT_BYTES + MEMBER_BYTES * members);
  burn(m, 1 + (members >> 1));
}

/** Pays for a string of that many UTF-16 code units. */
export function allocateString(m: Meter, length: number): void {
  if (length > STRING_LENGTH_MAX) throw ALLOCATION_EXCEEDED;
  allocate(m, STRING_BYTES + 2 * length);
  burn(m, 1 + (length >> 5));
}

/** Enters nested work of that many frames; `leave` it on a normal return. Catch sites restore the depth themselves. */
export function enter(m: Meter, frames: number): void {
  if ((m.depth -= frames) < 0) {
    throw DEPTH_EXCEEDED;
  }
}

export function leave(m: Meter, frames: number): void {
  m.depth += frames;
}
