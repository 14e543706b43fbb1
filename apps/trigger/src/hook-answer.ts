/** What a request to a webhook is answered: one table from what happened to status, headers and body. */
import { MillraceError, REASONS, httpStatusOf, problemOf, type Reason } from '@millrace/errors';
import type { Reply } from '@millrace/engine';

export interface HookAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  /** JSON text. */
  readonly body: string;
}

const JSON_TYPE = 'application/json; charset=utf-8';
const PROBLEM_TYPE = 'application/problem+json; charset=utf-8';

/** The start is durable. */
export function acceptedAnswer(execution: string): HookAnswer {
  return {
    status: 202,
    headers: { 'content-type': JSON_TYPE, location: `/v1/executions/${execution}`, 'millrace-execution': execution },
    body: `{"execution":${JSON.stringify(execution)}}`,
  };
}

/** The execution has ended while the request waited. A fault answers with its own status when that says an error. */
export function replyAnswer(reply: Reply): HookAnswer {
  const headers = { location: `/v1/executions/${reply.execution}`, 'millrace-execution': reply.execution };
  if (reply.status === 'completed') {
    return { status: 200, headers: { ...headers, 'content-type': JSON_TYPE }, body: JSON.stringify(reply.output ?? null) };
  }
  if (reply.status === 'refused') {
    const known = reply.reason !== undefined && reply.reason in REASONS ? (reply.reason as Reason) : 'internal';
    const answer = failureAnswer(new MillraceError(known, reply.error?.detail === undefined ? {} : { message: reply.error.detail }));
    return { ...answer, headers: { ...headers, ...answer.headers } };
  }
  const { execution } = reply;
  const problem =
    reply.status === 'cancelled'
      ? { type: 'https://millrace.dev/errors/execution-cancelled', title: 'execution cancelled', status: 409, detail: 'The execution was cancelled', execution }
      : { ...reply.error, title: reply.error?.title ?? 'execution faulted', status: errorStatus(reply.error?.status), execution };
  return { status: problem.status, headers: { ...headers, 'content-type': PROBLEM_TYPE }, body: JSON.stringify(problem) };
}

export function failureAnswer(error: MillraceError): HookAnswer {
  const retryAfter = retryAfterSeconds(error);
  return {
    status: httpStatusOf(error),
    headers: { 'content-type': PROBLEM_TYPE, ...(retryAfter === undefined ? {} : { 'retry-after': String(retryAfter) }) },
    body: JSON.stringify(problemOf(error)),
  };
}

function errorStatus(status: number | undefined): number {
  return status !== undefined && Number.isInteger(status) && status >= 400 && status <= 599 ? status : 500;
}

function retryAfterSeconds(error: MillraceError): number | undefined {
  if (error.retry.kind === 'after') return Math.ceil(error.retry.ms / 1000);
  return error.retry.kind === 'backoff' ? 1 : undefined;
}
