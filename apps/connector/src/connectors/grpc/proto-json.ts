/**
 * Messages as JSON, and back (Protocol Buffers, ProtoJSON Format).
 *
 * Names are in lower camel case; the original ones are taken too. 64-bit numbers are texts, enumerations names, bytes
 * base64. Unlike the format's default, a number, text or list that is not set comes out as its zero, so that
 * expressions find it.
 */
import protobuf from 'protobufjs';
import { MESSAGE_DEPTH_MAX } from '../../limits.ts';
import type { JsonValue } from '../../manifest.ts';
import { RequestInvalid } from '../http/request-message.ts';
import { isObject } from '../references.ts';
import { wellKnownIn, wellKnownOut } from './well-known.ts';

type Fields = Record<string, unknown>;

/** The bytes of a message. @throws RequestInvalid with the place that does not fit. */
export function encodeMessage(type: protobuf.Type, value: JsonValue): Buffer {
  return Buffer.from(type.encode(type.fromObject(messageIn(type, value, '/arguments', 0))).finish());
}

/** @throws Error when the bytes are no such message. */
export function decodeMessage(type: protobuf.Type, bytes: Uint8Array): JsonValue {
  return messageOut(type, type.decode(bytes) as unknown as Fields);
}

function messageIn(type: protobuf.Type, value: JsonValue, place: string, depth: number): Fields {
  if (depth > MESSAGE_DEPTH_MAX) throw new RequestInvalid(`${place} is deeper than ${MESSAGE_DEPTH_MAX} messages`);
  const known = wellKnownIn(type.fullName, value, place);
  if (known !== undefined) return known;
  if (!isObject(value)) throw new RequestInvalid(`${place} is not an object, and ${type.fullName.slice(1)} is a message`);
  const message: Fields = {};
  for (const [name, member] of Object.entries(value)) {
    if (member === null) continue;
    const field = [name, protobuf.util.camelCase(name)].map((each) => (Object.hasOwn(type.fields, each) ? type.fields[each] : undefined)).find((each) => each !== undefined);
    if (field === undefined) throw new RequestInvalid(`${place}/${name} is no field of ${type.fullName.slice(1)}; it has ${Object.keys(type.fields).join(', ')}`);
    message[field.name] = fieldIn(field, member, `${place}/${name}`, depth);
  }
  return message;
}

function fieldIn(field: protobuf.Field, value: JsonValue, place: string, depth: number): unknown {
  if (field instanceof protobuf.MapField) {
    if (!isObject(value)) throw new RequestInvalid(`${place} is not an object, and the field is a map`);
    return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, singleIn(field, each, `${place}/${key}`, depth)]));
  }
  if (!field.repeated) return singleIn(field, value, place, depth);
  if (!Array.isArray(value)) throw new RequestInvalid(`${place} is not a list, and the field is repeated`);
  return value.map((each: JsonValue, index) => singleIn(field, each, `${place}/${index}`, depth));
}

function singleIn(field: protobuf.Field, value: JsonValue, place: string, depth: number): unknown {
  const { resolvedType, type } = field;
  if (resolvedType instanceof protobuf.Type) return messageIn(resolvedType, value, place, depth + 1);
  if (resolvedType instanceof protobuf.Enum) {
    if (typeof value === 'number' || (typeof value === 'string' && Object.hasOwn(resolvedType.values, value))) return value;
    throw new RequestInvalid(`${place} is none of ${Object.keys(resolvedType.values).join(', ')}`);
  }
  const fits = type === 'bool' ? typeof value === 'boolean' : type === 'string' || type === 'bytes' ? typeof value === 'string' : isNumeric(value);
  if (!fits) throw new RequestInvalid(`${place} is no ${type}`);
  if (type === 'bytes') return Buffer.from(String(value), 'base64');
  return type === 'bool' || type === 'string' || /64$/.test(type) ? value : Number(value);
}

function isNumeric(value: JsonValue): boolean {
  return typeof value === 'number' || (typeof value === 'string' && /^(-?\d+(\.\d+)?([eE][+-]?\d+)?|NaN|-?Infinity)$/.test(value));
}

function messageOut(type: protobuf.Type, message: Fields): JsonValue {
  const known = wellKnownOut(type.fullName, message);
  if (known !== undefined) return known;
  const json: Record<string, JsonValue> = {};
  for (const field of type.fieldsArray) {
    const isSet = Object.hasOwn(message, field.name) && message[field.name] !== null;
    if (!isSet && (field.partOf !== null || (field.resolvedType instanceof protobuf.Type && !field.repeated && !field.map))) continue;
    json[field.name] = fieldOut(field, message[field.name]);
  }
  return json;
}

function fieldOut(field: protobuf.Field, value: unknown): JsonValue {
  if (field.map) return Object.fromEntries(Object.entries((value ?? {}) as Fields).map(([key, each]) => [key, singleOut(field, each)]));
  if (field.repeated) return ((value ?? []) as readonly unknown[]).map((each) => singleOut(field, each));
  return singleOut(field, value);
}

function singleOut({ resolvedType, type }: protobuf.Field, value: unknown): JsonValue {
  if (resolvedType instanceof protobuf.Type) return messageOut(resolvedType, value as Fields);
  if (resolvedType instanceof protobuf.Enum) return resolvedType.valuesById[Number(value)] ?? Number(value);
  if (type === 'bytes') return Buffer.from(value as Uint8Array).toString('base64');
  if (/64$/.test(type)) return String(value);
  if (typeof value === 'number' && !Number.isFinite(value)) return String(value);
  return value as JsonValue;
}
