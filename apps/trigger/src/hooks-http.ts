/**
 * The HTTP side of webhooks: `POST /v1/hooks/{organisation}/{name}`.
 *
 * Owns routes, limits of a request and the form of answers. The body stays bytes: signatures are over bytes.
 */
import { MillraceError } from '@millrace/errors';
import { parseTraceparent, type Logger } from '@millrace/telemetry';
import fastify, { type FastifyError, type FastifyInstance, type FastifyReply } from 'fastify';
import type { HookCall } from './accept-hook.ts';
import { failureAnswer, type HookAnswer } from './hook-answer.ts';

/** Largest body of a request, in bytes. */
export const BODY_BYTES_MAX = 1024 * 1024;

export interface HooksHttpOptions {
  readonly accept: (call: HookCall) => Promise<HookAnswer>;
  readonly onAnswer: (status: number, tookMs: number) => void;
  readonly logger: Logger;
  /** False once the process stops taking requests. */
  readonly isTaking: () => boolean;
}

const EMPTY = Buffer.alloc(0);

/** The application; `routing` takes requests once `ready` has resolved. */
export function createHooksHttp(options: HooksHttpOptions): FastifyInstance {
  const app = fastify({ logger: false, bodyLimit: BODY_BYTES_MAX, routerOptions: { maxParamLength: 128 } });
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('*', { parseAs: 'buffer', bodyLimit: BODY_BYTES_MAX }, (_request, body, done) => done(null, body));

  app.post<{ Params: { organisation: string; name: string } }>('/v1/hooks/:organisation/:name', async (request, reply) => {
    const arrivedAt = performance.now();
    const acceptedAtMs = Date.now();
    if (!options.isTaking()) return send(reply, failureAnswer(new MillraceError('service-draining')));
    const { headers } = request;
    const traceparent = headers['traceparent'];
    const target = request.raw.url ?? '';
    const mark = target.indexOf('?');
    const answer = await options
      .accept({
        organisation: request.params.organisation,
        name: request.params.name,
        headers,
        query: mark === -1 ? '' : target.slice(mark + 1),
        body: Buffer.isBuffer(request.body) ? request.body : EMPTY,
        acceptedAtMs,
        ...(typeof traceparent === 'string' && parseTraceparent(traceparent) !== undefined ? { traceparent } : {}),
      })
      .catch((error: unknown) => failed(error, options.logger));
    options.onAnswer(answer.status, performance.now() - arrivedAt);
    return send(reply, answer);
  });

  app.setNotFoundHandler((request, reply) =>
    send(reply, failureAnswer(new MillraceError('resource-unknown', { message: `There is nothing at ${request.method} ${request.url.split('?')[0]}; webhooks are at POST /v1/hooks/{organisation}/{name}` }))),
  );
  app.setErrorHandler((error: FastifyError, _request, reply) => send(reply, failureAnswer(requestFailure(error, options.logger))));
  return app;
}

function send(reply: FastifyReply, answer: HookAnswer): FastifyReply {
  return reply.code(answer.status).headers(answer.headers).send(answer.body);
}

function failed(error: unknown, logger: Logger): HookAnswer {
  if (!(error instanceof MillraceError)) logger.error('A webhook request broke', { error });
  return failureAnswer(MillraceError.from(error));
}

/** Failures of the HTTP layer itself: a body over the limit, a request that cannot be read. */
function requestFailure(error: FastifyError, logger: Logger): MillraceError {
  if (error.code === 'FST_ERR_CTP_BODY_TOO_LARGE') {
    return new MillraceError('payload-too-large', { message: `The body is larger than ${BODY_BYTES_MAX} bytes` });
  }
  const status = error.statusCode ?? 500;
  if (status >= 400 && status < 500) return new MillraceError('argument-invalid', { message: `The request cannot be read: ${error.message}`, cause: error });
  logger.error('A webhook request broke', { error });
  return MillraceError.from(error);
}
