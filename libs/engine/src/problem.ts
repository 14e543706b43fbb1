/**
 * Errors of an execution, in the form of the Serverless Workflow DSL (RFC 9457 problem details).
 */
import type { JsonValue } from './program.ts';

/** DSL reference, "Standard Error Types". `instance` is a JSON pointer into the document. */
export interface Problem {
  readonly type: string;
  readonly status: number;
  readonly title?: string;
  readonly detail?: string;
  readonly instance?: string;
}

const STANDARD = 'https://serverlessworkflow.io/spec/1.0.0/errors/';

/** The standard types this engine raises itself, with their default status. */
export const PROBLEM_TYPES = {
  configuration: { type: `${STANDARD}configuration`, status: 400, title: 'Configuration' },
  validation: { type: `${STANDARD}validation`, status: 400, title: 'Validation' },
  expression: { type: `${STANDARD}expression`, status: 400, title: 'Expression' },
  runtime: { type: `${STANDARD}runtime`, status: 500, title: 'Runtime' },
  timeout: { type: `${STANDARD}timeout`, status: 408, title: 'Timeout' },
  communication: { type: `${STANDARD}communication`, status: 500, title: 'Communication' },
} as const;

/** Carries a problem up to the decision that turns it into a record; it never leaves the core. */
export class Fault extends Error {
  readonly problem: Problem;
  constructor(problem: Problem) {
    super(problem.detail ?? problem.type);
    this.problem = problem;
  }
}

/** Longest text in a problem, in characters; the rest is cut off. */
export const PROBLEM_TEXT_CHARACTERS_MAX = 8 * 1024;

/** The problem with its texts cut to PROBLEM_TEXT_CHARACTERS_MAX: a problem always stands inside its record. */
export function boundedProblem(problem: Problem): Problem {
  const { type, status, title, detail, instance } = problem;
  return {
    type: cut(type),
    status,
    ...(title === undefined ? {} : { title: cut(title) }),
    ...(detail === undefined ? {} : { detail: cut(detail) }),
    ...(instance === undefined ? {} : { instance: cut(instance) }),
  };
}

function cut(text: string): string {
  return text.length <= PROBLEM_TEXT_CHARACTERS_MAX ? text : `${text.slice(0, PROBLEM_TEXT_CHARACTERS_MAX - 1)}…`;
}

/** A fault of a standard kind. */
export function fault(kind: keyof typeof PROBLEM_TYPES, detail: string, instance?: string): Fault {
  return new Fault({ ...PROBLEM_TYPES[kind], detail: cut(detail), ...(instance === undefined ? {} : { instance }) });
}

/** A problem as a JSON value, for `$error` and for records. */
export function problemValue(problem: Problem): JsonValue {
  return { ...problem } as { readonly [key: string]: JsonValue };
}
