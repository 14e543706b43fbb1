/**
 * `http.request`: one HTTP request, as the DSL's `call: http` means it.
 *
 * Owns sending and the meaning of what comes back. Redirects are never followed: with `redirect` a 3xx answer
 * is an output, without it a failure (DSL reference, HTTP Call).
 *
 * GET, HEAD and OPTIONS are safe by definition, PUT and DELETE idempotent; for POST and PATCH the target has
 * to honour the `Idempotency-Key` header, which every request carries, with the same value for every attempt.
 */
import { STATUS_CODES } from 'node:http';
import { Agent, errors, request, type Dispatcher } from 'undici';
import { ADDRESS_BLOCKED, AddressBlocked, type AddressGuard } from '../../address-guard.ts';
import { failure, refused, uncertain } from '../../failure.ts';
import { CONNECT_TIMEOUT_MS, HTTP_CONNECTIONS_PER_ORIGIN_MAX, HTTP_KEEP_ALIVE_MS, HTTP_ORIGINS_MAX, OUTPUT_BYTES_MAX, QUOTED_CHARACTERS_MAX, TIMEOUT_MS_MAX } from '../../limits.ts';
import type { ConnectorManifest, JsonObject, OperationCall, Performed } from '../../manifest.ts';
import { scrub, secretTexts } from '../../scrub.ts';
import { RequestInvalid, requestMessage, type HttpRequestMessage } from './request-message.ts';
import { ContentInvalid, decodeContent, plainHeaders, quotableText } from './response-content.ts';

const authentication = {
  oneOf: [
    {
      type: 'object',
      required: ['kind', 'username', 'password'],
      properties: { kind: { const: 'basic' }, username: { type: 'string' }, password: { type: 'string' } },
      additionalProperties: false,
    },
    { type: 'object', required: ['kind', 'token'], properties: { kind: { const: 'bearer' }, token: { type: 'string' } }, additionalProperties: false },
  ],
} as const;

const argumentsSchema = {
  type: 'object',
  required: ['method', 'uri'],
  properties: {
    method: { type: 'string', pattern: '^[A-Za-z]+$' },
    uri: { type: 'string' },
    headers: { type: 'object', additionalProperties: { type: ['string', 'number', 'boolean', 'null'] } },
    query: { type: 'object' },
    body: true,
    output: { enum: ['content', 'response', 'raw'] },
    redirect: { type: 'boolean' },
    authentication,
  },
  additionalProperties: false,
} as const;

/** A body that grew beyond the limit while it was read. */
class BodyTooLarge extends Error {}

export interface HttpConnector extends ConnectorManifest {
  close(): Promise<void>;
}

export function httpConnector(guard: AddressGuard, bodyBytesMax: number = OUTPUT_BYTES_MAX): HttpConnector {
  const agent = new Agent({
    connections: HTTP_CONNECTIONS_PER_ORIGIN_MAX,
    maxOrigins: HTTP_ORIGINS_MAX,
    keepAliveTimeout: HTTP_KEEP_ALIVE_MS,
    headersTimeout: TIMEOUT_MS_MAX,
    bodyTimeout: TIMEOUT_MS_MAX,
    connect: { timeout: CONNECT_TIMEOUT_MS, lookup: guard.lookup as never },
  });
  return {
    id: 'http',
    version: '1.0.0',
    title: 'HTTP',
    auth: ['none', 'basic', 'bearer', 'header'],
    operations: {
      request: {
        summary: 'Sends an HTTP request; every one carries an Idempotency-Key header that stays the same over attempts',
        arguments: argumentsSchema,
        output: true as never,
        retryClass: 'keyed',
        timeoutMs: 30_000,
        target: hostOf,
        action: { kind: 'run', run: (call) => send(agent, guard, call, bodyBytesMax) },
      },
    },
    close: () => agent.close(),
  };
}

function hostOf(args: JsonObject): string | undefined {
  try {
    return `host:${new URL(String(args['uri'])).host}`;
  } catch {
    return undefined;
  }
}

