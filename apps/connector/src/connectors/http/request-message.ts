/** From an operation's arguments to an HTTP request. */
import { readCredentials, type Credentials } from '../../auth/credentials.ts';
import type { JsonObject, JsonValue, OperationCall } from '../../manifest.ts';
import { traceparentOf } from '@millrace/worker';

export interface HttpRequestMessage {
  readonly method: string;
  readonly url: URL;
  /** What the caller gave and what follows from the body; shown in the output `response`. */
  readonly headers: Readonly<Record<string, string>>;
  /** What the worker adds: key, attempt, trace; never shown. */
  readonly ownHeaders: Readonly<Record<string, string>>;
  readonly body: string | undefined;
  readonly credentials: Credentials;
}

/** Why a request cannot be made; a sentence for the failure's detail. */
export class RequestInvalid extends Error {}

/** Headers that belong to the connection rather than to the request. */
const REFUSED_HEADERS = new Set(['host', 'connection', 'keep-alive', 'transfer-encoding', 'content-length', 'upgrade', 'expect', 'te', 'trailer']);

/** @throws RequestInvalid, CredentialsInvalid, SecretRefused */
export function requestMessage(call: OperationCall): HttpRequestMessage {
  const { arguments: args, connection } = call;
  const url = targetUrl(String(args['uri'] ?? ''), connection?.baseUrl ?? '');
  for (const [name, value] of Object.entries((args['query'] ?? {}) as JsonObject)) appendQuery(url, name, value);
  const credentials = callCredentials(call);
  const headers: Record<string, string> = {};
  for (const [name, value] of Object.entries((args['headers'] ?? {}) as JsonObject)) {
    if (value === null) continue;
    const lower = name.toLowerCase();
    if (REFUSED_HEADERS.has(lower)) throw new RequestInvalid(`/headers/${name} is set by the connection and cannot be given`);
    headers[lower] = typeof value === 'string' ? value : JSON.stringify(value);
  }
  const body = encodeBody(args['body'], headers);
  return { method: String(args['method']).toUpperCase(), url, headers, ownHeaders: ownHeaders(call, headers), body, credentials };
}

/** Credentials of the arguments, else of the connection. @throws RequestInvalid, CredentialsInvalid, SecretRefused */
export function callCredentials({ arguments: args, connection, secrets }: OperationCall): Credentials {
  const own = connection?.auth ?? { kind: 'none' };
  if (own.kind !== 'none' && connection?.baseUrl === '') {
    throw new RequestInvalid(`connection ${connection.name} has credentials but no baseUrl; they are sent only to the origin of its baseUrl`);
  }
  const stated = readCredentials(args['authentication'], secrets);
  return stated.kind === 'none' ? own : stated;
}

/** Key, attempt, trace and what the caller left out (E5). */
export function ownHeaders({ step }: OperationCall, given: Readonly<Record<string, string>>): Record<string, string> {
  const own: Record<string, string> = { 'millrace-attempt': String(step.attempt) };
  if (!('idempotency-key' in given)) own['idempotency-key'] = `${step.execution}/${step.run}/${step.activation}`;
  if (!('traceparent' in given)) own['traceparent'] = traceparentOf(step);
  if (!('accept' in given)) own['accept'] = 'application/json, */*;q=0.5';
  if (!('user-agent' in given)) own['user-agent'] = 'millrace';
  return own;
}

/** With a base, a relative URI is joined to its path, and an absolute one has to be of its origin. */
export function targetUrl(uri: string, base: string): URL {
  const absolute = /^[a-z][a-z0-9+.-]*:/i.test(uri);
  let url: URL;
  try {
    url = new URL(absolute || base === '' ? uri : `${base.replace(/\/+$/, '')}${uri === '' ? '' : '/'}${uri.replace(/^\/+/, '')}`);
  } catch {
    throw new RequestInvalid(base === '' ? '/uri is not an absolute URI, and there is no connection with a baseUrl' : '/uri and the connection\'s baseUrl do not make a URI');
  }
  if (url.protocol !== 'http:' && url.protocol !== 'https:') throw new RequestInvalid(`/uri has the scheme ${url.protocol}; only http: and https: are called`);
  if (url.username !== '' || url.password !== '') throw new RequestInvalid('/uri has credentials; give them in `authentication` or in a connection');
  if (base !== '' && url.origin !== new URL(base).origin) throw new RequestInvalid(`/uri is not of the connection's origin ${new URL(base).origin}`);
  return url;
}

export function appendQuery(url: URL, name: string, value: JsonValue): void {
  if (value === null) return;
  if (Array.isArray(value)) for (const each of value as readonly JsonValue[]) appendQuery(url, name, each);
  else url.searchParams.append(name, typeof value === 'object' ? JSON.stringify(value) : String(value));
}

/** A string goes as it is; with a form's content type an object is a form; anything else is JSON. */
export function encodeBody(body: JsonValue | undefined, headers: Record<string, string>): string | undefined {
  if (body === undefined || body === null) return undefined;
  const type = headers['content-type'];
  if (typeof body === 'string') {
    if (type === undefined) headers['content-type'] = 'text/plain; charset=utf-8';
    return body;
  }
  if (type?.startsWith('application/x-www-form-urlencoded') === true && typeof body === 'object' && !Array.isArray(body)) {
    const form = new URLSearchParams();
    for (const [name, value] of Object.entries(body as JsonObject)) {
      if (value !== null) form.append(name, typeof value === 'object' ? JSON.stringify(value) : String(value));
    }
    return form.toString();
  }
  if (type === undefined) headers['content-type'] = 'application/json';
  return JSON.stringify(body);
}
