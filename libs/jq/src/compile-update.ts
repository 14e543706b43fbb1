// Assignment: `=`, `|=`, `+=` and the others. All are folds over the places that the left side names in the input.

import { ARITHMETIC } from './arithmetic.ts';
import { tick } from './budget.ts';
import type { Meter } from './budget.ts';
import { many, maybe, one, ROOT_PATH, withWalk } from './code.ts';
import type { Bare, Code, Env, OneCode, RunOne, Walk } from './code.ts';
import { pathKeys } from './compile-access.ts';
import { deletePaths, updatePath } from './edit.ts';
import type { Owned } from './edit.ts';
import { isTrue } from './json-value.ts';
import type { JsonValue } from './json-value.ts';
import type { Compilation, Scope } from './scope.ts';
import type { ArithmeticOperator, Node, NodeOf } from './syntax.ts';

/** Calls back with every place the target names in the input, and answers the changed value. */
type EditAll = (m: Meter, env: Env, input: JsonValue, change: (old: JsonValue) => JsonValue | undefined) => JsonValue;

export function compileUpdate(c: Compilation, node: NodeOf<'update'>, scope: Scope): Code {
  const editAll = compileTarget(c, node.target, scope);
  const value = c.compile(node.value, scope);
  if (node.operator === '|=') return withWalk(one(modify(editAll, value)));
  const change = changeBy(node.operator);
  return withWalk(assign(editAll, value, change));
}

type Change = (m: Meter, old: JsonValue, value: JsonValue) => JsonValue;

function changeBy(operator: NodeOf<'update'>['operator']): Change {
  switch (operator) {
    case '=':
    case '|=':
      return (_m, _old, value) => value;
    case '//=':
      return (_m, old, value) => (isTrue(old) ? old : value);
    default:
      return ARITHMETIC[operator.slice(0, 1) as ArithmeticOperator];
  }
}

/** The right side sees the whole input; every one of its outputs makes a result. */
function assign(editAll: EditAll, value: Code, change: Change): Bare {
  const edit = (m: Meter, env: Env, input: JsonValue, operand: JsonValue): JsonValue => editAll(m, env, input, (old) => change(m, old, operand));
  switch (value.multiplicity) {
    case 'one': {
      const { run } = value;
      return one((m, env, input) => edit(m, env, input, run(m, env, input)));
    }
    case 'maybe': {
      const { run } = value;
      return maybe((m, env, input) => {
        const operand = run(m, env, input);
        return operand === undefined ? undefined : edit(m, env, input, operand);
      });
    }
    case 'many':
      return many((m, env, input, emit) => value.each(m, env, input, (operand) => emit(edit(m, env, input, operand))));
  }
}

/** The right side sees the old value at each place; its first output replaces it, without one the place is removed. */
function modify(editAll: EditAll, value: Code): RunOne {
  if (value.multiplicity === 'many') {
    return (m, env, input) =>
      editAll(m, env, input, (old) => {
        let first: JsonValue | undefined;
        value.each(m, env, old, (next) => {
          first = next;
          return false;
        });
        return first;
      });
  }
  const { run } = value;
  return (m, env, input) => editAll(m, env, input, (old) => run(m, env, old));
}

function compileTarget(c: Compilation, target: Node, scope: Scope): EditAll {
  const keys = fixedKeys(c, target, scope);
  return keys === null ? editWalked(c.compile(target, scope).walk()) : editFixed(keys);
}

/** The keys of a target such as `.a[$i].b`, which names exactly one place; null for any other. */
function fixedKeys(c: Compilation, target: Node, scope: Scope): OneCode[] | null {
  if (target.kind === 'identity') return [];
  if (target.kind !== 'index') return null;
  const before = fixedKeys(c, target.target, scope);
  if (before === null) return null;
  const key = c.compile(target.key, scope);
  return key.multiplicity === 'one' ? [...before, key] : null;
}

function editFixed(keys: readonly OneCode[]): EditAll {
  return (m, env, input, change) => {
    const path = keys.map((key) => key.run(m, env, input));
    let isRemoved = false;
    const result = updatePath(
      m,
      input,
      path,
      (old) => {
        const next = change(old);
        if (next !== undefined) return next;
        isRemoved = true;
        return old;
      },
      null,
    );
    return isRemoved ? deletePaths(m, input, [path]) : result;
  };
}

function editWalked(walk: Walk): EditAll {
  return (m, env, input, change) => {
    const owned: Owned = new Set<object>();
    const removed: JsonValue[] = [];
    let result = input;
    walk(m, env, ROOT_PATH, input, (place, value) => {
      tick(m);
      const path = pathKeys(m, place, value);
      let isRemoved = false;
      const edited = updatePath(
        m,
        result,
        path,
        (old) => {
          const next = change(old);
          if (next !== undefined) return next;
          isRemoved = true;
          return old;
        },
        owned,
      );
      if (isRemoved) removed.push(path);
      else result = edited;
      return true;
    });
    return removed.length === 0 ? result : deletePaths(m, result, removed);
  };
}
