/**
 * What is wrong with a document, where, and what to do.
 */
import { MillraceError, type Reason } from '@millrace/errors';

/** Why a document is refused: it is wrong, or it is right and this release does not run it. */
export type ProblemReason = Extract<Reason, 'workflow-invalid' | 'workflow-unsupported' | 'resource-invalid' | 'argument-invalid' | 'payload-too-large'>;

/** A place in a file. Lines and columns count from 1; columns are UTF-16 code units. */
export interface Place {
  readonly line: number;
  readonly column: number;
}

export interface Problem extends Place {
  readonly file: string;
  /** JSON pointer of the value in its document; empty for the document itself. */
  readonly pointer: string;
  readonly reason: ProblemReason;
  /** What is wrong: a sentence without its full stop. */
  readonly message: string;
  /** What to do about it. */
  readonly suggestion?: string;
}

/** `file:line:column: message`, and the suggestion on a line of its own. */
export function formatProblem(problem: Problem): string {
  const head = `${problem.file}:${problem.line}:${problem.column}: ${problem.message}`;
  return problem.suggestion === undefined ? head : `${head}\n  ${problem.suggestion}`;
}

/** The reason that stands for several problems: a wrong document is never called merely unsupported. */
export function reasonOf(problems: readonly Problem[]): ProblemReason {
  return problems.find((problem) => problem.reason !== 'workflow-unsupported')?.reason ?? 'workflow-unsupported';
}

/** The failure that a service answers with when it refuses a document. */
export function failureOf(problems: readonly Problem[]): MillraceError {
  return new MillraceError(reasonOf(problems), { message: problems.map(formatProblem).join('\n'), details: { problems } });
}

/** In the order of the file, each once. */
export function inFileOrder(problems: readonly Problem[]): readonly Problem[] {
  const seen = new Set<string>();
  return problems
    .filter((problem) => {
      const key = `${problem.line}:${problem.column}:${problem.message}`;
      return !seen.has(key) && seen.add(key);
    })
    .sort((left, right) => left.line - right.line || left.column - right.column);
}