async function send(agent: Dispatcher, guard: AddressGuard, call: OperationCall, bodyBytesMax: number): Promise<Performed> {
  let message: HttpRequestMessage;
  try {
    message = requestMessage(call);
    guard.checkHost(message.url.hostname);
  } catch (error) {
    if (error instanceof RequestInvalid) return refused(failure('validation', 400, `arguments of http.request: ${error.message}`));
    if (error instanceof AddressBlocked) return refused(failure('authorization', 403, error.message));
    throw error;
  }
  const what = `${message.method} ${message.url.origin}${message.url.pathname}`;
  try {
    const response = await request(message.url, {
      dispatcher: agent,
      method: message.method as Dispatcher.HttpMethod,
      headers: { ...message.headers, ...message.ownHeaders },
      body: message.body ?? null,
      signal: call.signal,
    });
    const bytes = await readBody(response.body, bodyBytesMax);
    return conclude(call, message, what, response, bytes);
  } catch (error) {
    if (call.signal.aborted) throw error;
    return broken(error, what, bodyBytesMax);
  }
}

async function readBody(body: AsyncIterable<Uint8Array>, bytesMax: number): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of body) {
    size += chunk.length;
    if (size > bytesMax) throw new BodyTooLarge();
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

function conclude(call: OperationCall, message: HttpRequestMessage, what: string, response: Dispatcher.ResponseData, bytes: Buffer): Performed {
  const { statusCode } = response;
  const headers = plainHeaders(response.headers);
  const contentType = headers['content-type'] ?? '';
  if (statusCode < 200 || statusCode > (call.arguments['redirect'] === true ? 399 : 299)) {
    const quoted = scrub(quotableText(bytes, contentType, QUOTED_CHARACTERS_MAX), secretTexts(message.auth));
    const detail = `${what} answered ${statusCode}${quoted === '' ? '' : `: ${quoted}`}`;
    return uncertain(failure('communication', statusCode, detail, STATUS_CODES[statusCode] ?? `HTTP status ${statusCode}`), statusCode >= 500 ? 'down' : 'up');
  }
  const { output } = call.arguments;
  if (output === 'raw') return { kind: 'output', value: bytes.length === 0 ? null : bytes.toString('base64') };
  try {
    const content = decodeContent(bytes, contentType);
    if (output !== 'response') return { kind: 'output', value: content };
    const sent = { method: message.method, uri: message.url.href, headers: message.headers };
    return { kind: 'output', value: { request: sent, statusCode, headers, content } };
  } catch (error) {
    if (error instanceof ContentInvalid) return uncertain(failure('communication', 502, `${what}: ${error.message}`), 'up');
    throw error;
  }
}

/** Failures before the request was written did nothing; of later ones that is not known. */
const NOT_SENT = new Set(['ECONNREFUSED', 'ENOTFOUND', 'EAI_AGAIN', 'EHOSTUNREACH', 'ENETUNREACH', 'UND_ERR_CONNECT_TIMEOUT', ADDRESS_BLOCKED]);

function broken(error: unknown, what: string, bodyBytesMax: number): Performed {
  if (error instanceof BodyTooLarge) {
    return uncertain(failure('communication', 502, `${what}: the answer is larger than ${bodyBytesMax} bytes`), 'up');
  }
  const { code, message } = rootOf(error);
  if (code === ADDRESS_BLOCKED) return refused(failure('authorization', 403, message));
  if (error instanceof errors.InvalidArgumentError) return refused(failure('validation', 400, `arguments of http.request: ${message}`));
  const reason = `${what} failed: ${code === '' ? message : code}`;
  if (code === 'UND_ERR_CONNECT_TIMEOUT') return refused(failure('timeout', 408, `${what}: no connection within ${CONNECT_TIMEOUT_MS} ms`), 'down');
  return NOT_SENT.has(code) ? refused(failure('communication', 503, reason), 'down') : uncertain(failure('communication', 503, reason));
}

/** With several addresses tried, the error is an aggregate whose first member says why. */
function rootOf(error: unknown): { readonly code: string; readonly message: string } {
  if (error instanceof AggregateError && error.errors.length > 0) return rootOf(error.errors[0]);
  const { code, message, cause } = error as { readonly code?: unknown; readonly message?: unknown; readonly cause?: unknown };
  if (code === undefined && cause instanceof Error) return rootOf(cause);
  return { code: typeof code === 'string' ? code : '', message: typeof message === 'string' ? message : String(error) };
}
