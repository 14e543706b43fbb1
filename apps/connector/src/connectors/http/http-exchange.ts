/**
 * One exchange over HTTP as the DSL's calls mean it: sent with credentials, its status judged, its content decoded.
 *
 * Owns what `output` and `redirect` do (DSL reference, HTTP Call and OpenAPI Call). Does not own what is sent.
 */
import { STATUS_CODES } from 'node:http';
import type { Authenticator } from '../../auth/authenticator.ts';
import { CredentialsInvalid } from '../../auth/credentials.ts';
import { AuthorityFailed } from '../../auth/token-book.ts';
import { failure, refused, uncertain } from '../../failure.ts';
import { OUTPUT_BYTES_MAX, QUOTED_CHARACTERS_MAX } from '../../limits.ts';
import type { OperationCall, Performed } from '../../manifest.ts';
import { brokenExchange, type HttpAnswer, type OutboundHttp } from '../../outbound/outbound-http.ts';
import { ResourceFailed } from '../../resource-store.ts';
import { scrub } from '../../scrub.ts';
import { SecretRefused } from '../../secret-handles.ts';
import { RequestInvalid, type HttpRequestMessage } from './request-message.ts';
import { ContentInvalid, decodeContent, quotableText } from './response-content.ts';

/** What a call needs to reach the outside. */
export interface HttpAccess {
  readonly http: OutboundHttp;
  readonly authenticator: Authenticator;
  readonly bodyBytesMax?: number;
}

/** What an error thrown before anything was sent comes to; nothing for one that is not about the call. */
export function refusedBeforehand(error: unknown, operation: string): Performed | undefined {
  if (error instanceof RequestInvalid) return refused(failure('validation', 400, `arguments of ${operation}: ${error.message}`));
  if (error instanceof CredentialsInvalid) return refused(failure('configuration', 400, `arguments of ${operation}: ${error.message}`));
  if (error instanceof SecretRefused) return refused(failure('authorization', 403, error.message));
  if (error instanceof ResourceFailed || error instanceof AuthorityFailed) return error.performed;
  return undefined;
}

/** Sends what `make` makes, and yields what the call's `output` asks for. */
export async function askForOutput(access: HttpAccess, call: OperationCall, operation: string, make: () => HttpRequestMessage | Promise<HttpRequestMessage>): Promise<Performed> {
  let message: HttpRequestMessage;
  try {
    message = await make();
  } catch (error) {
    const performed = refusedBeforehand(error, operation);
    if (performed !== undefined) return performed;
    throw error;
  }
  const what = `${message.method} ${message.url.origin}${message.url.pathname}`;
  try {
    return judged(call, message, what, await send(access, call, message));
  } catch (error) {
    if (call.signal.aborted) throw error;
    return error instanceof AuthorityFailed ? error.performed : brokenExchange(error, what);
  }
}

function send({ http, authenticator, bodyBytesMax = OUTPUT_BYTES_MAX }: HttpAccess, call: OperationCall, message: HttpRequestMessage): Promise<HttpAnswer> {
  const { body, credentials, headers, method, ownHeaders, url } = message;
  return authenticator.exchange({ organisation: call.step.organisation, method, url, body: body ?? '', credentials, secrets: call.secrets }, (own) =>
    http.ask({ method, url, headers: { ...headers, ...ownHeaders, ...own }, body, signal: call.signal, bytesMax: bodyBytesMax }),
  );
}

function judged(call: OperationCall, message: HttpRequestMessage, what: string, { status, headers, bytes }: HttpAnswer): Performed {
  const contentType = headers['content-type'] ?? '';
  if (status < 200 || status > (call.arguments['redirect'] === true ? 399 : 299)) {
    const quoted = scrub(quotableText(bytes, contentType, QUOTED_CHARACTERS_MAX), call.secrets.texts);
    const detail = `${what} answered ${status}${quoted === '' ? '' : `: ${quoted}`}`;
    return uncertain(failure('communication', status, detail, STATUS_CODES[status] ?? `HTTP status ${status}`), status >= 500 ? 'down' : 'up');
  }
  const { output } = call.arguments;
  if (output === 'raw') return { kind: 'output', value: bytes.length === 0 ? null : bytes.toString('base64') };
  try {
    const content = decodeContent(bytes, contentType);
    if (output !== 'response') return { kind: 'output', value: content };
    const sent = { method: message.method, uri: message.url.href, headers: message.headers };
    return { kind: 'output', value: { request: sent, statusCode: status, headers, content } };
  } catch (error) {
    if (error instanceof ContentInvalid) return uncertain(failure('communication', 502, `${what}: ${error.message}`), 'up');
    throw error;
  }
}
