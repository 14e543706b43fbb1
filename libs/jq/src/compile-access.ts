// Paths into the input: `.a`, `.[e]`, `.[a:b]`, `.[]`, `..`. What makes these special is that they can also be walked.

import { index, indexByName, iterable, slice } from './access.ts';
import { enter, leave, tick } from './budget.ts';
import type { Meter } from './budget.ts';
import { many, maybe, NO_PATH, one, withWalk } from './code.ts';
import type { Bare, Code, Emit, EmitPath, Path, Walk } from './code.ts';
import { apply2 } from './combine.ts';
import { isCatchable, typeFailure } from './failure.ts';
import { isArray, isInheritedKey, member } from './json-value.ts';
import type { JsonValue } from './json-value.ts';
import { memberKeys } from './members.ts';
import { previewText } from './serialize.ts';
import type { Compilation, Scope } from './scope.ts';
import type { NodeOf } from './syntax.ts';

export function compileIndex(c: Compilation, node: NodeOf<'index'>, scope: Scope): Code {
  const target = c.compile(node.target, scope);
  const key = c.compile(node.key, scope);
  return node.optional ? optionalIndexCode(target, key) : indexCode(target, key);
}

export function indexCode(target: Code, key: Code): Code {
  const name = key.multiplicity === 'one' && typeof key.constant === 'string' ? key.constant : null;
  const bare = name === null ? apply2(target, key, 'b', indexPaid) : indexNamed(target, name);
  return withWalk(bare, () => {
    const walk = target.walk();
    return (m, env, path, input, emit) =>
      key.each(m, env, input, (step) => walk(m, env, path, input, (at, value) => emit(extend(m, at, step, value), index(m, value, step))));
  });
}

/** `.a?`: nothing where the key does not apply. Only this step is guarded. */
function optionalIndexCode(target: Code, key: Code): Code {
  const walk = (): Walk => {
    const walkTarget = target.walk();
    return (m, env, path, input, emit) =>
      key.each(m, env, input, (step) =>
        walkTarget(m, env, path, input, (at, value) => {
          const found = attempt(() => index(m, value, step));
          return found === undefined || emit(extend(m, at, step, value), found);
        }),
      );
  };
  const name = key.multiplicity === 'one' && typeof key.constant === 'string' ? key.constant : null;
  if (name !== null && target.multiplicity !== 'many') {
    const { run } = target;
    return withWalk(
      maybe((m, env, input) => {
        tick(m);
        const value = run(m, env, input);
        if (value === null) return null;
        return typeof value !== 'object' || isArray(value) ? undefined : (member(value, name) ?? null);
      }),
      walk,
    );
  }
  return withWalk(
    many((m, env, input, emit) =>
      key.each(m, env, input, (step) =>
        target.each(m, env, input, (value) => {
          const found = attempt(() => index(m, value, step));
          return found === undefined || emit(found);
        }),
      ),
    ),
    walk,
  );
}

/** Undefined where jq would have failed with a type error. */
function attempt(step: () => JsonValue): JsonValue | undefined {
  try {
    return step();
  } catch (failure) {
    if (!isCatchable(failure)) throw failure;
    return undefined;
  }
}

function indexPaid(m: Meter, _input: JsonValue, target: JsonValue, key: JsonValue): JsonValue {
  tick(m);
  return index(m, target, key);
}

function indexNamed(target: Code, name: string): Bare {
  const lookUp = isInheritedKey(name) ? (value: JsonValue) => indexByName(value, name) : plainLookUp(name);
  switch (target.multiplicity) {
    case 'one': {
      const { run } = target;
      return one((m, env, input) => {
        tick(m);
        return lookUp(run(m, env, input));
      });
    }
    case 'maybe': {
      const { run } = target;
      return maybe((m, env, input) => {
        tick(m);
        const value = run(m, env, input);
        return value === undefined ? undefined : lookUp(value);
      });
    }
    case 'many':
      return many((m, env, input, emit) => target.each(m, env, input, (value) => emit(lookUp(value))));
  }
}

/** A name that no plain object inherits can be read without asking whose it is. */
function plainLookUp(name: string): (value: JsonValue) => JsonValue {
  return (value) => {
    if (typeof value === 'object' && value !== null && !isArray(value)) {
      const found = value[name];
      return found === undefined ? null : found;
    }
    return indexByName(value, name);
  };
}

/** One step further from a place. */
export function extend(m: Meter, path: Path, key: JsonValue, from: JsonValue): Path {
  tick(m);
  if (path === NO_PATH) throw typeFailure((m) => `Invalid path expression near attempt to access element ${previewText(m, key, 30)} of ${previewText(m, from, 30)}`);
  return { key, parent: path };
}

export function compileSlice(c: Compilation, node: NodeOf<'slice'>, scope: Scope): Code {
  const none = withWalk(one(() => null, null));
  const target = c.compile(node.target, scope);
  const from = node.from === null ? none : c.compile(node.from, scope);
  const to = node.to === null ? none : c.compile(node.to, scope);
  if (node.optional) return optionalSliceCode(target, from, to);
  return withWalk(sliceValue(target, from, to), () => {
    const walk = target.walk();
    return (m, env, path, input, emit) =>
      from.each(m, env, input, (start) =>
        to.each(m, env, input, (end) =>
          walk(m, env, path, input, (at, value) => emit(extend(m, at, { start, end }, value), slice(m, value, start, end))),
        ),
      );
  });
}

