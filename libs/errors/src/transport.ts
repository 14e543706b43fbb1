/**
 * One table from failures to what each transport says: gRPC status, HTTP status, problem document.
 */
import type { Code, MillraceError } from './error.ts';

const TABLE: Readonly<Record<Code, { readonly grpc: number; readonly http: number }>> = {
  'cancelled': { grpc: 1, http: 499 },
  'unknown': { grpc: 2, http: 500 },
  'invalid-argument': { grpc: 3, http: 400 },
  'deadline-exceeded': { grpc: 4, http: 504 },
  'not-found': { grpc: 5, http: 404 },
  'already-exists': { grpc: 6, http: 409 },
  'permission-denied': { grpc: 7, http: 403 },
  'resource-exhausted': { grpc: 8, http: 429 },
  'failed-precondition': { grpc: 9, http: 409 },
  'aborted': { grpc: 10, http: 409 },
  'out-of-range': { grpc: 11, http: 400 },
  'unimplemented': { grpc: 12, http: 422 },
  'internal': { grpc: 13, http: 500 },
  'unavailable': { grpc: 14, http: 503 },
  'data-loss': { grpc: 15, http: 500 },
  'unauthenticated': { grpc: 16, http: 401 },
};

/** The numeric gRPC status of a code. */
export function grpcStatusOf(code: Code): number {
  return TABLE[code].grpc;
}

/** The code of a numeric gRPC status; `unknown` for a number that gRPC does not define. */
export function codeOfGrpcStatus(status: number): Code {
  const found = (Object.keys(TABLE) as Code[]).find((code) => TABLE[code].grpc === status);
  return found ?? 'unknown';
}

/** The HTTP status of a failure; a body over its limit is 413 rather than 429. */
export function httpStatusOf(error: MillraceError): number {
  return error.reason === 'payload-too-large' ? 413 : TABLE[error.code].http;
}

/** A problem document (RFC 9457) with the failure's reason and details as extension members. */
export interface ProblemDocument {
  readonly type: string;
  readonly title: string;
  readonly status: number;
  readonly detail: string;
  readonly reason: string;
  readonly details?: Readonly<Record<string, unknown>>;
}

/** The problem document of a failure, for `application/problem+json`. */
export function problemOf(error: MillraceError): ProblemDocument {
  return {
    type: `https://millrace.dev/errors/${error.reason}`,
    title: error.reason.replaceAll('-', ' '),
    status: httpStatusOf(error),
    detail: error.message,
    reason: error.reason,
    ...(Object.keys(error.details).length > 0 ? { details: error.details } : {}),
  };
}
