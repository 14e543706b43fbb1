// Terms: everything that binds tighter than an operator, with the suffixes `.a`, `[…]`, `?` and `as`.

import type { JsonValue } from './json-value.ts';
import { makeNode } from './node-builder.ts';
import { parsePatterns } from './parse-pattern.ts';
import { parseStringToken } from './parse-string.ts';
import type { Rules } from './parser.ts';
import { refuse } from './source-position.ts';
import type { Branch, Node, ObjectEntry, Pattern } from './syntax.ts';
import { describe } from './token-cursor.ts';

/** A term with its suffixes; `TERM as PATTERN | BODY` takes the rest of the pipe as its body. */
export function parseTerm(rules: Rules): Node {
  const { cursor } = rules;
  const start = cursor.peek().offset;
  const source = parsePostfix(rules);
  if (!cursor.acceptKeyword('as')) return source;
  const patterns = parsePatterns(rules);
  cursor.expectSymbol('|', 'after the variables, before the expression that uses them');
  const body = rules.pipe();
  return makeNode({ kind: 'bind', source, patterns, body }, cursor.spanFrom(start));
}

function parsePostfix(rules: Rules): Node {
  const { cursor } = rules;
  const start = cursor.peek().offset;
  let term = parsePrimary(rules);
  for (;;) {
    const token = cursor.peek();
    if (token.kind === 'field') {
      cursor.next();
      const key = makeNode({ kind: 'literal', value: token.name }, token);
      term = makeNode({ kind: 'index', target: term, key, optional: optional(rules) }, cursor.spanFrom(start));
    } else if (token.kind === 'symbol' && token.text === '.') {
      const after = cursor.peekAfter();
      if (after.kind === 'string') {
        cursor.next();
        cursor.next();
        term = makeNode({ kind: 'index', target: term, key: parseStringToken(rules, after, null), optional: optional(rules) }, cursor.spanFrom(start));
      } else if (after.kind === 'symbol' && after.text === '[') {
        cursor.next();
      } else {
        return refuse(`expected a key after ".", found ${describe(after)}`, after);
      }
    } else if (token.kind === 'symbol' && token.text === '[') {
      cursor.next();
      term = parseBracketSuffix(rules, term, start);
    } else if (optional(rules)) {
      term = makeNode({ kind: 'try', body: term, handler: null }, cursor.spanFrom(start));
    } else {
      return term;
    }
  }
}

/** Takes a `?`, also the one at the start of `?//` where that cannot mean alternative patterns. */
function optional({ cursor }: Rules): boolean {
  if (cursor.isSymbol('?//')) cursor.splitOptionalAlternative();
  return cursor.acceptSymbol('?');
}

function parseBracketSuffix(rules: Rules, target: Node, start: number): Node {
  const { cursor } = rules;
  if (cursor.acceptSymbol(']')) return makeNode({ kind: 'iterate', target, optional: optional(rules) }, cursor.spanFrom(start));
  if (cursor.acceptSymbol(':')) {
    const to = rules.pipe();
    cursor.expectSymbol(']', 'to close the slice');
    return makeNode({ kind: 'slice', target, from: null, to, optional: optional(rules) }, cursor.spanFrom(start));
  }
  const key = rules.pipe();
  if (!cursor.acceptSymbol(':')) {
    cursor.expectSymbol(']', 'to close the index');
    return makeNode({ kind: 'index', target, key, optional: optional(rules) }, cursor.spanFrom(start));
  }
  const to = cursor.isSymbol(']') ? null : rules.pipe();
  cursor.expectSymbol(']', 'to close the slice');
  return makeNode({ kind: 'slice', target, from: key, to, optional: optional(rules) }, cursor.spanFrom(start));
}

