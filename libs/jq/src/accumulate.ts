// Updates of `reduce` that may change the state in place: `. + X`, `.a[$k] += X` and the like, chained by pipes and
// chosen by `if`. Written naively, such a fold copies its growing state at every step and costs the square.
//
// Invariants:
// 1. Only containers that this fold has made itself are changed; the `Owned` set names them.
// 2. X never sees the state, so no reference to an owned container can get out before the fold ends.

import { add, ARITHMETIC } from './arithmetic.ts';
import { allocateArray, allocateObject, allocateString, tick } from './budget.ts';
import type { Meter } from './budget.ts';
import type { Env, OneCode } from './code.ts';
import { updatePath } from './edit.ts';
import { isArray, isObject, isTrue, setMember } from './json-value.ts';
import type { JsonValue, OpenObject } from './json-value.ts';
import { memberKeys } from './members.ts';
import { childrenOf } from './node-builder.ts';
import type { Compilation, Scope } from './scope.ts';
import type { ArithmeticOperator, Node, NodeOf } from './syntax.ts';

/** One step of a fold: the next state, which may be the old one changed. */
export type Accumulation = (m: Meter, env: Env, state: JsonValue, owned: Set<object>) => JsonValue;

/** The update as an accumulation, or null when it is of another shape. */
export function compileAccumulation(c: Compilation, node: Node, scope: Scope): Accumulation | null {
  switch (node.kind) {
    case 'identity':
      return (_m, _env, state) => state;
    case 'arithmetic':
      return node.operator === '+' && node.left.kind === 'identity' ? compilePlus(c, node.right, scope) : null;
    case 'update':
      return compileEdit(c, node, scope);
    case 'pipe':
      return chain(node.stages.map((stage) => compileAccumulation(c, stage, scope)));
    case 'if':
      return compileChoice(c, node, scope);
    default:
      return null;
  }
}

function chain(steps: readonly (Accumulation | null)[]): Accumulation | null {
  return steps.reduce((before, step) =>
    before === null || step === null ? null : (m, env, state, owned) => step(m, env, before(m, env, state, owned), owned),
  );
}

/** A condition may look at the state: only whether it is true gets out. */
function compileChoice(c: Compilation, node: NodeOf<'if'>, scope: Scope): Accumulation | null {
  const [branch] = node.branches;
  if (branch === undefined || node.branches.length > 1) return null;
  const condition = c.compile(branch.condition, scope);
  const yes = compileAccumulation(c, branch.then, scope);
  const no: Accumulation | null = node.otherwise === null ? (_m, _env, state) => state : compileAccumulation(c, node.otherwise, scope);
  if (condition.multiplicity !== 'one' || yes === null || no === null) return null;
  return (m, env, state, owned) => {
    tick(m);
    return isTrue(condition.run(m, env, state)) ? yes(m, env, state, owned) : no(m, env, state, owned);
  };
}

function compileBlind(c: Compilation, node: Node, scope: Scope): OneCode | null {
  if (!ignoresInput(node)) return null;
  const code = c.compile(node, scope);
  return code.multiplicity === 'one' ? code : null;
}

function compilePlus(c: Compilation, right: Node, scope: Scope): Accumulation | null {
  const operand = compileBlind(c, right, scope);
  if (operand === null) return null;
  return (m, env, state, owned) => {
    tick(m);
    return addInPlace(m, state, operand.run(m, env, null), owned);
  };
}

/** `a + b`, where an `a` of this fold grows in place. The old text of a sum of strings is garbage, so it is not paid again. */
function addInPlace(m: Meter, a: JsonValue, b: JsonValue, owned: Set<object>): JsonValue {
  if (typeof a === 'string' && typeof b === 'string') {
    allocateString(m, b.length);
    return a.length + b.length < MERGED_STRING_MAX ? a + b : add(m, a, b);
  }
  if (isArray(a) && isArray(b)) {
    if (!owned.has(a)) return own(add(m, a, b), owned);
    allocateArray(m, b.length);
    for (let i = 0, { length } = b; i < length; i++) (a as JsonValue[]).push(b[i] as JsonValue);
    return a;
  }
  if (isObject(a) && isObject(b)) {
    if (!owned.has(a)) return own(add(m, a, b), owned);
    const keys = memberKeys(m, b);
    allocateObject(m, keys.length);
    for (const key of keys) setMember(a as OpenObject, key, b[key] as JsonValue);
    return a;
  }
  return add(m, a, b);
}

/** UTF-16 code units; beyond, sums of strings are paid for in full again, which ends at the allocation budget. */
const MERGED_STRING_MAX = 2 ** 24;

function own(value: JsonValue, owned: Set<object>): JsonValue {
  if (typeof value === 'object' && value !== null) owned.add(value);
  return value;
}

type Combine = (m: Meter, old: JsonValue, value: JsonValue, owned: Set<object>) => JsonValue;

function combinationOf(operator: NodeOf<'update'>['operator']): Combine | null {
  switch (operator) {
    case '|=':
      return null;
    case '=':
      return (_m, _old, value) => value;
    case '+=':
      return addInPlace;
    case '//=':
      return (_m, old, value) => (isTrue(old) ? old : value);
    default: {
      const operation = ARITHMETIC[operator.slice(0, 1) as ArithmeticOperator];
      return (m, old, value) => operation(m, old, value);
    }
  }
}

function compileEdit(c: Compilation, node: NodeOf<'update'>, scope: Scope): Accumulation | null {
  const combine = combinationOf(node.operator);
  const keys = compileKeys(c, node.target, scope);
  const value = compileBlind(c, node.value, scope);
  if (combine === null || keys === null || value === null) return null;
  return (m, env, state, owned) => {
    const operand = value.run(m, env, null);
    const path = keys.map((key) => key.run(m, env, state));
    const change = (old: JsonValue): JsonValue => combine(m, old, operand, owned);
    return updatePath(m, state, path, change, owned, true);
  };
}

function compileKeys(c: Compilation, target: Node, scope: Scope): OneCode[] | null {
  if (target.kind === 'identity') return [];
  if (target.kind !== 'index') return null;
  const before = compileKeys(c, target.target, scope);
  const key = before === null ? null : compileBlind(c, target.key, scope);
  return before === null || key === null ? null : [...before, key];
}

/** Whether the value of the expression cannot depend on its input. */
function ignoresInput(node: Node): boolean {
  switch (node.kind) {
    case 'literal':
    case 'variable':
      return true;
    case 'pipe':
      return ignoresInput(node.stages[0] as Node);
    case 'index':
    case 'slice':
    case 'string':
    case 'array':
    case 'object':
    case 'negate':
    case 'arithmetic':
    case 'comparison':
    case 'logic':
    case 'alternative':
    case 'if': {
      for (const child of childrenOf(node)) if (child !== null && !ignoresInput(child)) return false;
      return true;
    }
    default:
      return false;
  }
}
