// Regular expressions with jq's flags: compiled once per text and flags, matched under the evaluation's budget.

import { compileRegex } from './regex-program.ts';
import type { RegexProgram } from './regex-program.ts';
import type { SearchOptions } from './regex-matcher.ts';
import { parseRegex } from './regex-parser.ts';
import { RegexError } from './regex-syntax.ts';

export interface Regex {
  readonly program: RegexProgram;
  readonly search: SearchOptions;
  /** Flag g: all matches, not only the first. */
  readonly isGlobal: boolean;
}

export type RegexResult = { readonly kind: 'regex'; readonly regex: Regex } | { readonly kind: 'invalid'; readonly message: string };

const FLAGS = /^[gixsnpl]*$/;

/**
 * Flags: g all matches, i any case, x extended, s "^" and "$" only at the ends of the text (which is the default here),
 * p that and "." matches newlines, n no empty matches, l the longest match.
 */
export function createRegex(source: string, flags: string): RegexResult {
  if (!FLAGS.test(flags)) return { kind: 'invalid', message: `${flags.slice(0, 100)} is not a valid modifier string` };
  try {
    const parsed = parseRegex(source, { ignoreCase: flags.includes('i'), extended: flags.includes('x'), dotAll: flags.includes('p'), lines: false });
    const search = { longest: flags.includes('l'), notEmpty: flags.includes('n') };
    return { kind: 'regex', regex: { program: compileRegex(parsed), search, isGlobal: flags.includes('g') } };
  } catch (error) {
    if (!(error instanceof RegexError)) throw error;
    return { kind: 'invalid', message: `"${source.slice(0, 100)}" is not a valid regex: ${error.message}` };
  }
}
