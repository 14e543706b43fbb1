/**
 * What is collected while one document is compiled: problems and warnings, each with its place.
 *
 * K1 Compiling goes on after a problem, so that all of them are reported together; a program is made
 *    only when there is none.
 */
import type { Problem } from '../problem.ts';
import { problemAt, type Side, type WorkflowDocument } from '../source-document.ts';

/** A place in the document, and the end of it that a problem points at. */
export interface At {
  readonly pointer: string;
  readonly side?: Side;
}

export interface Compilation {
  readonly document: WorkflowDocument;
  readonly problems: readonly Problem[];
  readonly warnings: readonly Problem[];
  /** The document is wrong. */
  invalid(at: At, message: string, suggestion?: string): void;
  /** The document is right, and this release does not run it. `what` completes "… is not supported yet". */
  unsupported(at: At, what: string, suggestion?: string): void;
  warn(at: At, message: string, suggestion?: string): void;
  /** Like `invalid`, at a column within a line of a text; see `Locator.locateText`. */
  invalidText(pointer: string, text: { readonly line: string; readonly column: number }, message: string, suggestion?: string): void;
}

export function createCompilation(document: WorkflowDocument): Compilation {
  const problems: Problem[] = [];
  const warnings: Problem[] = [];
  return {
    document,
    problems,
    warnings,
    invalid: (at, message, suggestion) => void problems.push(problemAt(document, at, 'workflow-invalid', message, suggestion)),
    unsupported: (at, what, suggestion) => void problems.push(problemAt(document, { side: 'key', ...at }, 'workflow-unsupported', `${what} is not supported yet`, suggestion)),
    warn: (at, message, suggestion) => void warnings.push(problemAt(document, at, 'workflow-invalid', message, suggestion)),
    invalidText: (pointer, text, message, suggestion) => {
      const place = document.locateText(pointer, text.line, text.column);
      problems.push(problemAt(document, { pointer, place }, 'workflow-invalid', message, suggestion));
    },
  };
}
