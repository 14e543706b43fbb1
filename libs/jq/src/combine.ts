// Puts codes together: one function applied to the outputs of several codes, with a direct form whenever every part
// yields at most one value, and callbacks only where a part may yield more.

import { many, maybe, one } from './code.ts';
import type { Bare, Code, Multiplicity } from './code.ts';
import type { Meter } from './budget.ts';
import type { JsonValue } from './json-value.ts';

const ORDER: Readonly<Record<Multiplicity, number>> = { one: 0, maybe: 1, many: 2 };

/** The multiplicity of something that may be any of its parts. */
export function widest(...parts: readonly Multiplicity[]): Multiplicity {
  let result: Multiplicity = 'one';
  for (const part of parts) if (ORDER[part] > ORDER[result]) result = part;
  return result;
}

/** f(input, a). */
export function apply1(a: Code, f: (m: Meter, input: JsonValue, a: JsonValue) => JsonValue): Bare {
  switch (a.multiplicity) {
    case 'one': {
      const { run } = a;
      return one((m, env, input) => f(m, input, run(m, env, input)));
    }
    case 'maybe': {
      const { run } = a;
      return maybe((m, env, input) => {
        const value = run(m, env, input);
        return value === undefined ? undefined : f(m, input, value);
      });
    }
    case 'many': {
      const { each } = a;
      return many((m, env, input, emit) => each(m, env, input, (value) => emit(f(m, input, value))));
    }
  }
}

/** f(input, a, b). Of several outputs, those of `slow` change last: for every one of them all of the other's are used. */
export function apply2(a: Code, b: Code, slow: 'a' | 'b', f: (m: Meter, input: JsonValue, a: JsonValue, b: JsonValue) => JsonValue): Bare {
  if (a.multiplicity === 'one' && b.multiplicity === 'one') {
    const runA = a.run;
    const runB = b.run;
    if (b.constant !== undefined) {
      const constant = b.constant;
      return one((m, env, input) => f(m, input, runA(m, env, input), constant));
    }
    if (slow === 'a') return one((m, env, input) => f(m, input, runA(m, env, input), runB(m, env, input)));
    return one((m, env, input) => {
      const right = runB(m, env, input);
      return f(m, input, runA(m, env, input), right);
    });
  }
  if (a.multiplicity !== 'many' && b.multiplicity !== 'many') {
    const runSlow = slow === 'a' ? a.run : b.run;
    const runFast = slow === 'a' ? b.run : a.run;
    return maybe((m, env, input) => {
      const first = runSlow(m, env, input);
      if (first === undefined) return undefined;
      const second = runFast(m, env, input);
      if (second === undefined) return undefined;
      return slow === 'a' ? f(m, input, first, second) : f(m, input, second, first);
    });
  }
  if (slow === 'a') return many((m, env, input, emit) => a.each(m, env, input, (x) => b.each(m, env, input, (y) => emit(f(m, input, x, y)))));
  return many((m, env, input, emit) => b.each(m, env, input, (y) => a.each(m, env, input, (x) => emit(f(m, input, x, y)))));
}

/** f(input, a, b, c), the first changing last. */
export function apply3(
  [a, b, c]: readonly [Code, Code, Code],
  f: (m: Meter, input: JsonValue, a: JsonValue, b: JsonValue, c: JsonValue) => JsonValue,
): Bare {
  if (a.multiplicity === 'one' && b.multiplicity === 'one' && c.multiplicity === 'one') {
    return one((m, env, input) => f(m, input, a.run(m, env, input), b.run(m, env, input), c.run(m, env, input)));
  }
  return many((m, env, input, emit) =>
    a.each(m, env, input, (x) => b.each(m, env, input, (y) => c.each(m, env, input, (z) => emit(f(m, input, x, y, z))))),
  );
}
