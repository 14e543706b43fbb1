// String tokens to nodes: a plain string is a literal, one with interpolations keeps its parts.

import type { Token } from './lexer.ts';
import { makeNode } from './node-builder.ts';
import type { Rules } from './parser.ts';
import type { Node } from './syntax.ts';

export type StringToken = Extract<Token, { readonly kind: 'string' }>;

export function parseStringToken(rules: Rules, token: StringToken, format: string | null): Node {
  const first = token.parts[0];
  if (token.parts.length === 0) return makeNode({ kind: 'literal', value: '' }, token);
  if (token.parts.length === 1 && typeof first === 'string') return makeNode({ kind: 'literal', value: first }, token);
  const parts = token.parts.map((part) => (typeof part === 'string' ? part : rules.interpolation(part)));
  return makeNode({ kind: 'string', format, parts }, token);
}