function optionalSliceCode(target: Code, from: Code, to: Code): Code {
  return withWalk(
    many((m, env, input, emit) =>
      from.each(m, env, input, (start) =>
        to.each(m, env, input, (end) =>
          target.each(m, env, input, (value) => {
            const found = attempt(() => slice(m, value, start, end));
            return found === undefined || emit(found);
          }),
        ),
      ),
    ),
    () => {
      const walk = target.walk();
      return (m, env, path, input, emit) =>
        from.each(m, env, input, (start) =>
          to.each(m, env, input, (end) =>
            walk(m, env, path, input, (at, value) => {
              const found = attempt(() => slice(m, value, start, end));
              return found === undefined || emit(extend(m, at, { start, end }, value), found);
            }),
          ),
        );
    },
  );
}

function sliceValue(target: Code, from: Code, to: Code): Bare {
  if (target.multiplicity === 'one' && from.multiplicity === 'one' && to.multiplicity === 'one') {
    return one((m, env, input) => {
      tick(m);
      const start = from.run(m, env, input);
      const end = to.run(m, env, input);
      return slice(m, target.run(m, env, input), start, end);
    });
  }
  return many((m, env, input, emit) =>
    from.each(m, env, input, (start) => to.each(m, env, input, (end) => target.each(m, env, input, (value) => emit(slice(m, value, start, end))))),
  );
}

export function compileIterate(c: Compilation, node: NodeOf<'iterate'>, scope: Scope): Code {
  const target = c.compile(node.target, scope);
  if (!node.optional) return iterateCode(target);
  return withWalk(
    many((m, env, input, emit) => target.each(m, env, input, (value) => typeof value !== 'object' || value === null || iterate(m, value, emit))),
    () => {
      const walk = target.walk();
      return (m, env, path, input, emit) =>
        walk(m, env, path, input, (at, value) => typeof value !== 'object' || value === null || iteratePaths(m, at, value, emit));
    },
  );
}

export function iterateCode(target: Code): Code {
  return withWalk(
    many((m, env, input, emit) => target.each(m, env, input, (value) => iterate(m, value, emit))),
    () => {
      const walk = target.walk();
      return (m, env, path, input, emit) => walk(m, env, path, input, (at, value) => iteratePaths(m, at, value, emit));
    },
  );
}

/** Hands out the elements or members in order. */
export function iterate(m: Meter, value: JsonValue, emit: Emit): boolean {
  const items = iterable(value);
  if (isArray(items)) {
    for (let i = 0; i < items.length; i++) {
      tick(m);
      if (!emit(items[i] as JsonValue)) return false;
    }
    return true;
  }
  for (const key of memberKeys(m, items)) {
    tick(m);
    if (!emit(items[key] as JsonValue)) return false;
  }
  return true;
}

export function iteratePaths(m: Meter, path: Path, value: JsonValue, emit: EmitPath): boolean {
  if (path === NO_PATH) throw typeFailure((m) => `Invalid path expression near attempt to iterate through ${previewText(m, value, 30)}`);
  const items = iterable(value);
  if (isArray(items)) {
    for (let i = 0; i < items.length; i++) {
      tick(m);
      if (!emit({ key: i, parent: path }, items[i] as JsonValue)) return false;
    }
    return true;
  }
  for (const key of memberKeys(m, items)) {
    tick(m);
    if (!emit({ key, parent: path }, items[key] as JsonValue)) return false;
  }
  return true;
}

/** `..`: the value itself, then everything below it, depth first. */
export function recurseCode(): Code {
  return withWalk(
    many((m, _env, input, emit) => recurse(m, input, emit)),
    () => (m, _env, path, input, emit) => recursePaths(m, path, input, emit),
  );
}

function recurse(m: Meter, value: JsonValue, emit: Emit): boolean {
  tick(m);
  if (!emit(value)) return false;
  if (typeof value !== 'object' || value === null) return true;
  enter(m, 2);
  const more = iterate(m, value, (item) => recurse(m, item, emit));
  leave(m, 2);
  return more;
}

function recursePaths(m: Meter, path: Path, value: JsonValue, emit: EmitPath): boolean {
  tick(m);
  if (!emit(path, value)) return false;
  if (typeof value !== 'object' || value === null) return true;
  enter(m, 2);
  const more = iteratePaths(m, path, value, (at, item) => recursePaths(m, at, item, emit));
  leave(m, 2);
  return more;
}

/** The keys of a place, outermost first. */
export function pathKeys(m: Meter, path: Path, value: JsonValue): JsonValue[] {
  if (path === NO_PATH) throw typeFailure((m) => `Invalid path expression with result ${previewText(m, value, 30)}`);
  const keys: JsonValue[] = [];
  for (let at = path; at.parent !== null; at = at.parent) {
    tick(m);
    keys.push(at.key);
  }
  return keys.reverse();
}
