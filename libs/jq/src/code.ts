// The form that expressions are compiled to: closures over the evaluation's meter and environment.
//
// Invariants:
// 1. `run` of a 'one' code yields exactly one value or throws; of a 'maybe' code one or none (undefined).
// 2. `each` hands every output to `emit`. When `emit` answers false the consumer wants no more: the code stops and
//    answers false too. It answers true otherwise.
// 3. `walk` is `each` that also knows where in the input every output lies; it is made on first use.
// 4. Environments are immutable, so a closure may keep one over any number of outputs.

import type { Meter } from './budget.ts';
import type { JsonValue } from './json-value.ts';

/** Local bindings, innermost first. Labels are bindings too: the node itself is the label's identity. */
export interface Env {
  readonly value: JsonValue;
  /** Set when the binding is a function parameter. */
  readonly closure: Closure | null;
  readonly next: Env | null;
}

/** A function argument with the environment it was written in. */
export interface Closure {
  readonly code: Code;
  readonly env: Env;
}

export const EMPTY_ENV: Env = { value: null, closure: null, next: null };

/** Where a value lies in the input of `path`: keys from the innermost outwards. */
export interface Path {
  readonly key: JsonValue;
  readonly parent: Path | null;
}

/** The place of the input itself. */
export const ROOT_PATH: Path = { key: null, parent: null };
/** The value was computed and lies nowhere: any further step is an error. */
export const NO_PATH: Path = { key: null, parent: null };

export type Emit = (value: JsonValue) => boolean;
export type EmitPath = (path: Path, value: JsonValue) => boolean;
export type RunOne = (m: Meter, env: Env, input: JsonValue) => JsonValue;
export type RunMaybe = (m: Meter, env: Env, input: JsonValue) => JsonValue | undefined;
export type Each = (m: Meter, env: Env, input: JsonValue, emit: Emit) => boolean;
export type Walk = (m: Meter, env: Env, path: Path, input: JsonValue, emit: EmitPath) => boolean;

export type Multiplicity = 'one' | 'maybe' | 'many';

interface CodeShape {
  readonly each: Each;
  readonly walk: () => Walk;
}

export interface OneCode extends CodeShape {
  readonly multiplicity: 'one';
  readonly run: RunOne;
  /** The value itself when it is known before evaluation. */
  readonly constant?: JsonValue | undefined;
}
export interface MaybeCode extends CodeShape {
  readonly multiplicity: 'maybe';
  readonly run: RunMaybe;
}
export interface ManyCode extends CodeShape {
  readonly multiplicity: 'many';
}

export type Code = OneCode | MaybeCode | ManyCode;

/** Code without its walk, as the makers below and the builtins hand it over. */
export type Bare =
  | Omit<OneCode, 'walk'>
  | Omit<MaybeCode, 'walk'>
  | Omit<ManyCode, 'walk'>;

export function one(run: RunOne, constant?: JsonValue): Omit<OneCode, 'walk'> {
  return { multiplicity: 'one', run, constant, each: (m, env, input, emit) => emit(run(m, env, input)) };
}

export function maybe(run: RunMaybe): Omit<MaybeCode, 'walk'> {
  return {
    multiplicity: 'maybe',
    run,
    each: (m, env, input, emit) => {
      const value = run(m, env, input);
      return value === undefined ? true : emit(value);
    },
  };
}

export function many(each: Each): Omit<ManyCode, 'walk'> {
  return { multiplicity: 'many', each };
}

/** Adds the walk, which defaults to "a computed value, nowhere in the input". */
export function withWalk(bare: Bare, makeWalk?: () => Walk): Code {
  let made: Walk | null = null;
  const walk = (): Walk => (made ??= makeWalk === undefined ? computedWalk(bare) : makeWalk());
  return { ...bare, walk };
}

/** The walk of an expression that computes values: a scalar equal to the input still counts as the input itself. */
function computedWalk(bare: Bare): Walk {
  return (m, env, path, input, emit) =>
    bare.each(m, env, input, (value) => {
      const same = value === input && (typeof value !== 'object' || value === null);
      return emit(same ? path : NO_PATH, value);
    });
}

/** True when both sides yield at most one value, so no callbacks are needed. */
export function isSingle(code: Bare): code is Omit<OneCode, 'walk'> | Omit<MaybeCode, 'walk'> {
  return code.multiplicity !== 'many';
}

export function bind(env: Env, value: JsonValue): Env {
  return { value, closure: null, next: env };
}

export function bindClosure(env: Env, closure: Closure): Env {
  return { value: null, closure, next: env };
}

/** The environment `steps` bindings further out. */
export function outer(env: Env, steps: number): Env {
  let at = env;
  for (let i = 0; i < steps; i++) at = at.next as Env;
  return at;
}
