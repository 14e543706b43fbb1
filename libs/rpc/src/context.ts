/** What a handler knows of the call it serves. */
import { status, type Metadata } from '@grpc/grpc-js';
import { MillraceError } from '@millrace/errors';
import { parseTraceparent, type TraceContext } from '@millrace/telemetry';
import { HEADERS } from './headers.ts';

/** What every call of a grpc-js server has, of one request or a stream. */
export interface ServerCall {
  readonly metadata: Metadata;
  getPath(): string;
  getPeer(): string;
  getDeadline(): Date | number;
  once(event: 'cancelled', listener: () => void): unknown;
}

export interface CallContext {
  readonly metadata: Metadata;
  /** `/package.Service/Method`. */
  readonly path: string;
  /** The trace the caller is in; undefined when it sent none. */
  readonly trace: TraceContext | undefined;
  /** The header `millrace-organisation`; a service that needs it calls `requireOrganisation`. */
  readonly organisation: string | undefined;
  /** Unix milliseconds at which the caller gives up; undefined when it waits forever. */
  readonly deadlineAtMs: number | undefined;
  /** Aborted when the caller has gone or its deadline has passed. */
  readonly signal: AbortSignal;
  /** The address of the caller. */
  readonly peer: string;
}

/** The context of a call; for handlers of streams, which get the bare call. */
export function contextOf(call: ServerCall): CallContext {
  const controller = new AbortController();
  call.once('cancelled', () => controller.abort(new MillraceError('deadline-exceeded', { message: 'The caller has gone or its deadline has passed' })));
  const deadline = call.getDeadline();
  const deadlineAtMs = deadline instanceof Date ? deadline.getTime() : deadline;
  return {
    metadata: call.metadata,
    path: call.getPath(),
    trace: parseTraceparent(headerOf(call.metadata, HEADERS.traceparent)),
    organisation: headerOf(call.metadata, HEADERS.organisation),
    deadlineAtMs: Number.isFinite(deadlineAtMs) ? deadlineAtMs : undefined,
    signal: controller.signal,
    peer: call.getPeer(),
  };
}

/** The organisation of a call. @throws MillraceError `argument-invalid` when the caller named none. */
export function requireOrganisation({ organisation, path }: CallContext): string {
  if (organisation !== undefined && organisation !== '') return organisation;
  throw new MillraceError('argument-invalid', { message: `${path} needs the header ${HEADERS.organisation}` });
}

function headerOf(metadata: Metadata, name: string): string | undefined {
  const [value] = metadata.get(name);
  return typeof value === 'string' ? value : undefined;
}

/** The name of a numeric status, for metrics and logs. */
export function statusName(code: status): string {
  return status[code] ?? String(code);
}
