// Variables and folds: `as`, `reduce`, `foreach`, `$name`.

import { compileAccumulation } from './accumulate.ts';
import type { Accumulation } from './accumulate.ts';
import { tick } from './budget.ts';
import type { Meter } from './budget.ts';
import { many, maybe, NO_PATH, one, outer, withWalk } from './code.ts';
import type { Bare, Code, Env, Path } from './code.ts';
import { literalCode } from './compile-construct.ts';
import { compilePatterns } from './destructure.ts';
import type { Destructuring } from './destructure.ts';
import type { JsonValue } from './json-value.ts';
import { findVariable } from './scope.ts';
import type { Compilation, Scope } from './scope.ts';
import { lineAndColumn, refuse } from './source-position.ts';
import { unknownVariable } from './suggestions.ts';
import type { NodeOf } from './syntax.ts';

export function compileVariable(c: Compilation, node: NodeOf<'variable'>, scope: Scope): Code {
  if (node.name === '__loc__') return literalCode({ file: '<top-level>', line: lineAndColumn(c.source, node.offset).line });
  const local = findVariable(scope, node.name);
  if (local !== null) return withWalk(localValue(scope.level - local.level));
  const position = c.globals.get(node.name);
  if (position !== undefined) {
    return withWalk(
      one((m) => {
        const value = m.globals[position];
        return value === undefined ? null : value;
      }),
    );
  }
  if (node.name === 'ENV') return refuse('$ENV is not available: expressions do not see the environment of the process', node);
  return refuse(unknownVariable(node.name, scope, c.globals.keys()), node);
}

function localValue(steps: number): Bare {
  if (steps === 0) return one((_m, env) => env.value);
  if (steps === 1) return one((_m, env) => (env.next === null ? null : env.next.value));
  return one((_m, env) => outer(env, steps).value);
}

export function compileBind(c: Compilation, node: NodeOf<'bind'>, scope: Scope): Code {
  const source = c.compile(node.source, scope);
  const pattern = compilePatterns(c, node.patterns, scope);
  const body = c.compile(node.body, pattern.scope);
  return withWalk(bindValue(source, pattern, body), () => {
    const walk = body.walk();
    return (m, env, path, input, emit) =>
      source.each(m, env, input, (value) => {
        tick(m);
        return pattern.each(m, env, value, (inner) => walk(m, inner, path, input, emit));
      });
  });
}

function bindValue(source: Code, pattern: Destructuring, body: Code): Bare {
  const { bindOne } = pattern;
  if (bindOne === null || source.multiplicity === 'many') {
    return many((m, env, input, emit) =>
      source.each(m, env, input, (value) => {
        tick(m);
        return pattern.each(m, env, value, (inner) => body.each(m, inner, input, emit));
      }),
    );
  }
  const { run } = source;
  if (body.multiplicity === 'many') {
    return many((m, env, input, emit) => {
      const value = run(m, env, input);
      return value === undefined ? true : body.each(m, bindOne(env, value), input, emit);
    });
  }
  if (source.multiplicity === 'one' && body.multiplicity === 'one') {
    const runSource = source.run;
    const runBody = body.run;
    return one((m, env, input) => runBody(m, bindOne(env, runSource(m, env, input)), input));
  }
  const runBody = body.run;
  return maybe((m, env, input) => {
    const value = run(m, env, input);
    return value === undefined ? undefined : runBody(m, bindOne(env, value), input);
  });
}

/** The last output of the update is the next state; without any it is null. */
export function compileReduce(c: Compilation, node: NodeOf<'reduce'>, scope: Scope): Code {
  c.mayDeepen = true;
  const source = c.compile(node.source, scope);
  const pattern = compilePatterns(c, node.patterns, scope);
  const initial = c.compile(node.initial, scope);
  const update = c.compile(node.update, pattern.scope);
  const accumulation = node.patterns.length === 1 ? compileAccumulation(c, node.update, pattern.scope) : null;
  return withWalk(reduceValue(source, pattern, initial, update, accumulation), () => {
    const walkInitial = initial.walk();
    const walkUpdate = update.walk();
    return (m, env, path, input, emit) =>
      walkInitial(m, env, path, input, (startPath, start) => {
        let statePath: Path = startPath;
        let state = start;
        source.each(m, env, input, (value) =>
          pattern.each(m, env, value, (inner) => {
            tick(m);
            const from = state;
            const fromPath = statePath;
            state = null;
            statePath = NO_PATH;
            return walkUpdate(m, inner, fromPath, from, (at, next) => {
              statePath = at;
              state = next;
              return true;
            });
          }),
        );
        return emit(statePath, state);
      });
  });
}

