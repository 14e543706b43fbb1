// Names while compiling: which variable, function, parameter or label a name means, and where its value will be found
// in the environment. A level is the number of environment bindings outside a point of the program.

import type { Code, Multiplicity } from './code.ts';
import type { JsonValue } from './json-value.ts';
import type { Span } from './source-position.ts';
import type { FunctionDefinition, Node } from './syntax.ts';

export interface VariableBinding {
  readonly kind: 'variable';
  readonly name: string;
  readonly level: number;
}
export interface ParameterBinding {
  readonly kind: 'parameter';
  readonly name: string;
  readonly level: number;
  readonly multiplicity: Multiplicity;
}
export interface LabelBinding {
  readonly kind: 'label';
  readonly name: string;
  readonly level: number;
}
export interface FunctionBinding {
  readonly kind: 'function';
  readonly name: string;
  readonly arity: number;
  readonly definition: FunctionDefinition;
  /** The scope that the body sees, the function itself included. */
  readonly scope: () => Scope;
  /** Compiled bodies by the multiplicities of their arguments. */
  readonly instances: Map<string, FunctionInstance>;
}
export type Binding = VariableBinding | ParameterBinding | LabelBinding | FunctionBinding;

/** One compiled body. `code` is null while the body is being compiled, which is when a recursive call sees it. */
export interface FunctionInstance {
  code: Code | null;
  multiplicity: Multiplicity;
  isRecursive: boolean;
}

export interface Scope {
  readonly binding: Binding | null;
  readonly level: number;
  readonly parent: Scope | null;
}

export const ROOT_SCOPE: Scope = { binding: null, level: 0, parent: null };

/** What the parts of the compiler share while compiling one program. */
export interface Compilation {
  readonly source: string;
  /** Declared variables by name, with their position among the values given at evaluation. */
  readonly globals: ReadonlyMap<string, number>;
  readonly compile: (node: Node, scope: Scope) => Code;
  /** Prelude functions in use, by name/arity. */
  readonly prelude: Map<string, FunctionBinding>;
  /**
   * Set when the program can nest values without bound: folds, recursion, fromjson. Anything else nests at most as deeply
   * as its text, its input and one path of bounded length together.
   */
  mayDeepen: boolean;
  nodes: number;
}

/** A call to a builtin: its arguments, compiled. */
export interface CallSite {
  readonly compilation: Compilation;
  readonly scope: Scope;
  readonly args: readonly Code[];
  readonly argSpans: readonly Span[];
  readonly span: Span;
}

export function declareVariable(scope: Scope, name: string): Scope {
  return { binding: { kind: 'variable', name, level: scope.level + 1 }, level: scope.level + 1, parent: scope };
}

export function declareParameter(scope: Scope, name: string, multiplicity: Multiplicity): Scope {
  return { binding: { kind: 'parameter', name, level: scope.level + 1, multiplicity }, level: scope.level + 1, parent: scope };
}

export function declareLabel(scope: Scope, name: string): Scope {
  return { binding: { kind: 'label', name, level: scope.level + 1 }, level: scope.level + 1, parent: scope };
}

/** Functions take no place in the environment: their code is known. */
export function declareFunction(scope: Scope, definition: FunctionDefinition): Scope {
  const inner: { binding: Binding; level: number; parent: Scope } = {
    binding: {
      kind: 'function',
      name: definition.name,
      arity: definition.parameters.length,
      definition,
      scope: () => inner,
      instances: new Map(),
    },
    level: scope.level,
    parent: scope,
  };
  return inner;
}

export function findVariable(scope: Scope, name: string): VariableBinding | null {
  return find(scope, (binding): binding is VariableBinding => binding.kind === 'variable' && binding.name === name);
}

export function findLabel(scope: Scope, name: string): LabelBinding | null {
  return find(scope, (binding): binding is LabelBinding => binding.kind === 'label' && binding.name === name);
}

export function findCallable(scope: Scope, name: string, arity: number): FunctionBinding | ParameterBinding | null {
  return find(
    scope,
    (binding): binding is FunctionBinding | ParameterBinding =>
      (binding.kind === 'function' && binding.name === name && binding.arity === arity) || (binding.kind === 'parameter' && binding.name === name && arity === 0),
  );
}

function find<B extends Binding>(scope: Scope, matches: (binding: Binding) => binding is B): B | null {
  for (let at: Scope | null = scope; at !== null; at = at.parent) if (at.binding !== null && matches(at.binding)) return at.binding;
  return null;
}

/** Names in scope, innermost first, for suggestions. */
export function* bindingsIn(scope: Scope): Iterable<Binding> {
  for (let at: Scope | null = scope; at !== null; at = at.parent) if (at.binding !== null) yield at.binding;
}

/** The constant that the argument is, if it is one. */
export function constantOf(code: Code | undefined): JsonValue | undefined {
  return code !== undefined && code.multiplicity === 'one' ? code.constant : undefined;
}
