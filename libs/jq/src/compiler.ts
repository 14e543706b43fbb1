// The syntax tree to code. This file only decides who compiles what; the parts live beside it.

import { ARITHMETIC, negate } from './arithmetic.ts';
import { tick } from './budget.ts';
import type { Meter } from './budget.ts';
import { withWalk } from './code.ts';
import type { Code } from './code.ts';
import { apply1, apply2 } from './combine.ts';
import { compileIndex, compileIterate, compileSlice, recurseCode } from './compile-access.ts';
import { compileBind, compileForeach, compileReduce, compileVariable } from './compile-binding.ts';
import { compileCall } from './compile-call.ts';
import { compileArray, compileFormat, compileObject, compileString, literalCode } from './compile-construct.ts';
import {
  compileAlternative,
  compileComma,
  compileIf,
  compileLogic,
  compilePipe,
  compileTry,
  identityCode,
} from './compile-control.ts';
import { compileBreak, compileLabel } from './compile-label.ts';
import { compileUpdate } from './compile-update.ts';
import type { JsonValue } from './json-value.ts';
import { compare, equal } from './ordering.ts';
import { declareFunction, ROOT_SCOPE } from './scope.ts';
import type { Compilation, Scope } from './scope.ts';
import { refuse } from './source-position.ts';
import type { ComparisonOperator, Node, NodeOf } from './syntax.ts';

/** Compiled nodes of one program, counting a function once for each way it is called. */
export const COMPILED_NODES_MAX = 20_000;

export interface Compiled {
  readonly code: Code;
  readonly mayDeepen: boolean;
}

/** Compiles a parsed program; throws RefusalSignal at the first name that means nothing. */
export function compileTree(source: string, tree: Node, variables: readonly string[]): Compiled {
  const compilation: Compilation = {
    source,
    globals: new Map(variables.map((name, i) => [name, i])),
    compile: (node, scope) => {
      if (++compilation.nodes > COMPILED_NODES_MAX) refuse(`the expression grows beyond ${COMPILED_NODES_MAX} parts when its functions are expanded: use fewer functions within functions`, node);
      return compileNode(compilation, node, scope);
    },
    prelude: new Map(),
    mayDeepen: false,
    nodes: 0,
  };
  const code = compilation.compile(tree, ROOT_SCOPE);
  return { code, mayDeepen: compilation.mayDeepen };
}

function compileNode(c: Compilation, node: Node, scope: Scope): Code {
  switch (node.kind) {
    case 'identity':
      return identityCode();
    case 'recurse':
      return recurseCode();
    case 'literal':
      return literalCode(node.value);
    case 'index':
      return compileIndex(c, node, scope);
    case 'slice':
      return compileSlice(c, node, scope);
    case 'iterate':
      return compileIterate(c, node, scope);
    case 'string':
      return compileString(c, node, scope);
    case 'format':
      return compileFormat(node);
    case 'array':
      return compileArray(c, node, scope);
    case 'object':
      return compileObject(c, node, scope);
    case 'negate':
      return compileNegate(c, node, scope);
    case 'pipe':
      return compilePipe(c, node, scope);
    case 'comma':
      return compileComma(c, node, scope);
    case 'arithmetic':
      return compileArithmetic(c, node, scope);
    case 'comparison':
      return compileComparison(c, node, scope);
    case 'logic':
      return compileLogic(c, node, scope);
    case 'alternative':
      return compileAlternative(c, node, scope);
    case 'update':
      return compileUpdate(c, node, scope);
    case 'if':
      return compileIf(c, node, scope);
    case 'try':
      return compileTry(c, node, scope);
    case 'reduce':
      return compileReduce(c, node, scope);
    case 'foreach':
      return compileForeach(c, node, scope);
    case 'bind':
      return compileBind(c, node, scope);
    case 'define':
      return c.compile(node.rest, declareFunction(scope, node.definition));
    case 'call':
      return compileCall(c, node, scope);
    case 'variable':
      return compileVariable(c, node, scope);
    case 'label':
      return compileLabel(c, node, scope);
    case 'break':
      return compileBreak(node, scope);
  }
}

function compileNegate(c: Compilation, node: NodeOf<'negate'>, scope: Scope): Code {
  const operand = c.compile(node.operand, scope);
  if (operand.multiplicity === 'one' && typeof operand.constant === 'number') return literalCode(-operand.constant);
  return withWalk(apply1(operand, (_m, _input, value) => negate(value)));
}

/** Left changes before right, so right is the slow side. */
function compileArithmetic(c: Compilation, node: NodeOf<'arithmetic'>, scope: Scope): Code {
  const operation = ARITHMETIC[node.operator];
  return withWalk(
    apply2(c.compile(node.left, scope), c.compile(node.right, scope), 'b', (m, _input, a, b) => {
      tick(m);
      return operation(m, a, b);
    }),
  );
}

const COMPARISONS: Readonly<Record<ComparisonOperator, (m: Meter, a: JsonValue, b: JsonValue) => boolean>> = {
  '==': equal,
  '!=': (m, a, b) => !equal(m, a, b),
  '<': (m, a, b) => compare(m, a, b) < 0,
  '<=': (m, a, b) => compare(m, a, b) <= 0,
  '>': (m, a, b) => compare(m, a, b) > 0,
  '>=': (m, a, b) => compare(m, a, b) >= 0,
};

function compileComparison(c: Compilation, node: NodeOf<'comparison'>, scope: Scope): Code {
  const holds = COMPARISONS[node.operator];
  return withWalk(apply2(c.compile(node.left, scope), c.compile(node.right, scope), 'b', (m, _input, a, b) => holds(m, a, b)));
}
