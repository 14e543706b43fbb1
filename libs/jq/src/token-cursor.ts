// A position in a list of tokens, with the questions that a parser asks.

import { NESTING_MAX } from './lexer.ts';
import type { Token } from './lexer.ts';
import { refuse } from './source-position.ts';
import type { Span } from './source-position.ts';

export interface TokenCursor {
  readonly peek: () => Token;
  readonly peekAfter: () => Token;
  readonly next: () => Token;
  readonly isSymbol: (text: string) => boolean;
  readonly isKeyword: (name: string) => boolean;
  readonly acceptSymbol: (text: string) => boolean;
  readonly acceptKeyword: (name: string) => boolean;
  readonly expectSymbol: (text: string, purpose: string) => Token;
  readonly expectKeyword: (name: string, purpose: string) => Token;
  readonly expectVariable: (purpose: string) => Span & { readonly name: string };
  /** Everything from the offset to the end of the last token taken. */
  readonly spanFrom: (offset: number) => Span;
  /** Splits the current `?//` into `?` and `//`, as after a term. */
  readonly splitOptionalAlternative: () => void;
  /** Runs a nested rule, refusing nesting that would exhaust the stack. */
  readonly nested: <T>(rule: () => T) => T;
}

export interface NestingCount {
  depth: number;
}

export function describe(token: Token): string {
  switch (token.kind) {
    case 'end':
      return token.length === 0 ? 'the end of the expression' : 'the end of the interpolation';
    case 'symbol':
      return `"${token.text}"`;
    case 'field':
      return `".${token.name}"`;
    case 'variable':
      return `"$${token.name}"`;
    case 'number':
      return `the number ${token.value}`;
    case 'string':
      return 'a string';
    default:
      return `"${token.name}"`;
  }
}

export function createTokenCursor(tokens: readonly Token[], nesting: NestingCount): TokenCursor {
  const list = [...tokens];
  let at = 0;
  let endOfLast = tokens[0]?.offset ?? 0;

  const peek = (): Token => list[at] as Token;
  const next = (): Token => {
    const token = peek();
    if (token.kind !== 'end') at++;
    endOfLast = token.offset + token.length;
    return token;
  };
  const isSymbol = (text: string): boolean => {
    const token = peek();
    return token.kind === 'symbol' && token.text === text;
  };
  const isKeyword = (name: string): boolean => {
    const token = peek();
    return token.kind === 'keyword' && token.name === name;
  };
  const expected = (what: string, purpose: string): never => {
    const token = peek();
    return refuse(`expected ${what} ${purpose}, found ${describe(token)}`, token);
  };

  return {
    peek,
    peekAfter: () => list[at + 1] ?? peek(),
    next,
    isSymbol,
    isKeyword,
    acceptSymbol: (text) => isSymbol(text) && (next(), true),
    acceptKeyword: (name) => isKeyword(name) && (next(), true),
    expectSymbol: (text, purpose) => (isSymbol(text) ? next() : expected(`"${text}"`, purpose)),
    expectKeyword: (name, purpose) => (isKeyword(name) ? next() : expected(`"${name}"`, purpose)),
    expectVariable: (purpose) => {
      const token = peek();
      if (token.kind !== 'variable') return expected('a variable such as "$name"', purpose);
      next();
      return token;
    },
    spanFrom: (offset) => ({ offset, length: Math.max(0, endOfLast - offset) }),
    splitOptionalAlternative: () => {
      const { offset } = peek();
      list.splice(at, 1, { kind: 'symbol', text: '?', offset, length: 1 }, { kind: 'symbol', text: '//', offset: offset + 1, length: 2 });
    },
    nested: (rule) => {
      if (++nesting.depth > NESTING_MAX) refuse(`the expression is nested more than ${NESTING_MAX} deep: name parts of it with "def" or "as"`, peek());
      const result = rule();
      nesting.depth--;
      return result;
    },
  };
}
