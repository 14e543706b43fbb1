// The syntax tree of a regular expression.

import type { CharacterSet } from './character-set.ts';

export type RegexNode =
  | { readonly kind: 'empty' }
  | { readonly kind: 'character'; readonly point: number; readonly ignoreCase: boolean }
  | { readonly kind: 'set'; readonly set: CharacterSet; readonly ignoreCase: boolean }
  | { readonly kind: 'any'; readonly newlines: boolean }
  | { readonly kind: 'anchor'; readonly anchor: Anchor }
  | { readonly kind: 'sequence'; readonly items: readonly RegexNode[] }
  | { readonly kind: 'choice'; readonly options: readonly RegexNode[] }
  | { readonly kind: 'group'; readonly body: RegexNode; readonly number: number }
  | { readonly kind: 'repeat'; readonly body: RegexNode; readonly min: number; readonly max: number; readonly mode: RepeatMode }
  | { readonly kind: 'look'; readonly body: RegexNode; readonly behind: boolean; readonly negative: boolean }
  | { readonly kind: 'atomic'; readonly body: RegexNode }
  | { readonly kind: 'backreference'; readonly numbers: readonly number[]; readonly ignoreCase: boolean };

export type RepeatMode = 'greedy' | 'lazy' | 'possessive';

/** 'text-end-line' is `\Z`: the end, or before a newline that ends the text. */
export type Anchor = 'text-start' | 'text-end' | 'text-end-line' | 'line-start' | 'line-end' | 'word' | 'not-word' | 'search-start' | 'keep';

/** A parsed expression: its tree and its groups' names, by number from 1. */
export interface ParsedRegex {
  readonly root: RegexNode;
  readonly groupNames: readonly (string | null)[];
}

/** What is wrong with a regular expression. */
export class RegexError {
  readonly message: string;

  constructor(message: string) {
    this.message = message;
  }
}