function parsePrimary(rules: Rules): Node {
  const { cursor } = rules;
  const token = cursor.peek();
  switch (token.kind) {
    case 'number':
      cursor.next();
      return makeNode({ kind: 'literal', value: token.value }, token);
    case 'string':
      cursor.next();
      return parseStringToken(rules, token, null);
    case 'format': {
      cursor.next();
      const text = cursor.peek();
      if (text.kind !== 'string') return makeNode({ kind: 'format', format: token.name }, token);
      cursor.next();
      return parseStringToken(rules, text, token.name);
    }
    case 'field': {
      cursor.next();
      const key = makeNode({ kind: 'literal', value: token.name }, token);
      return makeNode({ kind: 'index', target: makeNode({ kind: 'identity' }, { offset: token.offset, length: 1 }), key, optional: optional(rules) }, token);
    }
    case 'variable':
      cursor.next();
      return makeNode({ kind: 'variable', name: token.name }, token);
    case 'name':
      return parseCall(rules, token.name);
    case 'keyword':
      return parseKeyword(rules, token.name);
    case 'symbol':
      return parseSymbol(rules, token.text);
    default:
      return refuse(`expected an expression, found ${describe(token)}`, token);
  }
}

const NAMED_LITERALS: ReadonlyMap<string, JsonValue> = new Map<string, JsonValue>([['null', null], ['true', true], ['false', false]]);

function parseCall(rules: Rules, name: string): Node {
  const { cursor } = rules;
  const start = cursor.next();
  const literal = NAMED_LITERALS.get(name);
  if (literal !== undefined && !cursor.isSymbol('(')) return makeNode({ kind: 'literal', value: literal }, start);
  const args: Node[] = [];
  if (name === 'break') {
    const target = cursor.expectVariable('after "break": the label to leave');
    return makeNode({ kind: 'break', name: target.name }, cursor.spanFrom(start.offset));
  }
  if (cursor.acceptSymbol('(')) {
    do args.push(rules.pipe());
    while (cursor.acceptSymbol(';'));
    cursor.expectSymbol(')', `after the arguments of "${name}" (arguments are separated by ";")`);
  }
  return makeNode({ kind: 'call', name, args }, cursor.spanFrom(start.offset));
}

function parseKeyword(rules: Rules, name: string): Node {
  const { cursor } = rules;
  const token = cursor.peek();
  switch (name) {
    case 'if':
      return parseIf(rules);
    case 'try': {
      cursor.next();
      const body = parseGuarded(rules);
      const handler = cursor.acceptKeyword('catch') ? parseGuarded(rules) : null;
      return makeNode({ kind: 'try', body, handler }, cursor.spanFrom(token.offset));
    }
    case 'reduce':
    case 'foreach':
      return parseFold(rules, name);
    case 'label': {
      cursor.next();
      const label = cursor.expectVariable('after "label"');
      cursor.expectSymbol('|', 'after the label');
      const body = rules.pipe();
      return makeNode({ kind: 'label', name: label.name, body }, cursor.spanFrom(token.offset));
    }
    case 'import':
    case 'include':
      return refuse(`"${name}" is not available: expressions have no modules, define functions with "def"`, token);
    default:
      return refuse(`"${name}" is not expected here`, token);
  }
}

/** The operand of `try` and `catch`: a term without `as`, possibly negated. */
function parseGuarded(rules: Rules): Node {
  return rules.cursor.isSymbol('-') ? rules.operand() : rules.cursor.nested(() => parsePostfix(rules));
}

function parseIf(rules: Rules): Node {
  const { cursor } = rules;
  const start = cursor.next().offset;
  const branches: Branch[] = [];
  do {
    const condition = rules.pipe();
    cursor.expectKeyword('then', 'after the condition');
    branches.push({ condition, then: rules.pipe() });
  } while (cursor.acceptKeyword('elif'));
  const otherwise = cursor.acceptKeyword('else') ? rules.pipe() : null;
  cursor.expectKeyword('end', 'to close this "if"');
  return makeNode({ kind: 'if', branches, otherwise }, cursor.spanFrom(start));
}

