/**
 * HTTP to the outside: one pool of connections, guarded, with limits, for every part of the worker that speaks it.
 *
 * Owns sending and reading within limits, and what a broken exchange means. Does not own what is asked, nor what
 * an answer's status means. Redirects are never followed here.
 */
import { Agent, errors, request, type Dispatcher } from 'undici';
import { ADDRESS_BLOCKED, AddressBlocked, type AddressGuard } from '../address-guard.ts';
import { failure, refused, uncertain } from '../failure.ts';
import { CONNECT_TIMEOUT_MS, HTTP_CONNECTIONS_PER_ORIGIN_MAX, HTTP_KEEP_ALIVE_MS, HTTP_ORIGINS_MAX, TIMEOUT_MS_MAX } from '../limits.ts';
import type { Performed } from '../manifest.ts';

export interface HttpQuestion {
  readonly method: string;
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string | Uint8Array | undefined;
  readonly signal: AbortSignal;
  /** Largest answer, bytes. */
  readonly bytesMax: number;
}

export interface HttpAnswer {
  readonly status: number;
  /** Names in lower case; repeated ones are joined as RFC 9110 section 5.3 says. */
  readonly headers: Readonly<Record<string, string>>;
  readonly bytes: Buffer;
}

/** An answer whose content is read as it comes. */
export interface HttpStream {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly chunks: AsyncIterable<Uint8Array>;
}

/** A body that grew beyond the limit while it was read. */
export class BodyTooLarge extends Error {
  readonly bytesMax: number;

  constructor(bytesMax: number) {
    super(`the answer is larger than ${bytesMax} bytes`);
    this.bytesMax = bytesMax;
  }
}

export interface OutboundHttp {
  readonly guard: AddressGuard;
  /** The pool itself, for what is not a request: its lookups are guarded, hosts that are written as addresses are not. */
  readonly dispatcher: Dispatcher;
  /** @throws AddressBlocked, BodyTooLarge, or what the connection failed with; `brokenExchange` understands them. */
  ask(question: HttpQuestion): Promise<HttpAnswer>;
  /** Like `ask`, for answers that go on; whoever reads them stops reading to break off. */
  open(question: Omit<HttpQuestion, 'bytesMax'>): Promise<HttpStream>;
  close(): Promise<void>;
}

export function createOutboundHttp(guard: AddressGuard): OutboundHttp {
  const agent = new Agent({
    connections: HTTP_CONNECTIONS_PER_ORIGIN_MAX,
    maxOrigins: HTTP_ORIGINS_MAX,
    keepAliveTimeout: HTTP_KEEP_ALIVE_MS,
    headersTimeout: TIMEOUT_MS_MAX,
    bodyTimeout: TIMEOUT_MS_MAX,
    connect: { timeout: CONNECT_TIMEOUT_MS, lookup: guard.lookup as never },
  });
  async function send({ method, url, headers, body, signal }: Omit<HttpQuestion, 'bytesMax'>): Promise<Dispatcher.ResponseData> {
    guard.checkHost(url.hostname);
    return request(url, { dispatcher: agent, method: method as Dispatcher.HttpMethod, headers: { ...headers }, body: body ?? null, signal });
  }
  return {
    guard,
    dispatcher: agent,
    ask: async (question) => {
      const response = await send(question);
      return { status: response.statusCode, headers: plainHeaders(response.headers), bytes: await readBody(response.body, question.bytesMax) };
    },
    open: async (question) => {
      const response = await send(question);
      return { status: response.statusCode, headers: plainHeaders(response.headers), chunks: response.body };
    },
    close: () => agent.close(),
  };
}

async function readBody(body: AsyncIterable<Uint8Array>, bytesMax: number): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of body) {
    size += chunk.length;
    if (size > bytesMax) throw new BodyTooLarge(bytesMax);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

function plainHeaders(headers: Readonly<Record<string, string | string[] | undefined>>): Record<string, string> {
  const plain: Record<string, string> = {};
  for (const [name, value] of Object.entries(headers)) if (value !== undefined) plain[name.toLowerCase()] = Array.isArray(value) ? value.join(', ') : value;
  return plain;
}

/** Failures before the request was written did nothing; of later ones that is not known. */
const NOT_SENT = new Set(['ECONNREFUSED', 'ENOTFOUND', 'EAI_AGAIN', 'EHOSTUNREACH', 'ENETUNREACH', 'UND_ERR_CONNECT_TIMEOUT', ADDRESS_BLOCKED]);

/** What an exchange that threw comes to. `what` names it: `GET https://example.com/pets`. */
export function brokenExchange(error: unknown, what: string): Performed {
  if (error instanceof AddressBlocked) return refused(failure('authorization', 403, error.message));
  if (error instanceof BodyTooLarge) return uncertain(failure('communication', 502, `${what}: ${error.message}`), 'up');
  const { code, message } = rootOf(error);
  if (code === ADDRESS_BLOCKED) return refused(failure('authorization', 403, message));
  if (error instanceof errors.InvalidArgumentError) return refused(failure('validation', 400, `arguments: ${what}: ${message}`));
  const reason = `${what} failed: ${code === '' ? message : code}`;
  if (code === 'UND_ERR_CONNECT_TIMEOUT') return refused(failure('timeout', 408, `${what}: no connection within ${CONNECT_TIMEOUT_MS} ms`), 'down');
  return NOT_SENT.has(code) ? refused(failure('communication', 503, reason), 'down') : uncertain(failure('communication', 503, reason));
}

/** With several addresses tried, the error is an aggregate whose first member says why. */
export function rootOf(error: unknown): { readonly code: string; readonly message: string } {
  if (error instanceof AggregateError && error.errors.length > 0) return rootOf(error.errors[0]);
  const { code, message, cause } = error as { readonly code?: unknown; readonly message?: unknown; readonly cause?: unknown };
  if (code === undefined && cause instanceof Error) return rootOf(cause);
  return { code: typeof code === 'string' ? code : '', message: typeof message === 'string' ? message : String(error) };
}
