/** Messages whose JSON is not that of their fields (ProtoJSON Format: Timestamp, Duration, wrappers, Struct, FieldMask). */
import type { JsonObject, JsonValue } from '../../manifest.ts';
import { RequestInvalid } from '../http/request-message.ts';
import { isObject } from '../references.ts';

type Fields = Record<string, unknown>;

const PACKAGE = '.google.protobuf.';
const WRAPPERS = new Set(['DoubleValue', 'FloatValue', 'Int64Value', 'UInt64Value', 'Int32Value', 'UInt32Value', 'BoolValue', 'StringValue', 'BytesValue']);
const NANOS = 1_000_000_000;

/** The fields that a JSON value stands for; nothing for a message that is written by its fields. */
export function wellKnownIn(fullName: string, value: JsonValue, place: string): Fields | undefined {
  if (!fullName.startsWith(PACKAGE)) return undefined;
  const name = fullName.slice(PACKAGE.length);
  if (WRAPPERS.has(name) && !isObject(value)) return { value: name === 'BytesValue' ? Buffer.from(String(value), 'base64') : value };
  switch (name) {
    case 'Timestamp':
      return typeof value === 'string' ? timestampIn(value, place) : undefined;
    case 'Duration':
      return typeof value === 'string' ? durationIn(value, place) : undefined;
    case 'FieldMask':
      return typeof value === 'string' ? { paths: value === '' ? [] : value.split(',') } : undefined;
    case 'Struct':
      return isObject(value) ? structIn(value) : undefined;
    case 'Value':
      return valueIn(value);
    case 'ListValue':
      return Array.isArray(value) ? { values: value.map((each: JsonValue) => valueIn(each)) } : undefined;
    default:
      return undefined;
  }
}

function timestampIn(text: string, place: string): Fields {
  const ms = Date.parse(text);
  if (Number.isNaN(ms)) throw new RequestInvalid(`${place} is no moment such as 2025-01-31T12:00:00Z`);
  const fraction = /\.(\d{1,9})/.exec(text)?.[1] ?? '';
  return { seconds: Math.floor(ms / 1000), nanos: Number(fraction.padEnd(9, '0')) };
}

function durationIn(text: string, place: string): Fields {
  const match = /^(-?)(\d+)(?:\.(\d{1,9}))?s$/.exec(text);
  if (match === null) throw new RequestInvalid(`${place} is no duration such as 1.5s`);
  const [, sign, seconds = '0', fraction = ''] = match;
  const factor = sign === '-' ? -1 : 1;
  return { seconds: factor * Number(seconds), nanos: factor * Number(fraction.padEnd(9, '0')) };
}

function structIn(value: JsonObject): Fields {
  return { fields: Object.fromEntries(Object.entries(value).map(([name, each]) => [name, valueIn(each)])) };
}

function valueIn(value: JsonValue): Fields {
  if (value === null) return { nullValue: 0 };
  if (Array.isArray(value)) return { listValue: { values: value.map((each: JsonValue) => valueIn(each)) } };
  if (isObject(value)) return { structValue: structIn(value) };
  return typeof value === 'number' ? { numberValue: value } : typeof value === 'boolean' ? { boolValue: value } : { stringValue: value };
}

/** The JSON that a message stands for; nothing for one that is written by its fields. */
export function wellKnownOut(fullName: string, message: Fields): JsonValue | undefined {
  if (!fullName.startsWith(PACKAGE)) return undefined;
  const name = fullName.slice(PACKAGE.length);
  if (WRAPPERS.has(name)) return wrappedOut(name, message['value']);
  switch (name) {
    case 'Timestamp':
      return timestampOut(Number(message['seconds'] ?? 0), Number(message['nanos'] ?? 0));
    case 'Duration':
      return durationOut(Number(message['seconds'] ?? 0), Number(message['nanos'] ?? 0));
    case 'FieldMask':
      return ((message['paths'] ?? []) as readonly string[]).join(',');
    case 'Struct':
      return structOut(message);
    case 'Value':
      return valueOut(message);
    case 'ListValue':
      return listOut(message);
    default:
      return undefined;
  }
}

function wrappedOut(name: string, value: unknown): JsonValue {
  if (name === 'BytesValue') return Buffer.from((value ?? []) as Uint8Array).toString('base64');
  if (/64Value$/.test(name)) return String(value ?? 0);
  return (value ?? (name === 'StringValue' ? '' : name === 'BoolValue' ? false : 0)) as JsonValue;
}

function timestampOut(seconds: number, nanos: number): string {
  const whole = new Date(seconds * 1000).toISOString().slice(0, 19);
  return `${whole}${fractionOf(nanos)}Z`;
}

function durationOut(seconds: number, nanos: number): string {
  const sign = seconds < 0 || nanos < 0 ? '-' : '';
  return `${sign}${Math.abs(seconds)}${fractionOf(Math.abs(nanos))}s`;
}

/** With as many digits as it takes, in threes. */
function fractionOf(nanos: number): string {
  if (nanos === 0) return '';
  const digits = String(nanos % NANOS).padStart(9, '0');
  return `.${digits.endsWith('000000') ? digits.slice(0, 3) : digits.endsWith('000') ? digits.slice(0, 6) : digits}`;
}

function structOut(message: Fields): JsonValue {
  return Object.fromEntries(Object.entries((message['fields'] ?? {}) as Record<string, Fields>).map(([name, each]) => [name, valueOut(each)]));
}

function listOut(message: Fields): JsonValue {
  return ((message['values'] ?? []) as readonly Fields[]).map(valueOut);
}

function valueOut(message: Fields): JsonValue {
  if (Object.hasOwn(message, 'structValue')) return structOut(message['structValue'] as Fields);
  if (Object.hasOwn(message, 'listValue')) return listOut(message['listValue'] as Fields);
  for (const kind of ['stringValue', 'numberValue', 'boolValue']) if (Object.hasOwn(message, kind)) return message[kind] as JsonValue;
  return null;
}
