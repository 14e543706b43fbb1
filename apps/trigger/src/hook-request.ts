/**
 * From a request to the start it asks for: a pure function, called once for every request.
 *
 * The body's bytes go into the start as they came when they are JSON: parsed once to check them, never
 * written out again.
 */
import { MillraceError } from '@millrace/errors';
import { DEPTH_DEFAULT, type JsonValue, type Outcome } from '@millrace/jq';
import { isSigned } from './signature.ts';
import type { ServedWebhook } from './webhook-book.ts';

/** What the evaluation of an idempotency key may use: 100,000 steps, 4 MiB. */
export const KEY_BUDGET = { fuel: 100_000, allocation: 4 * 1024 * 1024, depth: DEPTH_DEFAULT } as const;
/** How long an idempotency key may be, in characters. */
export const KEY_LENGTH_MAX = 1024;
/** How deep a JSON body may be nested; what handles it later may recurse. */
export const BODY_DEPTH_MAX = 256;

export interface HookRequest {
  /** Names in lower case, as Node gives them. */
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>;
  /** Without the question mark. */
  readonly query: string;
  readonly body: Buffer;
  /** Unix milliseconds; what `now` is to the key's expression. */
  readonly acceptedAtMs: number;
}

export interface HookStart {
  /** `{headers, query, body}` as JSON. */
  readonly inputJson: string;
  readonly key?: string;
}

/** Headers that belong to the hop or to the check, not to the event. */
const LEFT_OUT: ReadonlySet<string> = new Set(['authorization', 'cookie', 'connection', 'keep-alive', 'transfer-encoding', 'content-length', 'host', 'expect', 'prefer', 'traceparent', 'tracestate']);

/**
 * Checks the signature, parses and derives the idempotency key.
 *
 * @throws MillraceError `signature-invalid`, or `argument-invalid` for a body that says it is JSON and is not, and for a key expression
 * that fails or gives nothing.
 */
export function readHookRequest(served: ServedWebhook, request: HookRequest): HookStart {
  if (!isSigned(served.webhook.signature, request.headers, request.body)) throw new MillraceError('signature-invalid');
  const headers = eventHeaders(request.headers);
  const query = queryObject(request.query);
  const body = readBody(request);
  const inputJson = `{"headers":${JSON.stringify(headers)},"query":${JSON.stringify(query)},"body":${body.json}}`;
  if (served.keyProgram === undefined) return { inputJson };
  const outcome = served.keyProgram.first({ headers, query, body: body.value }, [], { ...KEY_BUDGET, nowSeconds: request.acceptedAtMs / 1000 });
  return { inputJson, key: keyText(outcome) };
}

/** A text as it is, anything else as JSON; nothing at all is no key, and a start without one could not be told from its repeat. */
function keyText(outcome: Outcome): string {
  if (outcome.kind === 'error') throw new MillraceError('argument-invalid', { message: `The webhook's idempotencyKey fails for this request: ${outcome.message}` });
  const value = outcome.kind === 'empty' ? null : outcome.value;
  const key = typeof value === 'string' ? value : value === null ? '' : JSON.stringify(value);
  if (key === '') throw new MillraceError('argument-invalid', { message: "The webhook's idempotencyKey gives nothing for this request; send what it is made of" });
  if (key.length > KEY_LENGTH_MAX) throw new MillraceError('argument-invalid', { message: `The webhook's idempotencyKey gives more than ${KEY_LENGTH_MAX} characters for this request` });
  return key;
}

function eventHeaders(headers: HookRequest['headers']): Record<string, string> {
  const kept: Record<string, string> = {};
  for (const name in headers) {
    const value = headers[name];
    if (value === undefined || LEFT_OUT.has(name)) continue;
    kept[name] = typeof value === 'string' ? value : value.join(', ');
  }
  return kept;
}

/** Parameters by name; one that comes several times is a list. */
function queryObject(query: string): Record<string, string | string[]> {
  const object: Record<string, string | string[]> = Object.create(null) as Record<string, string | string[]>;
  if (query === '') return object;
  for (const [name, value] of new URLSearchParams(query)) {
    const known = object[name];
    if (known === undefined) object[name] = value;
    else if (typeof known === 'string') object[name] = [known, value];
    else known.push(value);
  }
  return object;
}

function readBody(request: HookRequest): { readonly json: string; readonly value: JsonValue } {
  const text = request.body.toString('utf8');
  if (text === '') return { json: 'null', value: null };
  const type = String(request.headers['content-type'] ?? '').toLowerCase();
  const saysJson = /^[^;]*[/+]json\s*(?:;|$)/.test(type);
  if (!saysJson && type !== '') return { json: JSON.stringify(text), value: text };
  let value: JsonValue;
  try {
    value = JSON.parse(text) as JsonValue;
  } catch (error) {
    if (!saysJson) return { json: JSON.stringify(text), value: text };
    throw new MillraceError('argument-invalid', { message: `The body is not JSON, though its content type says so: ${(error as Error).message}` });
  }
  if (isDeeperThan(value, BODY_DEPTH_MAX)) {
    throw new MillraceError('argument-invalid', { message: `The body is nested more than ${BODY_DEPTH_MAX} deep` });
  }
  return { json: text, value };
}

function isDeeperThan(value: JsonValue, depth: number): boolean {
  if (typeof value !== 'object' || value === null) return false;
  if (depth === 0) return true;
  for (const member of Object.values(value) as JsonValue[]) {
    if (typeof member === 'object' && isDeeperThan(member, depth - 1)) return true;
  }
  return false;
}
