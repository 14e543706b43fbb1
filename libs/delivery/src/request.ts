/**
 * The message that asks for a delivery, on `notify.<organisation>`.
 *
 * Owns: its JSON form, version 1, and what makes one acceptable.
 * Does not own: who publishes it, and templates by other names than the built-in ones.
 */
import type { MessageTemplate } from './template.ts';

/** Who gets the message. */
export interface Recipient {
  readonly address: string;
  readonly name?: string;
}

/** A delivery asked for. One (organisation, key) is one delivery, however often it is asked for. */
export interface DeliveryRequest {
  readonly organisation: string;
  readonly key: string;
  readonly channel: 'email';
  readonly recipient: Recipient;
  /** The template itself, or the name of a stored one. */
  readonly template: MessageTemplate | string;
  readonly data: unknown;
  /** The execution that asks. */
  readonly execution?: string;
  readonly traceparent?: string;
  /** Milliseconds since the Unix epoch. */
  readonly requestedAtMs: number;
  /** Not to be sent before; milliseconds since the Unix epoch. */
  readonly notBeforeMs?: number;
}

/** Version of the form written here. */
export const REQUEST_VERSION = 1;
/** Longest key, in characters. */
export const KEY_CHARS_MAX = 512;
/** Longest address, in characters (RFC 5321 section 4.5.3.1.3, a path without its brackets). */
export const ADDRESS_CHARS_MAX = 254;
/** Longest display name, in characters. */
export const NAME_CHARS_MAX = 200;

export type Decoding =
  | { readonly kind: 'request'; readonly request: DeliveryRequest }
  /** A later release wrote it: an instance of that release can read it. */
  | { readonly kind: 'later-version'; readonly version: number }
  /** It can never be accepted. Organisation and key are there when at least they could be read. */
  | { readonly kind: 'invalid'; readonly detail: string; readonly organisation?: string; readonly key?: string };

/** The bytes' text of a request, to be published. */
export function encodeDeliveryRequest(request: DeliveryRequest): string {
  return JSON.stringify({ v: REQUEST_VERSION, ...request });
}

/** Reads a request; never throws. Fields that a later release added are left alone. */
export function decodeDeliveryRequest(text: string): Decoding {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return { kind: 'invalid', detail: 'the message is not JSON' };
  }
  if (!isRecord(value)) return { kind: 'invalid', detail: 'the message is not a JSON object' };
  const version = value['v'];
  if (typeof version === 'number' && version > REQUEST_VERSION) return { kind: 'later-version', version };
  const { organisation, key } = value;
  const named = {
    ...(isName(organisation, KEY_CHARS_MAX) ? { organisation } : {}),
    ...(isName(key, KEY_CHARS_MAX) ? { key } : {}),
  };
  const invalid = (detail: string): Decoding => ({ kind: 'invalid', detail, ...named });
  if (version !== REQUEST_VERSION) return invalid('`v` is missing');
  if (named.organisation === undefined) return invalid('`organisation` is missing or not a name');
  if (named.key === undefined) return invalid(`\`key\` is missing or longer than ${KEY_CHARS_MAX} characters`);
  if (value['channel'] !== 'email') return invalid(`\`channel\` is ${JSON.stringify(value['channel'])}; this release delivers "email" only`);
  const recipient = readRecipient(value['recipient']);
  if (typeof recipient === 'string') return invalid(recipient);
  const template = readTemplate(value['template']);
  if (template === undefined) return invalid('`template` must be a name, or an object with `subject` and `text` or `html`');
  const optional = {
    ...(typeof value['execution'] === 'string' && value['execution'] !== '' ? { execution: value['execution'] } : {}),
    ...(typeof value['traceparent'] === 'string' ? { traceparent: value['traceparent'] } : {}),
    ...(isTime(value['notBeforeMs']) ? { notBeforeMs: value['notBeforeMs'] } : {}),
  };
  const requestedAtMs = isTime(value['requestedAtMs']) ? value['requestedAtMs'] : 0;
  return {
    kind: 'request',
    request: { organisation: named.organisation, key: named.key, channel: 'email', recipient, template, data: value['data'] ?? {}, requestedAtMs, ...optional },
  };
}

/** The recipient, or a sentence on what is wrong with it. */
function readRecipient(value: unknown): Recipient | string {
  const address = isRecord(value) ? value['address'] : value;
  const name = isRecord(value) ? value['name'] : undefined;
  if (typeof address !== 'string' || !isAddress(address)) return `\`recipient\` is not an e-mail address: ${(JSON.stringify(address) ?? 'missing').slice(0, 80)}`;
  if (name === undefined || name === null) return { address };
  if (typeof name !== 'string' || name.length > NAME_CHARS_MAX || hasControl(name)) return '`recipient.name` is not a display name';
  return { address, name };
}

/** One mailbox as an envelope takes it: no list, no display name, nothing that could end a command line. */
function isAddress(text: string): boolean {
  if (text.length > ADDRESS_CHARS_MAX || hasControl(text)) return false;
  const at = text.lastIndexOf('@');
  return at > 0 && at < text.length - 1 && !/[\s<>,;()[\]"\\]/.test(text);
}

function readTemplate(value: unknown): MessageTemplate | string | undefined {
  if (typeof value === 'string') return value === '' ? undefined : value;
  if (!isRecord(value)) return undefined;
  const { subject, text, html } = value;
  if (typeof subject !== 'string') return undefined;
  if (typeof text !== 'string' && typeof html !== 'string') return undefined;
  return { subject, ...(typeof text === 'string' ? { text } : {}), ...(typeof html === 'string' ? { html } : {}) };
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isName(value: unknown, charsMax: number): value is string {
  return typeof value === 'string' && value.length > 0 && value.length <= charsMax;
}

function isTime(value: unknown): value is number {
  return typeof value === 'number' && Number.isFinite(value) && value > 0;
}

function hasControl(text: string): boolean {
  return /\p{Cc}/u.test(text);
}
