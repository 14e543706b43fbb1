// The syntax tree of a jq program. Every node knows its place in the source.

import type { JsonValue } from './json-value.ts';
import type { Span } from './source-position.ts';

export type ArithmeticOperator = '+' | '-' | '*' | '/' | '%';
export type ComparisonOperator = '==' | '!=' | '<' | '<=' | '>' | '>=';
export type UpdateOperator = '=' | '|=' | '+=' | '-=' | '*=' | '/=' | '%=' | '//=';

export interface FunctionDefinition extends Span {
  readonly name: string;
  readonly parameters: readonly Parameter[];
  readonly body: Node;
}

/** `f` is a closure parameter, `$f` a value parameter that is callable as `f` too. */
export interface Parameter extends Span {
  readonly name: string;
  readonly isValue: boolean;
}

export interface ObjectEntry {
  readonly key: Node;
  readonly value: Node;
}

export type Pattern = Span &
  (
    | { readonly kind: 'variable'; readonly name: string }
    | { readonly kind: 'array'; readonly items: readonly Pattern[] }
    | { readonly kind: 'object'; readonly entries: readonly PatternEntry[] }
  );

export interface PatternEntry {
  /** The key; a variable key (`$name`) also binds that variable to the member. */
  readonly key: Node;
  readonly variable: string | null;
  readonly value: Pattern | null;
}

export interface Branch {
  readonly condition: Node;
  readonly then: Node;
}

export type NodeBody =
  | { readonly kind: 'identity' }
  | { readonly kind: 'recurse' }
  | { readonly kind: 'literal'; readonly value: JsonValue }
  /** Optional steps (`.a?`) yield nothing where the step itself does not apply; errors of the target pass. */
  | { readonly kind: 'index'; readonly target: Node; readonly key: Node; readonly optional: boolean }
  | { readonly kind: 'slice'; readonly target: Node; readonly from: Node | null; readonly to: Node | null; readonly optional: boolean }
  | { readonly kind: 'iterate'; readonly target: Node; readonly optional: boolean }
  | { readonly kind: 'string'; readonly format: string | null; readonly parts: readonly (string | Node)[] }
  | { readonly kind: 'format'; readonly format: string }
  | { readonly kind: 'array'; readonly body: Node | null }
  | { readonly kind: 'object'; readonly entries: readonly ObjectEntry[] }
  | { readonly kind: 'negate'; readonly operand: Node }
  | { readonly kind: 'pipe'; readonly stages: readonly Node[] }
  | { readonly kind: 'comma'; readonly items: readonly Node[] }
  | { readonly kind: 'arithmetic'; readonly operator: ArithmeticOperator; readonly left: Node; readonly right: Node }
  | { readonly kind: 'comparison'; readonly operator: ComparisonOperator; readonly left: Node; readonly right: Node }
  | { readonly kind: 'logic'; readonly operator: 'and' | 'or'; readonly left: Node; readonly right: Node }
  | { readonly kind: 'alternative'; readonly left: Node; readonly right: Node }
  | { readonly kind: 'update'; readonly operator: UpdateOperator; readonly target: Node; readonly value: Node }
  | { readonly kind: 'if'; readonly branches: readonly Branch[]; readonly otherwise: Node | null }
  | { readonly kind: 'try'; readonly body: Node; readonly handler: Node | null }
  | { readonly kind: 'reduce'; readonly source: Node; readonly patterns: readonly Pattern[]; readonly initial: Node; readonly update: Node }
  | {
      readonly kind: 'foreach';
      readonly source: Node;
      readonly patterns: readonly Pattern[];
      readonly initial: Node;
      readonly update: Node;
      readonly extract: Node | null;
    }
  | { readonly kind: 'bind'; readonly source: Node; readonly patterns: readonly Pattern[]; readonly body: Node }
  | { readonly kind: 'define'; readonly definition: FunctionDefinition; readonly rest: Node }
  | { readonly kind: 'call'; readonly name: string; readonly args: readonly Node[] }
  | { readonly kind: 'variable'; readonly name: string }
  | { readonly kind: 'label'; readonly name: string; readonly body: Node }
  | { readonly kind: 'break'; readonly name: string };

/** `height` is the length of the longest way down the tree; it bounds the recursion of everything that visits it. */
export type Node = NodeBody & Span & { readonly height: number };

export type NodeOf<K extends NodeBody['kind']> = Extract<NodeBody, { readonly kind: K }> & Span & { readonly height: number };
