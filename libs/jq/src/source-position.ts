// Offsets in the source, and the refusals that point at them.

/** Why a program was not compiled, and where. */
export interface Refusal {
  readonly kind: 'refused';
  /** Says what is wrong and what to do. */
  readonly message: string;
  /** UTF-16 code units from the start of the source. */
  readonly offset: number;
  /** Counted from 1. */
  readonly line: number;
  /** UTF-16 code units, counted from 1. */
  readonly column: number;
  /** UTF-16 code units of the offending text; 0 at the end of the source. */
  readonly length: number;
}

/** A stretch of the source. */
export interface Span {
  readonly offset: number;
  readonly length: number;
}

/** Thrown by lexer, parser and compiler; `compileJq` turns it into a Refusal. */
export class RefusalSignal {
  readonly message: string;
  readonly span: Span;

  constructor(message: string, span: Span) {
    this.message = message;
    this.span = span;
  }
}

export function refuse(message: string, span: Span): never {
  throw new RefusalSignal(message, span);
}

export function lineAndColumn(source: string, offset: number): { readonly line: number; readonly column: number } {
  let line = 1;
  let lineStart = 0;
  for (let at = source.indexOf('\n'); at !== -1 && at < offset; at = source.indexOf('\n', at + 1)) {
    line++;
    lineStart = at + 1;
  }
  return { line, column: offset - lineStart + 1 };
}

export function toRefusal(source: string, signal: RefusalSignal): Refusal {
  const { offset, length } = signal.span;
  return { kind: 'refused', message: signal.message, offset, length, ...lineAndColumn(source, offset) };
}
