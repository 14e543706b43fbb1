// Source text to tokens. A string with interpolations holds the tokens of each interpolation, lexed in place.

import { refuse } from './source-position.ts';
import type { Span } from './source-position.ts';

/** Nested interpolations and brackets beyond this are refused. */
export const NESTING_MAX = 128;

export type Token = Span &
  (
    | { readonly kind: 'number'; readonly value: number }
    | { readonly kind: 'string'; readonly parts: readonly (string | readonly Token[])[] }
    | { readonly kind: 'format'; readonly name: string }
    | { readonly kind: 'field'; readonly name: string }
    | { readonly kind: 'variable'; readonly name: string }
    | { readonly kind: 'name'; readonly name: string }
    | { readonly kind: 'keyword'; readonly name: string }
    | { readonly kind: 'symbol'; readonly text: string }
    | { readonly kind: 'end' }
  );

const KEYWORDS: ReadonlySet<string> = new Set([
  'def', 'if', 'then', 'elif', 'else', 'end', 'as', 'reduce', 'foreach', 'try', 'catch', 'label', 'import', 'include',
  'and', 'or', '__loc__',
]);

/** Longest first, so that the first match is the right one. */
const SYMBOLS: readonly string[] = [
  '?//', '//=', '|=', '+=', '-=', '*=', '/=', '%=', '==', '!=', '<=', '>=', '//', '..',
  '.', '[', ']', '(', ')', '{', '}', '|', ',', ':', ';', '=', '<', '>', '+', '-', '*', '/', '%', '?',
];

const SPACE_OR_COMMENT = /(?:[ \t\r\n]+|#[^\n]*)*/y;
const NAME = /[A-Za-z_][A-Za-z0-9_]*(?:::[A-Za-z_][A-Za-z0-9_]*)*/y;
const NUMBER = /(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?/y;
const PLAIN_STRING_TEXT = /[^"\\]+/y;
const HEX4 = /[0-9a-fA-F]{4}/y;

const ESCAPES: Readonly<Record<string, string>> = {
  '"': '"', '\\': '\\', '/': '/', b: '\b', f: '\f', n: '\n', r: '\r', t: '\t',
};

/** Splits a program into tokens; throws RefusalSignal on what is no token. The last token is 'end'. */
export function lex(source: string): readonly Token[] {
  let at = 0;

  const match = (pattern: RegExp): string => {
    pattern.lastIndex = at;
    return pattern.exec(source)?.[0] ?? '';
  };

  /** Reads tokens up to the end, or up to the parenthesis that closes an interpolation. */
  function tokens(depth: number, openedAt: number | null): Token[] {
    if (depth > NESTING_MAX) refuse(`strings are nested more than ${NESTING_MAX} deep`, { offset: at, length: 1 });
    const found: Token[] = [];
    let parentheses = 0;
    for (;;) {
      at += match(SPACE_OR_COMMENT).length;
      const start = at;
      if (at >= source.length) {
        if (openedAt !== null) refuse('this interpolation "\\(" is never closed', { offset: openedAt, length: 2 });
        found.push({ kind: 'end', offset: start, length: 0 });
        return found;
      }
      const token = next(depth);
      if (token.kind === 'symbol' && openedAt !== null) {
        if (token.text === '(') parentheses++;
        if (token.text === ')' && parentheses-- === 0) {
          found.push({ kind: 'end', offset: start, length: 1 });
          return found;
        }
      }
      found.push(token);
    }
  }

  function next(depth: number): Token {
    const offset = at;
    const character = source[at] as string;
    if (character === '"') return string(depth);
    const number = match(NUMBER);
    if (number !== '') {
      at += number.length;
      return { kind: 'number', value: Math.min(Number(number), Number.MAX_VALUE), offset, length: number.length };
    }
    const name = match(NAME);
    if (name !== '') {
      at += name.length;
      return { kind: KEYWORDS.has(name) ? 'keyword' : 'name', name, offset, length: name.length };
    }
    if (character === '.' || character === '$' || character === '@') {
      at++;
      const word = match(NAME);
      if (word !== '') {
        at += word.length;
        const kind = character === '.' ? 'field' : character === '$' ? 'variable' : 'format';
        return { kind, name: character === '@' ? `@${word}` : word, offset, length: at - offset };
      }
      at = offset;
    }
    const symbol = SYMBOLS.find((text) => source.startsWith(text, at));
    if (symbol === undefined) return refuse(`"${String.fromCodePoint(source.codePointAt(at) ?? 0)}" is not part of jq's syntax here`, { offset, length: 1 });
    at += symbol.length;
    return { kind: 'symbol', text: symbol, offset, length: symbol.length };
  }

  function string(depth: number): Token {
    const offset = at;
    const parts: (string | readonly Token[])[] = [];
    let text = '';
    at++;
    for (;;) {
      const plain = match(PLAIN_STRING_TEXT);
      text += plain;
      at += plain.length;
      if (at >= source.length) refuse('this string is never closed: add a "', { offset, length: 1 });
      if (source[at] === '"') break;
      if (source[at + 1] === '(') {
        const openedAt = at;
        at += 2;
        parts.push(text, tokens(depth + 1, openedAt));
        text = '';
      } else {
        text += escape();
      }
    }
    at++;
    if (text !== '' || parts.length === 0) parts.push(text);
    return { kind: 'string', parts: parts.filter((part) => part !== ''), offset, length: at - offset };
  }

  function escape(): string {
    const offset = at;
    const letter = source[at + 1] ?? '';
    const plain = ESCAPES[letter];
    at += 2;
    if (plain !== undefined) return plain;
    if (letter !== 'u') return refuse(`"\\${letter}" is not an escape: use one of \\" \\\\ \\/ \\b \\f \\n \\r \\t \\uXXXX \\(`, { offset, length: 2 });
    const hex = match(HEX4);
    if (hex === '') return refuse('"\\u" needs four hexadecimal digits', { offset, length: 2 });
    at += 4;
    return String.fromCharCode(Number.parseInt(hex, 16));
  }

  return tokens(0, null);
}
