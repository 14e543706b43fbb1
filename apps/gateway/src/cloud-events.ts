/**
 * CloudEvents as HTTP carries them: structured, binary and in batches (CloudEvents 1.0.2, HTTP protocol binding).
 *
 * Owns what a valid event is here, and which place is wrong in one that is not. A batch is taken as a whole or not at all.
 */
import { MillraceError } from '@millrace/errors';

/** Events of one request. */
export const EVENTS_MAX = 1_000;
/** Largest event in its JSON form, bytes. */
export const EVENT_BYTES_MAX = 256 * 1024;
/** How deep data may be nested. */
const DATA_DEPTH_MAX = 256;
/** Most problems that one answer names. */
const PROBLEMS_MAX = 20;
/** Longest `source` and `id`, characters. */
const IDENTITY_LENGTH_MAX = 1_024;

/** Words with full stops between them: a type becomes a subject of NATS. */
const TYPE = /^[^\s.*>]+(?:\.[^\s.*>]+)*$/;
const TYPE_LENGTH_MAX = 256;
const ATTRIBUTE = /^[a-z0-9]{1,64}$/;
/** RFC 3339. */
const TIME = /^\d{4}-\d{2}-\d{2}[Tt]\d{2}:\d{2}:\d{2}(?:\.\d+)?(?:[Zz]|[+-]\d{2}:\d{2})$/;
const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;

type Event = { readonly [attribute: string]: unknown };

/** Headers as Node gives them. */
export type HttpHeaders = Readonly<Record<string, string | readonly string[] | undefined>>;

/** The events of a request, each as JSON text. @throws MillraceError `argument-invalid` with all places, `payload-too-large`. */
export function readHttpEvents(headers: HttpHeaders, body: Buffer): readonly string[] {
  const type = String(headers['content-type'] ?? '').split(';', 1)[0]?.trim().toLowerCase() ?? '';
  if (type === 'application/cloudevents-batch+json') {
    const events = parse(body.toString('utf8'), 'the batch');
    if (!Array.isArray(events)) throw invalid(['the batch is no array']);
    return checkEvents(events);
  }
  if (type === 'application/cloudevents+json') return checkEvents([parse(body.toString('utf8'), 'the event')], '');
  if (headers['ce-specversion'] !== undefined) return checkEvents([binaryEvent(headers, type, body)], '');
  throw invalid(['the request is no CloudEvent: send `content-type: application/cloudevents+json`, `application/cloudevents-batch+json`, or the attributes as headers `ce-id`, `ce-source`, `ce-type` and `ce-specversion`']);
}

/** Events that came as JSON texts. @throws MillraceError as `readHttpEvents`. */
export function readEventTexts(texts: readonly string[]): readonly string[] {
  return checkEvents(texts.map((text, index) => parse(text, `events[${index}]`)));
}

/** @param place before each problem; an array names the event's index. */
function checkEvents(events: readonly unknown[], place?: ''): readonly string[] {
  if (events.length === 0) throw invalid(['there is no event']);
  if (events.length > EVENTS_MAX) throw new MillraceError('payload-too-large', { message: `There are ${events.length} events; at most ${EVENTS_MAX} are taken at once` });
  const problems: string[] = [];
  const texts = events.map((event, index) => {
    const at = place ?? `events[${index}]`;
    const found = problemsOf(event);
    problems.push(...found.map((problem) => (at === '' ? problem : `${at}: ${problem}`)));
    const text = found.length > 0 ? '' : JSON.stringify(event);
    const bytes = Buffer.byteLength(text);
    if (bytes > EVENT_BYTES_MAX) throw new MillraceError('payload-too-large', { message: `${at === '' ? 'The event' : at} has ${bytes} bytes; at most ${EVENT_BYTES_MAX} are taken` });
    return text;
  });
  if (problems.length > 0) throw invalid(problems);
  return texts;
}

