// Tokens to the syntax tree: operators and their precedence. Terms and patterns have files of their own.

import { lex } from './lexer.ts';
import type { Token } from './lexer.ts';
import { makeNode } from './node-builder.ts';
import { parseTerm } from './parse-term.ts';
import { refuse } from './source-position.ts';
import type { ArithmeticOperator, ComparisonOperator, FunctionDefinition, Node, UpdateOperator } from './syntax.ts';
import { createTokenCursor, describe } from './token-cursor.ts';
import type { NestingCount, TokenCursor } from './token-cursor.ts';

/** The rules that terms need of expressions; handed over so that the files do not import each other. */
export interface Rules {
  readonly cursor: TokenCursor;
  /** A whole expression: pipes, commas, definitions. */
  readonly pipe: () => Node;
  /** A member's value: everything but a comma, which separates members. */
  readonly memberValue: () => Node;
  /** The operand of `try`: a term or a negated term. */
  readonly operand: () => Node;
  readonly definition: () => FunctionDefinition;
  /** Parses the tokens of an interpolation. */
  readonly interpolation: (tokens: readonly Token[]) => Node;
}

interface Operator {
  readonly level: number;
  readonly associates: 'left' | 'right' | 'never';
}

const COMMA_LEVEL = 1;
const ALTERNATIVE_LEVEL = 2;
const MULTIPLY_LEVEL = 8;

const OPERATORS: ReadonlyMap<string, Operator> = new Map<string, Operator>([
  [',', { level: COMMA_LEVEL, associates: 'left' }],
  ['//', { level: ALTERNATIVE_LEVEL, associates: 'right' }],
  ...['=', '|=', '+=', '-=', '*=', '/=', '%=', '//='].map((text): [string, Operator] => [text, { level: 3, associates: 'never' }]),
  ['or', { level: 4, associates: 'left' }],
  ['and', { level: 5, associates: 'left' }],
  ...['==', '!=', '<', '<=', '>', '>='].map((text): [string, Operator] => [text, { level: 6, associates: 'never' }]),
  ['+', { level: 7, associates: 'left' }],
  ['-', { level: 7, associates: 'left' }],
  ...['*', '/', '%'].map((text): [string, Operator] => [text, { level: MULTIPLY_LEVEL, associates: 'left' }]),
]);

/** Parses a program; throws RefusalSignal with the place of the first mistake. */
export function parse(source: string): Node {
  return parseTokens(lex(source), { depth: 0 });
}

function parseTokens(tokens: readonly Token[], nesting: NestingCount): Node {
  const cursor = createTokenCursor(tokens, nesting);

  const rules: Rules = {
    cursor,
    pipe: () => cursor.nested(() => pipe(COMMA_LEVEL)),
    memberValue: () => cursor.nested(() => pipe(ALTERNATIVE_LEVEL)),
    operand: () => cursor.nested(operand),
    definition,
    interpolation: (inner) => cursor.nested(() => parseTokens(inner, nesting)),
  };

  function pipe(level: number): Node {
    const start = cursor.peek();
    if (cursor.isKeyword('def')) {
      const defined = definition();
      const rest = cursor.nested(() => pipe(level));
      return makeNode({ kind: 'define', definition: defined, rest }, cursor.spanFrom(start.offset));
    }
    const stages = [binary(level)];
    while (cursor.acceptSymbol('|')) {
      if (cursor.isKeyword('def')) {
        stages.push(cursor.nested(() => pipe(level)));
        break;
      }
      stages.push(binary(level));
    }
    return stages.length === 1 ? (stages[0] as Node) : makeNode({ kind: 'pipe', stages }, cursor.spanFrom(start.offset));
  }

  function operatorHere(): string | null {
    const token = cursor.peek();
    if (token.kind === 'symbol') return token.text;
    return token.kind === 'keyword' ? token.name : null;
  }

  function binary(lowest: number): Node {
    const start = cursor.peek().offset;
    let left = operand();
    for (;;) {
      const text = operatorHere();
      const operator = text === null ? undefined : OPERATORS.get(text);
      if (text === null || operator === undefined || operator.level < lowest) return left;
      if (operator.level === COMMA_LEVEL) {
        const items = [left];
        while (cursor.acceptSymbol(',')) items.push(binary(COMMA_LEVEL + 1));
        left = makeNode({ kind: 'comma', items }, cursor.spanFrom(start));
        continue;
      }
      cursor.next();
      const right = operator.associates === 'right' ? cursor.nested(() => binary(operator.level)) : binary(operator.level + 1);
      left = combine(text, left, right, start);
      if (operator.associates === 'never') {
        const again = operatorHere();
        if (again !== null && OPERATORS.get(again)?.level === operator.level) {
          refuse(`"${text}" and "${again}" do not chain: put one side in parentheses`, cursor.peek());
        }
      }
    }
  }

  function combine(text: string, left: Node, right: Node, start: number): Node {
    const span = cursor.spanFrom(start);
    switch (OPERATORS.get(text)?.level) {
      case ALTERNATIVE_LEVEL:
        return makeNode({ kind: 'alternative', left, right }, span);
      case 3:
        return makeNode({ kind: 'update', operator: text as UpdateOperator, target: left, value: right }, span);
      case 4:
      case 5:
        return makeNode({ kind: 'logic', operator: text as 'and' | 'or', left, right }, span);
      case 6:
        return makeNode({ kind: 'comparison', operator: text as ComparisonOperator, left, right }, span);
      default:
        return makeNode({ kind: 'arithmetic', operator: text as ArithmeticOperator, left, right }, span);
    }
  }

  function operand(): Node {
    const start = cursor.peek().offset;
    if (cursor.isSymbol('-')) {
      cursor.next();
      const negated = cursor.nested(() => binary(MULTIPLY_LEVEL));
      return makeNode({ kind: 'negate', operand: negated }, cursor.spanFrom(start));
    }
    if (cursor.isKeyword('def')) return cursor.nested(() => pipe(COMMA_LEVEL));
    return parseTerm(rules);
  }

  function definition(): FunctionDefinition {
    const start = cursor.expectKeyword('def', 'to begin a definition').offset;
    const token = cursor.next();
    if (token.kind !== 'name' && token.kind !== 'keyword') return refuse(`expected the name of the function after "def", found ${describe(token)}`, token);
    const parameters = [];
    if (cursor.acceptSymbol('(')) {
      do {
        const parameter = cursor.next();
        if (parameter.kind !== 'name' && parameter.kind !== 'keyword' && parameter.kind !== 'variable') {
          return refuse(`expected a parameter such as "f" or "$f", found ${describe(parameter)}`, parameter);
        }
        parameters.push({ name: parameter.name, isValue: parameter.kind === 'variable', offset: parameter.offset, length: parameter.length });
      } while (cursor.acceptSymbol(';'));
      cursor.expectSymbol(')', 'after the parameters');
    }
    cursor.expectSymbol(':', 'before the body of the function');
    const body = cursor.nested(() => pipe(COMMA_LEVEL));
    cursor.expectSymbol(';', 'after the body of the function');
    return { name: token.name, parameters, body, ...cursor.spanFrom(start) };
  }

  if (cursor.peek().kind === 'end') refuse('the expression is empty: write "." for the input itself', cursor.peek());
  const program = rules.pipe();
  const rest = cursor.peek();
  if (rest.kind !== 'end') refuse(`${describe(rest)} is not expected here`, rest);
  return program;
}
