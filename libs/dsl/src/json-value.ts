/** Small questions about JSON values. */
import type { JsonValue } from '@millrace/engine';

/** A JSON object. */
export type JsonObject = { readonly [key: string]: JsonValue };

/** Whether a value is an object, neither a list nor null. */
export function isObject(value: JsonValue | undefined): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Whether a value is a list; `Array.isArray` does not narrow read-only ones. */
export function isList(value: JsonValue | undefined): value is readonly JsonValue[] {
  return Array.isArray(value);
}

/** An object's own property, or nothing: a document may well have a property called `constructor`. */
export function property(value: JsonValue | undefined, name: string): JsonValue | undefined {
  return isObject(value) && Object.hasOwn(value, name) ? value[name] : undefined;
}

/** The only entry of an object that must have one, as task items and switch items do. */
export function onlyEntry(value: JsonValue | undefined): readonly [name: string, value: JsonValue] | undefined {
  return isObject(value) ? Object.entries(value)[0] : undefined;
}
