// Destructuring patterns: what follows `as`.

import type { Rules } from './parser.ts';
import { makeNode } from './node-builder.ts';
import { refuse } from './source-position.ts';
import type { Node, Pattern, PatternEntry } from './syntax.ts';
import { describe } from './token-cursor.ts';
import { parseStringToken } from './parse-string.ts';

/** One pattern, or several joined by `?//`. */
export function parsePatterns(rules: Rules): readonly Pattern[] {
  const patterns = [parsePattern(rules)];
  while (rules.cursor.acceptSymbol('?//')) patterns.push(parsePattern(rules));
  return patterns;
}

function parsePattern(rules: Rules): Pattern {
  const { cursor } = rules;
  const token = cursor.peek();
  if (token.kind === 'variable') {
    cursor.next();
    return { kind: 'variable', name: token.name, offset: token.offset, length: token.length };
  }
  if (cursor.acceptSymbol('[')) {
    const items: Pattern[] = [];
    do items.push(cursor.nested(() => parsePattern(rules)));
    while (cursor.acceptSymbol(','));
    cursor.expectSymbol(']', 'to close the array pattern');
    return { kind: 'array', items, ...cursor.spanFrom(token.offset) };
  }
  if (cursor.acceptSymbol('{')) {
    const entries: PatternEntry[] = [];
    do entries.push(cursor.nested(() => parseEntry(rules)));
    while (cursor.acceptSymbol(','));
    cursor.expectSymbol('}', 'to close the object pattern');
    return { kind: 'object', entries, ...cursor.spanFrom(token.offset) };
  }
  return refuse(`expected a variable such as "$name" or a pattern such as [$a, $b] or {a: $a}, found ${describe(token)}`, token);
}

function parseEntry(rules: Rules): PatternEntry {
  const { cursor } = rules;
  const token = cursor.next();
  const value = (): Pattern => {
    cursor.expectSymbol(':', 'between a key and its pattern');
    return parsePattern(rules);
  };
  const literal = (text: string): Node => makeNode({ kind: 'literal', value: text }, token);
  switch (token.kind) {
    case 'variable':
      return { key: literal(token.name), variable: token.name, value: cursor.isSymbol(':') ? value() : null };
    case 'name':
    case 'keyword':
      return { key: literal(token.name), variable: null, value: value() };
    case 'string':
      return { key: parseStringToken(rules, token, null), variable: null, value: value() };
    default: {
      if (token.kind !== 'symbol' || token.text !== '(') return refuse(`expected a key of the object pattern, found ${describe(token)}`, token);
      const key = rules.pipe();
      cursor.expectSymbol(')', 'after the key expression');
      return { key, variable: null, value: value() };
    }
  }
}
