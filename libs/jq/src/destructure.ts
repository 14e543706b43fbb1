// Patterns after `as`: the variables they declare and the binding of values to them.

import { index } from './access.ts';
import { tick } from './budget.ts';
import type { Meter } from './budget.ts';
import { bind } from './code.ts';
import type { Code, Env } from './code.ts';
import { isCatchable, typeFailure } from './failure.ts';
import { isArray, isObject, typeName } from './json-value.ts';
import type { JsonValue } from './json-value.ts';
import { declareVariable } from './scope.ts';
import type { Compilation, Scope } from './scope.ts';
import type { Pattern } from './syntax.ts';

/** Binds a value and continues with every environment that this makes; answers false when asked to stop. */
export interface Destructuring {
  readonly scope: Scope;
  /** Set when there is exactly one environment for a value: a single variable. */
  readonly bindOne: ((env: Env, value: JsonValue) => Env) | null;
  readonly each: (m: Meter, env: Env, value: JsonValue, body: (env: Env) => boolean) => boolean;
}

type Fill = (m: Meter, env: Env, value: JsonValue, slots: JsonValue[], then: () => boolean) => boolean;

export function compilePatterns(c: Compilation, patterns: readonly Pattern[], scope: Scope): Destructuring {
  const names = [...new Set(patterns.flatMap(variablesOf))];
  const inner = names.reduce(declareVariable, scope);
  const [first] = patterns;
  if (patterns.length === 1 && first?.kind === 'variable') {
    return { scope: inner, bindOne: bind, each: (_m, env, value, body) => body(bind(env, value)) };
  }
  const fills = patterns.map((pattern) => compilePattern(c, pattern, scope, names));
  const attempt = (fill: Fill, m: Meter, env: Env, value: JsonValue, body: (env: Env) => boolean): boolean => {
    const slots: JsonValue[] = names.map(() => null);
    return fill(m, env, value, slots, () => body(slots.reduce(bind, env)));
  };
  return {
    scope: inner,
    bindOne: null,
    each: (m, env, value, body) => {
      const last = fills.length - 1;
      for (let i = 0; i < last; i++) {
        const outcome = tryAttempt(m, () => attempt(fills[i] as Fill, m, env, value, body));
        if (outcome !== 'failed') return outcome;
      }
      return attempt(fills[last] as Fill, m, env, value, body);
    },
  };
}

/** An error while binding or in the body moves on to the next pattern. */
function tryAttempt(m: Meter, run: () => boolean): boolean | 'failed' {
  const { depth } = m;
  try {
    return run();
  } catch (failure) {
    if (!isCatchable(failure)) throw failure;
    m.depth = depth;
    return 'failed';
  }
}

function variablesOf(pattern: Pattern): readonly string[] {
  switch (pattern.kind) {
    case 'variable':
      return [pattern.name];
    case 'array':
      return pattern.items.flatMap(variablesOf);
    case 'object':
      return pattern.entries.flatMap((entry) => [...(entry.variable === null ? [] : [entry.variable]), ...(entry.value === null ? [] : variablesOf(entry.value))]);
  }
}

function compilePattern(c: Compilation, pattern: Pattern, scope: Scope, names: readonly string[]): Fill {
  switch (pattern.kind) {
    case 'variable': {
      const slot = names.indexOf(pattern.name);
      return (_m, _env, value, slots, then) => {
        slots[slot] = value;
        return then();
      };
    }
    case 'array': {
      const items = pattern.items.map((item) => compilePattern(c, item, scope, names));
      return (m, env, value, slots, then) => {
        if (value !== null && !isArray(value)) throw typeFailure(`Cannot index ${typeName(value)} with number`);
        const next = (at: number): boolean => {
          const item = items[at];
          if (item === undefined) return then();
          tick(m);
          return item(m, env, index(m, value, at), slots, () => next(at + 1));
        };
        return next(0);
      };
    }
    case 'object': {
      const entries = pattern.entries.map((entry) => ({
        key: c.compile(entry.key, scope),
        slot: entry.variable === null ? -1 : names.indexOf(entry.variable),
        fill: entry.value === null ? null : compilePattern(c, entry.value, scope, names),
      }));
      return (m, env, value, slots, then) => {
        const next = (at: number): boolean => {
          const entry = entries[at];
          if (entry === undefined) return then();
          return eachMember(m, env, entry.key, value, (member) => {
            if (entry.slot >= 0) slots[entry.slot] = member;
            return entry.fill === null ? next(at + 1) : entry.fill(m, env, member, slots, () => next(at + 1));
          });
        };
        return next(0);
      };
    }
  }
}

function eachMember(m: Meter, env: Env, key: Code, value: JsonValue, use: (member: JsonValue) => boolean): boolean {
  return key.each(m, env, value, (name) => {
    tick(m);
    if (typeof name !== 'string') throw typeFailure(`Cannot index ${isObject(value) ? 'object' : typeName(value)} with ${typeName(name)}`);
    return use(index(m, value, name));
  });
}