function problemsOf(event: unknown): readonly string[] {
  if (typeof event !== 'object' || event === null || Array.isArray(event)) return ['an event is an object'];
  const { specversion, id, source, type, time, data, data_base64: base64, ...rest } = event as Event;
  const problems: string[] = [];
  if (specversion !== '1.0') problems.push(`\`specversion\` must be "1.0", and is ${show(specversion)}`);
  for (const [name, value] of [['id', id], ['source', source]] as const) {
    if (typeof value !== 'string' || value === '') problems.push(`\`${name}\` must be a text that is not empty, and is ${show(value)}`);
    else if (value.length > IDENTITY_LENGTH_MAX) problems.push(`\`${name}\` is longer than ${IDENTITY_LENGTH_MAX} characters`);
  }
  if (typeof type !== 'string' || !TYPE.test(type) || type.length > TYPE_LENGTH_MAX) problems.push(`\`type\` must be words with full stops between them, at most ${TYPE_LENGTH_MAX} characters, and is ${show(type)}`);
  if (time !== undefined && time !== null && !(typeof time === 'string' && TIME.test(time) && !Number.isNaN(Date.parse(time)))) problems.push(`\`time\` must be a time of RFC 3339, and is ${show(time)}`);
  if (data !== undefined && base64 !== undefined) problems.push('there are both `data` and `data_base64`');
  if (base64 !== undefined && !(typeof base64 === 'string' && BASE64.test(base64))) problems.push('`data_base64` is not base64');
  if (isDeeperThan(data, DATA_DEPTH_MAX)) problems.push(`\`data\` is nested more than ${DATA_DEPTH_MAX} deep`);
  for (const [name, value] of Object.entries(rest)) {
    if (!ATTRIBUTE.test(name)) problems.push(`${show(name)} is no name of an attribute: they are made of lower-case letters and digits`);
    else if (value !== null && !['string', 'boolean'].includes(typeof value) && !Number.isInteger(value)) problems.push(`\`${name}\` must be a text, a whole number or true or false`);
  }
  return problems;
}

/** Attributes from headers, data from the body (HTTP binding, 3.1). */
function binaryEvent(headers: HttpHeaders, type: string, body: Buffer): Event {
  const event: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(headers)) {
    if (name.startsWith('ce-') && typeof value === 'string') event[name.slice('ce-'.length)] = decoded(value, name);
  }
  const full = headers['content-type'];
  if (typeof full === 'string' && full !== '') event['datacontenttype'] = full;
  if (body.length === 0) return event;
  if (type === '' || /[/+]json$/.test(type)) event['data'] = parse(body.toString('utf8'), 'the data');
  else if (type.startsWith('text/') || /[/+]xml$/.test(type)) event['data'] = body.toString('utf8');
  else event['data_base64'] = body.toString('base64');
  return event;
}

/** Header values are percent-encoded (HTTP binding, 3.1.3.2). */
function decoded(value: string, name: string): string {
  const bare = value.startsWith('"') && value.endsWith('"') && value.length > 1 ? value.slice(1, -1).replaceAll(/\\(.)/g, '$1') : value;
  try {
    return decodeURIComponent(bare);
  } catch {
    throw invalid([`the header \`${name}\` is not percent-encoded UTF-8`]);
  }
}

function parse(text: string, what: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch (error) {
    throw invalid([`${what} is not JSON: ${(error as Error).message}`]);
  }
}

function isDeeperThan(value: unknown, depth: number): boolean {
  if (typeof value !== 'object' || value === null) return false;
  if (depth === 0) return true;
  return Object.values(value).some((member) => isDeeperThan(member, depth - 1));
}

function show(value: unknown): string {
  if (value === undefined) return 'missing';
  const text = JSON.stringify(value);
  return text.length > 80 ? `${text.slice(0, 80)}…` : text;
}

function invalid(problems: readonly string[]): MillraceError {
  const shown = problems.slice(0, PROBLEMS_MAX);
  const more = problems.length - shown.length;
  return new MillraceError('argument-invalid', { message: `The events cannot be taken: ${shown.join('; ')}${more > 0 ? `; and ${more} more` : ''}`, details: { problems: shown } });
}
