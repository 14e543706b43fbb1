/**
 * Handlers written as functions: `unary` for a promise, `serverStream` for an async iterable.
 *
 * Owns the way from what they throw to a status, counting and timing, and logging what should not have been
 * thrown. The server binds them to its log and metrics when the service is added.
 */
import type { handleServerStreamingCall, handleUnaryCall, status } from '@grpc/grpc-js';
import { MillraceError } from '@millrace/errors';
import type { Logger } from '@millrace/telemetry';
import { once } from 'node:events';
import { contextOf, statusName, type CallContext } from './context.ts';
import { statusErrorOf, statusOf } from './status.ts';

/** What the server tells its handlers about the outcome of calls. */
export interface CallObserver {
  readonly logger: Logger;
  ended(path: string, code: string, seconds: number): void;
}

const BIND = Symbol('millrace.rpc.bind');
interface Bindable<T> {
  [BIND]?: (observer: CallObserver) => T;
}

/** The handler bound to a server, or the handler itself when it is grpc-js's own kind. */
export function bindHandler<T extends object>(handler: T, observer: CallObserver): T {
  return (handler as T & Bindable<T>)[BIND]?.(observer) ?? handler;
}

/** A handler of one request and one answer. A thrown MillraceError is the answer's status, anything else `internal`. */
export function unary<Request, Response>(
  handler: (request: Request, context: CallContext) => Promise<Response> | Response,
): handleUnaryCall<Request, Response> {
  const make = (observer?: CallObserver): handleUnaryCall<Request, Response> => (call, callback) => {
    const context = contextOf(call);
    const ended = clock(context.path, observer);
    // The call begins on a new turn of the promise queue either way, so a handler may also throw at once.
    void Promise.resolve(call.request)
      .then((request) => handler(request, context))
      .then(
        (response) => {
          ended(0);
          callback(null, response);
        },
        (error: unknown) => {
          report(error, context, observer);
          const answer = statusOf(error);
          ended(answer.code);
          callback(answer);
        },
      );
  };
  return Object.assign(make(), { [BIND]: make });
}

/** A handler of one request and a stream of answers, written as an async generator; it waits for slow readers. */
export function serverStream<Request, Response>(
  handler: (request: Request, context: CallContext) => AsyncIterable<Response>,
): handleServerStreamingCall<Request, Response> {
  const make = (observer?: CallObserver): handleServerStreamingCall<Request, Response> => (call) => {
    const context = contextOf(call);
    const ended = clock(context.path, observer);
    const send = async (): Promise<void> => {
      for await (const response of handler(call.request, context)) {
        if (context.signal.aborted) break;
        if (!call.write(response)) await once(call, 'drain', { signal: context.signal }).catch(() => undefined);
      }
    };
    send().then(
      () => {
        ended(0);
        call.end();
      },
      (error: unknown) => {
        if (context.signal.aborted) return ended(1);
        report(error, context, observer);
        const failure = statusErrorOf(error);
        ended(failure.code);
        call.emit('error', failure);
      },
    );
  };
  return Object.assign(make(), { [BIND]: make });
}

function clock(path: string, observer: CallObserver | undefined): (code: status) => void {
  const beganMs = performance.now();
  return (code) => observer?.ended(path, statusName(code), (performance.now() - beganMs) / 1_000);
}

/** Failures of the catalogue are answers; only what nobody foresaw is worth a line. */
function report(error: unknown, { path, trace }: CallContext, observer: CallObserver | undefined): void {
  if (error instanceof MillraceError && error.reason !== 'internal') return;
  observer?.logger.error('A call failed for a reason nobody foresaw', { path, traceId: trace?.traceId, error });
}
