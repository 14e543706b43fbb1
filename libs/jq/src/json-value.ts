// JSON values as the evaluator sees them: plain JavaScript values, shared and never changed in place.
// Owns: the type, its names, and reading and creating object members without touching prototypes.

/** A JSON value. Arrays and objects may be shared between input, output and variables. */
export type JsonValue = null | boolean | number | string | JsonArray | JsonObject;
export type JsonArray = readonly JsonValue[];
export interface JsonObject {
  readonly [key: string]: JsonValue;
}

/** An object that its creator is still filling. */
export type OpenObject = Record<string, JsonValue>;

export type TypeName = 'null' | 'boolean' | 'number' | 'string' | 'array' | 'object';

export function typeName(value: JsonValue): TypeName {
  switch (typeof value) {
    case 'number':
      return 'number';
    case 'string':
      return 'string';
    case 'boolean':
      return 'boolean';
    default:
      return value === null ? 'null' : Array.isArray(value) ? 'array' : 'object';
  }
}

/** Array.isArray narrows a readonly array badly; this does not. */
export const isArray: (value: JsonValue) => value is JsonArray = Array.isArray as (value: unknown) => value is JsonArray;

export function isObject(value: JsonValue): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** jq's truth: everything but null and false. */
export function isTrue(value: JsonValue): boolean {
  return value !== null && value !== false;
}

/** True for keys that a plain object inherits, such as "constructor": they need an own-property check. */
export function isInheritedKey(key: string): boolean {
  return key in Object.prototype;
}

/** The own member of that name, or undefined. */
export function member(object: JsonObject, key: string): JsonValue | undefined {
  const value = object[key];
  if (value === undefined) return undefined;
  return Object.hasOwn(object, key) ? value : undefined;
}

/** Creates or replaces an own member, also for "__proto__", which an assignment would take for the prototype. */
export function setMember(object: OpenObject, key: string, value: JsonValue): void {
  if (key === '__proto__') {
    Object.defineProperty(object, key, { value, writable: true, enumerable: true, configurable: true });
  } else {
    object[key] = value;
  }
}

/** A shallow copy whose members are all own. */
export function copyObject(object: JsonObject): OpenObject {
  return { ...object };
}