function parseFold(rules: Rules, kind: 'reduce' | 'foreach'): Node {
  const { cursor } = rules;
  const start = cursor.next().offset;
  const source = cursor.nested(() => parsePostfix(rules));
  cursor.expectKeyword('as', `after the source of "${kind}"`);
  const patterns: readonly Pattern[] = parsePatterns(rules);
  cursor.expectSymbol('(', `before the initial value of "${kind}"`);
  const initial = rules.pipe();
  cursor.expectSymbol(';', 'after the initial value');
  const update = rules.pipe();
  const extract = kind === 'foreach' && cursor.acceptSymbol(';') ? rules.pipe() : null;
  cursor.expectSymbol(')', `to close this "${kind}"`);
  const span = cursor.spanFrom(start);
  if (kind === 'reduce') return makeNode({ kind, source, patterns, initial, update }, span);
  return makeNode({ kind, source, patterns, initial, update, extract }, span);
}

function parseSymbol(rules: Rules, text: string): Node {
  const { cursor } = rules;
  const token = cursor.next();
  switch (text) {
    case '(': {
      const inner = rules.pipe();
      cursor.expectSymbol(')', 'to close the parenthesis');
      return inner;
    }
    case '[': {
      const body = cursor.isSymbol(']') ? null : rules.pipe();
      cursor.expectSymbol(']', 'to close the array');
      return makeNode({ kind: 'array', body }, cursor.spanFrom(token.offset));
    }
    case '{':
      return parseObject(rules, token.offset);
    case '..':
      return makeNode({ kind: 'recurse' }, token);
    case '.': {
      const identity = makeNode({ kind: 'identity' }, token);
      const next = cursor.peek();
      if (next.kind === 'string') {
        cursor.next();
        return makeNode({ kind: 'index', target: identity, key: parseStringToken(rules, next, null), optional: optional(rules) }, cursor.spanFrom(token.offset));
      }
      return identity;
    }
    default:
      return refuse(`expected an expression, found ${describe(token)}`, token);
  }
}

function parseObject(rules: Rules, start: number): Node {
  const { cursor } = rules;
  const entries: ObjectEntry[] = [];
  while (!cursor.isSymbol('}')) {
    entries.push(parseMember(rules));
    if (!cursor.acceptSymbol(',')) break;
  }
  cursor.expectSymbol('}', 'to close the object');
  return makeNode({ kind: 'object', entries }, cursor.spanFrom(start));
}

function parseMember(rules: Rules): ObjectEntry {
  const { cursor } = rules;
  const token = cursor.next();
  const value = (): Node => {
    cursor.expectSymbol(':', 'between a key and its value');
    return rules.memberValue();
  };
  const ofInput = (key: Node): ObjectEntry => {
    if (cursor.isSymbol(':')) return { key, value: value() };
    return { key, value: makeNode({ kind: 'index', target: makeNode({ kind: 'identity' }, token), key, optional: false }, token) };
  };
  switch (token.kind) {
    case 'variable': {
      const key = makeNode({ kind: 'literal', value: token.name }, token);
      return { key, value: makeNode({ kind: 'variable', name: token.name }, token) };
    }
    case 'name':
    case 'keyword':
      return ofInput(makeNode({ kind: 'literal', value: token.name }, token));
    case 'string':
      return ofInput(parseStringToken(rules, token, null));
    case 'format': {
      const text = cursor.next();
      if (text.kind !== 'string') return refuse(`expected a string after "${token.name}" in a key, found ${describe(text)}`, text);
      return ofInput(parseStringToken(rules, text, token.name));
    }
    default: {
      if (token.kind !== 'symbol' || token.text !== '(') {
        return refuse(`expected a key, found ${describe(token)}: a key is a name, a string, a variable or an expression in parentheses`, token);
      }
      const key = rules.pipe();
      cursor.expectSymbol(')', 'after the key expression');
      return { key, value: value() };
    }
  }
}
