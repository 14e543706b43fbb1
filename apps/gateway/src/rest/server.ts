/**
 * The REST API over HTTP.
 *
 * Owns: registering the table of routes, reading keys, checking requests against the schemas, the form of answers
 * and problems, limits of a request. Does not own what operations do (handlers.ts).
 */
import { MillraceError, httpStatusOf, problemOf } from '@millrace/errors';
import type { Logger, SpanExporter } from '@millrace/telemetry';
import fastify, { type FastifyError, type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify';
import { beginCallSpan } from '../call-span.ts';
import type { KeyRing } from '../key-ring.ts';
import { callerOf } from '../principal.ts';
import type { Approvals } from '../approvals.ts';
import { addApprovalPage } from './approval-page.ts';
import type { RestAnswer, RestHandler } from './handlers.ts';
import { openApiDocument } from './openapi.ts';
import { DOCUMENT_TYPES, ROUTES, type OperationName, type Route } from './routes.ts';
import { SCHEMAS, type Schema } from './schemas.ts';

/** Largest body of a request, in bytes: an input of the largest size, written with escapes, fits. */
export const BODY_BYTES_MAX = 4 * 1024 * 1024;

const PROBLEM_TYPE = 'application/problem+json; charset=utf-8';
/** What routes take as an id; anything else finds no route. A schedule of a workflow's document has a full stop in its name. */
const ID_PATTERN = '(^[0-9A-Za-z_-]+$)';
const SCHEDULE_PATTERN = '(^[0-9A-Za-z_.-]+$)';
const VERSION_PATTERN = '(^[0-9A-Za-z.+-]+$)';

export interface RestServerOptions {
  readonly version: string;
  readonly keys: KeyRing;
  readonly isKnown: (organisation: string) => boolean;
  readonly handlers: Readonly<Record<Exclude<OperationName, 'getOpenApi'>, RestHandler>>;
  readonly approvals: Approvals;
  readonly spans: SpanExporter;
  readonly logger: Logger;
  readonly onAnswer: (operation: string, status: number, tookMs: number) => void;
  /** False once the process stops taking requests. */
  readonly isTaking: () => boolean;
}

/** The application; its `routing` takes requests once `ready` has resolved. */
export function createRestServer(options: RestServerOptions): FastifyInstance {
  const app = fastify({
    logger: false,
    bodyLimit: BODY_BYTES_MAX,
    onProtoPoisoning: 'ignore',
    onConstructorPoisoning: 'ignore',
    // Requests are checked, never changed.
    ajv: { customOptions: { coerceTypes: false, useDefaults: false, removeAdditional: false, allErrors: true, strict: false } },
  });
  app.addContentTypeParser(DOCUMENT_TYPES.filter((type) => type !== 'application/json'), { parseAs: 'string' }, (_request, body, done) => done(null, body));
  const openApi = openApiDocument(options.version);
  for (const route of ROUTES) {
    const handler = route.operation === 'getOpenApi' ? undefined : options.handlers[route.operation];
    if (route.operation === 'applyWorkflow') app.register(async (scope) => addDocumentRoute(scope, options, route, handler as RestHandler));
    else if (route.operation === 'publishEvents') app.register(async (scope) => addBytesRoute(scope, options, route, handler as RestHandler));
    else addRoute(app, options, route, handler ?? (() => Promise.resolve({ status: 200, document: openApi })));
  }
  app.register(async (scope) => addApprovalPage(scope, options.approvals, options.isTaking));
  app.setNotFoundHandler((request, reply) =>
    sendProblem(reply, new MillraceError('resource-unknown', { message: `There is nothing at ${request.method} ${request.url.split('?')[0]}; GET /openapi.json lists what there is` })),
  );
  app.setErrorHandler((error: FastifyError, _request, reply) => sendProblem(reply, failureOf(error, options.logger)));
  return app;
}

/** A route whose JSON body is a document for somebody else to read: it stays text. */
function addDocumentRoute(scope: FastifyInstance, options: RestServerOptions, route: Route, handler: RestHandler): void {
  scope.removeContentTypeParser('application/json');
  scope.addContentTypeParser('application/json', { parseAs: 'string' }, (_request, body, done) => done(null, body));
  addRoute(scope, options, route, handler);
}

/** A route whose body may be of any type: it stays bytes. */
function addBytesRoute(scope: FastifyInstance, options: RestServerOptions, route: Route, handler: RestHandler): void {
  scope.removeAllContentTypeParsers();
  scope.addContentTypeParser('*', { parseAs: 'buffer' }, (_request, body, done) => done(null, body));
  addRoute(scope, options, route, handler);
}

function addRoute(app: FastifyInstance, options: RestServerOptions, route: Route, handler: RestHandler): void {
  app.route({
    method: route.method,
    url: route.path.replaceAll(/\{(\w+)\}(:?)/g, (_match, name: string, colon: string) => `:${name}${name === 'schedule' ? SCHEDULE_PATTERN : name === 'version' ? VERSION_PATTERN : ID_PATTERN}${colon === '' ? '' : '::'}`),
    schema: requestSchema(route),
    handler: async (request, reply) => {
      const arrivedAt = performance.now();
      const answer = await answerTo(options, route, handler, request, reply);
      options.onAnswer(route.operation, answer.status, performance.now() - arrivedAt);
      return reply
        .code(answer.status)
        .headers({ 'content-type': answer.status >= 400 ? PROBLEM_TYPE : 'application/json; charset=utf-8', ...answer.headers })
        .send(JSON.stringify(answer.document));
    },
  });
}

async function answerTo(options: RestServerOptions, route: Route, handler: RestHandler, request: FastifyRequest, reply: FastifyReply): Promise<RestAnswer> {
  const acceptedAtMs = Date.now();
  const span = beginCallSpan(options.spans, `gateway ${route.method} ${route.path}`, headerOf(request, 'traceparent'), acceptedAtMs);
  const gone = new AbortController();
  reply.raw.once('close', () => gone.abort());
  try {
    if (!options.isTaking()) throw new MillraceError('service-draining');
    const caller =
      route.secured === false
        ? NOBODY
        : callerOf(options.keys.principalOf(headerOf(request, 'authorization')), headerOf(request, 'millrace-organisation') ?? '', options.isKnown);
    const answer = await handler({
      caller,
      parameters: request.params as Readonly<Record<string, string>>,
      query: request.query as Readonly<Record<string, string>>,
      body: request.body,
      headers: request.headers,
      traceparent: span.traceparent,
      acceptedAtMs,
      signal: gone.signal,
    });
    span.end('ok', { 'http.request.method': route.method, 'http.route': route.path, 'http.response.status_code': answer.status });
    return answer;
  } catch (error) {
    const failure = failureOf(error, options.logger);
    span.end('error', { 'http.request.method': route.method, 'http.route': route.path, 'http.response.status_code': httpStatusOf(failure) });
    return { status: httpStatusOf(failure), document: problemOf(failure), headers: problemHeaders(failure) };
  }
}

/** The caller of a route that needs no key. */
const NOBODY = { principal: { kind: 'organisation', key: '', organisation: '' }, organisation: '', sight: '' } as const;

function requestSchema(route: Route): Record<string, Schema> {
  const query = Object.fromEntries((route.query ?? []).map(({ name, schema }) => [name, schema]));
  const schema: Record<string, Schema> = { querystring: { type: 'object', properties: query, additionalProperties: false } };
  if (route.body !== undefined && route.body !== 'document' && route.body !== 'events') schema['body'] = SCHEMAS[route.body];
  if (route.body === 'document') schema['body'] = { type: 'string', minLength: 1 };
  return schema;
}

function headerOf(request: FastifyRequest, name: string): string | undefined {
  const value = request.headers[name];
  return typeof value === 'string' ? value : undefined;
}

function sendProblem(reply: FastifyReply, error: MillraceError): FastifyReply {
  return reply.code(httpStatusOf(error)).headers({ 'content-type': PROBLEM_TYPE, ...problemHeaders(error) }).send(JSON.stringify(problemOf(error)));
}

function problemHeaders(error: MillraceError): Readonly<Record<string, string>> {
  if (error.code === 'unauthenticated') return { 'www-authenticate': 'Bearer' };
  if (error.retry.kind === 'never') return {};
  return { 'retry-after': String(error.retry.kind === 'after' ? Math.ceil(error.retry.ms / 1000) : 1) };
}

/** Ours as they are; what the HTTP layer found wrong with a request; anything else is a defect that the log tells of. */
function failureOf(error: unknown, logger: Logger): MillraceError {
  if (error instanceof MillraceError) return error;
  const { code, statusCode, validation, message } = error as Partial<FastifyError>;
  if (code === 'FST_ERR_CTP_BODY_TOO_LARGE') return new MillraceError('payload-too-large', { message: `The body is larger than ${BODY_BYTES_MAX} bytes` });
  if (validation !== undefined) return new MillraceError('argument-invalid', { message: `The request is not valid: ${message}`, cause: error });
  if (code === 'FST_ERR_CTP_INVALID_MEDIA_TYPE') {
    return new MillraceError('argument-invalid', { message: 'The content type is not taken here; send application/json, or application/yaml for a workflow', cause: error });
  }
  if (statusCode !== undefined && statusCode >= 400 && statusCode < 500) return new MillraceError('argument-invalid', { message: `The request cannot be read: ${message}`, cause: error });
  logger.error('A request broke', { error });
  return MillraceError.from(error);
}
