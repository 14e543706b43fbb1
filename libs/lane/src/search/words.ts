/** The words of a filter with their places. */
import { MillraceError } from '@millrace/errors';

export interface Word {
  /** `text` stood in quotes. */
  readonly kind: 'word' | 'text' | 'sign' | 'end';
  readonly text: string;
  /** Its first character, from 1. */
  readonly at: number;
}

/** A quoted text, in which a backslash takes the next character as it is; a sign; a word. */
const PATTERN = /\s+|"((?:[^"\\]|\\.)*)"|'((?:[^'\\]|\\.)*)'|(!=|<=|>=|[=<>(),])|([^\s"'=<>(),!]+)/gsy;

/** @throws MillraceError `argument-invalid`, which names the place. */
export function wordsOf(text: string): readonly Word[] {
  const words: Word[] = [];
  PATTERN.lastIndex = 0;
  for (let at = 0; at < text.length; at = PATTERN.lastIndex) {
    PATTERN.lastIndex = at;
    const match = PATTERN.exec(text);
    if (match === null) {
      const character = text[at] as string;
      const what = character === '"' || character === "'" ? `the text that begins with ${character} does not end` : `\`${character}\` means nothing here`;
      throw new MillraceError('argument-invalid', { message: `The filter is wrong at character ${at + 1}: ${what}`, details: { character: at + 1 } });
    }
    const quoted = match[1] ?? match[2];
    if (quoted !== undefined) words.push({ kind: 'text', text: quoted.replaceAll(/\\(.)/gs, '$1'), at: at + 1 });
    else if (match[3] !== undefined) words.push({ kind: 'sign', text: match[3], at: at + 1 });
    else if (match[4] !== undefined) words.push({ kind: 'word', text: match[4], at: at + 1 });
  }
  return words;
}
