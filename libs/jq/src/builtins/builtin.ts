// How builtins are written: a function of values, or a function that compiles its arguments' codes.

import { tick } from '../budget.ts';
import type { Meter } from '../budget.ts';
import { one, withWalk } from '../code.ts';
import type { Code } from '../code.ts';
import { apply1, apply2, apply3 } from '../combine.ts';
import type { JsonValue } from '../json-value.ts';
import type { CallSite } from '../scope.ts';

export type Builtin = (site: CallSite) => Code;
/** "name/arity" and what it compiles to. */
export type BuiltinEntry = readonly [string, Builtin];

type Value0 = (m: Meter, input: JsonValue) => JsonValue;
type Value1 = (m: Meter, input: JsonValue, a: JsonValue) => JsonValue;
type Value2 = (m: Meter, input: JsonValue, a: JsonValue, b: JsonValue) => JsonValue;
type Value3 = (m: Meter, input: JsonValue, a: JsonValue, b: JsonValue, c: JsonValue) => JsonValue;

/** A function of the input alone. */
export function value0(f: Value0): Builtin {
  return () =>
    withWalk(
      one((m, _env, input) => {
        tick(m);
        return f(m, input);
      }),
    );
}

/** A function of the input and one value. */
export function value1(f: Value1): Builtin {
  return ({ args }) =>
    withWalk(
      apply1(args[0] as Code, (m, input, a) => {
        tick(m);
        return f(m, input, a);
      }),
    );
}

/** A function of the input and two values; `slow` says which argument's outputs change last. */
export function value2(f: Value2, slow: 'a' | 'b' = 'a'): Builtin {
  return ({ args }) =>
    withWalk(
      apply2(args[0] as Code, args[1] as Code, slow, (m, input, a, b) => {
        tick(m);
        return f(m, input, a, b);
      }),
    );
}

/** A function of the input and three values. */
export function value3(f: Value3): Builtin {
  return ({ args }) =>
    withWalk(
      apply3([args[0] as Code, args[1] as Code, args[2] as Code], (m, input, a, b, c) => {
        tick(m);
        return f(m, input, a, b, c);
      }),
    );
}

/** The argument at that position. The catalog's arity guarantees that it exists. */
export function argument(site: CallSite, position: number): Code {
  return site.args[position] as Code;
}