type Fold = (m: Meter, env: Env, input: JsonValue, start: JsonValue) => JsonValue;

function accumulatingFold(source: Code, pattern: Destructuring, accumulate: Accumulation): Fold {
  return (m, env, input, start) => {
    const owned = new Set<object>();
    let state = start;
    source.each(m, env, input, (value) =>
      pattern.each(m, env, value, (inner) => {
        tick(m);
        state = accumulate(m, inner, state, owned);
        return true;
      }),
    );
    return state;
  };
}

function reduceValue(source: Code, pattern: Destructuring, initial: Code, update: Code, accumulation: Accumulation | null): Bare {
  const { bindOne } = pattern;
  const fold: Fold =
    accumulation !== null
      ? accumulatingFold(source, pattern, accumulation)
      : bindOne !== null && update.multiplicity === 'one'
      ? (m, env, input, start) => {
          let state = start;
          const { run } = update;
          source.each(m, env, input, (value) => {
            tick(m);
            state = run(m, bindOne(env, value), state);
            return true;
          });
          return state;
        }
      : (m, env, input, start) => {
          let state = start;
          source.each(m, env, input, (value) =>
            pattern.each(m, env, value, (inner) => {
              tick(m);
              const from = state;
              state = null;
              return update.each(m, inner, from, (next) => {
                state = next;
                return true;
              });
            }),
          );
          return state;
        };
  switch (initial.multiplicity) {
    case 'one': {
      const { run } = initial;
      return one((m, env, input) => fold(m, env, input, run(m, env, input)));
    }
    case 'maybe': {
      const { run } = initial;
      return maybe((m, env, input) => {
        const start = run(m, env, input);
        return start === undefined ? undefined : fold(m, env, input, start);
      });
    }
    case 'many':
      return many((m, env, input, emit) => initial.each(m, env, input, (start) => emit(fold(m, env, input, start))));
  }
}

/** Emits what `extract` makes of every state. */
export function compileForeach(c: Compilation, node: NodeOf<'foreach'>, scope: Scope): Code {
  c.mayDeepen = true;
  const source = c.compile(node.source, scope);
  const pattern = compilePatterns(c, node.patterns, scope);
  const initial = c.compile(node.initial, scope);
  const update = c.compile(node.update, pattern.scope);
  const extract = node.extract === null ? null : c.compile(node.extract, pattern.scope);
  return withWalk(
    many((m, env, input, emit) =>
      initial.each(m, env, input, (start) => {
        let state = start;
        return source.each(m, env, input, (value) =>
          pattern.each(m, env, value, (inner) => {
            tick(m);
            const from = state;
            state = null;
            return update.each(m, inner, from, (next) => {
              state = next;
              return extract === null ? emit(next) : extract.each(m, inner, next, emit);
            });
          }),
        );
      }),
    ),
    () => {
      const walkInitial = initial.walk();
      const walkUpdate = update.walk();
      const walkExtract = extract?.walk() ?? null;
      return (m, env, path, input, emit) =>
        walkInitial(m, env, path, input, (startPath, start) => {
          let statePath: Path = startPath;
          let state = start;
          return source.each(m, env, input, (value) =>
            pattern.each(m, env, value, (inner) => {
              tick(m);
              const from = state;
              const fromPath = statePath;
              state = null;
              statePath = NO_PATH;
              return walkUpdate(m, inner, fromPath, from, (at, next) => {
                statePath = at;
                state = next;
                return walkExtract === null ? emit(at, next) : walkExtract(m, inner, at, next, emit);
              });
            }),
          );
        });
    },
  );
}
