/**
 * Failures on their way through gRPC: a MillraceError becomes a status with metadata, and is the same
 * MillraceError again on the other side. What is not ours becomes the nearest reason.
 */
import { Metadata, status, type ServiceError } from '@grpc/grpc-js';
import { MillraceError, REASONS, grpcStatusOf, type Reason } from '@millrace/errors';
import { HEADERS } from './headers.ts';

/** Messages are cut to this many characters: HTTP/2 limits the size of headers. */
const MESSAGE_CHARACTERS_MAX = 2_000;
/** Details that take more bytes are left out. */
const DETAILS_BYTES_MAX = 4_096;

/** What grpc-js sends as the end of a call. */
export interface CallStatus {
  readonly code: status;
  readonly details: string;
  readonly metadata: Metadata;
}

/** The status of a failure. A foreign error says nothing of itself to the other side. */
export function statusOf(error: unknown): CallStatus {
  const failure = error instanceof MillraceError ? error : new MillraceError('internal');
  const metadata = new Metadata();
  metadata.set(HEADERS.reason, failure.reason);
  if (failure.retry.kind === 'after') metadata.set(HEADERS.retryAfterMs, String(Math.ceil(failure.retry.ms)));
  const details = Buffer.from(JSON.stringify(failure.details));
  if (details.length > 2 && details.length <= DETAILS_BYTES_MAX) metadata.set(HEADERS.details, details);
  return { code: grpcStatusOf(failure.code), details: failure.message.slice(0, MESSAGE_CHARACTERS_MAX), metadata };
}

/** The same as an error, for `call.destroy(error)` of a stream. */
export function statusErrorOf(error: unknown): Error & CallStatus {
  const callStatus = statusOf(error);
  return Object.assign(new Error(callStatus.details), callStatus);
}

/** What a failed call means; `service` names who was called. */
export function failureOf(error: unknown, service: string): MillraceError {
  if (error instanceof MillraceError || !isServiceError(error)) return MillraceError.from(error, 'internal');
  const { metadata, details: message } = error;
  const reason = metadata?.get(HEADERS.reason)[0];
  if (typeof reason === 'string' && isReason(reason)) {
    const afterMs = Number(metadata.get(HEADERS.retryAfterMs)[0]);
    return new MillraceError(reason, {
      message,
      details: detailsOf(metadata),
      cause: error,
      ...(afterMs > 0 ? { retry: { kind: 'after', ms: afterMs } } : {}),
    });
  }
  return new MillraceError(reasonOf(error.code), { message: `${service}: ${message}`, details: { service }, cause: error });
}

/** Whether the call failed before its request was handed to a handler, so that sending it elsewhere repeats nothing. */
export function isUnsent(error: unknown): boolean {
  if (!isServiceError(error) || error.code !== status.UNAVAILABLE) return false;
  if (error.metadata?.get(HEADERS.reason)[0] === 'service-draining') return true;
  // grpc-js tells these cases apart in its text alone; a test holds it to them.
  return /^(No connection established|Name resolution failed|Stream refused by server|Channel (is|has been) (closed|shut ?down))/i.test(error.details);
}

/** Whether this is how grpc-js reports the end of a call. */
export function isServiceError(error: unknown): error is ServiceError {
  return error instanceof Error && 'code' in error && typeof error.code === 'number' && 'details' in error && 'metadata' in error;
}

function reasonOf(code: status): Reason {
  switch (code) {
    case status.UNAVAILABLE:
      return 'service-unavailable';
    case status.DEADLINE_EXCEEDED:
      return 'deadline-exceeded';
    case status.INVALID_ARGUMENT:
      return 'argument-invalid';
    // grpc-js itself says so of a message over its limit.
    case status.RESOURCE_EXHAUSTED:
      return 'payload-too-large';
    default:
      return 'internal';
  }
}

function isReason(text: string): text is Reason {
  return Object.hasOwn(REASONS, text);
}

function detailsOf(metadata: Metadata): Readonly<Record<string, unknown>> {
  const [bytes] = metadata.get(HEADERS.details);
  if (bytes === undefined) return {};
  try {
    const parsed: unknown = JSON.parse(bytes.toString());
    return typeof parsed === 'object' && parsed !== null ? (parsed as Record<string, unknown>) : {};
  } catch {
    return {};
  }
}
