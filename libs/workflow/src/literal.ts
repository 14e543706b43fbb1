/** JSON as TypeScript: quotes as people write them, short values on one line. */
import type { Json } from './expression.ts';

/** Characters of a line before a value is spread over several. */
const LINE_CHARACTERS_MAX = 110;
const NAME = /^[A-Za-z_$][A-Za-z0-9_$]*$/;

/** A text in single quotes. */
export function quoted(text: string): string {
  const escaped = JSON.stringify(text).slice(1, -1).replaceAll('\\"', '"').replaceAll("'", "\\'").replaceAll('\u2028', '\\u2028').replaceAll('\u2029', '\\u2029');
  return `'${escaped}'`;
}

/** The name of a property; `__proto__` would set the prototype, so it is computed. */
export function propertyName(name: string): string {
  if (name === '__proto__') return "['__proto__']";
  return NAME.test(name) ? name : quoted(name);
}

/** A value, its further lines indented by `indent`. */
export function literal(value: Json, indent: string): string {
  if (typeof value === 'string') return quoted(value);
  if (typeof value !== 'object' || value === null) return Object.is(value, -0) ? '-0' : JSON.stringify(value);
  const flat = oneLine(value);
  if (flat.length + indent.length <= LINE_CHARACTERS_MAX) return flat;
  const inner = `${indent}  `;
  if (isList(value)) return `[\n${value.map((each) => `${inner}${literal(each, inner)},\n`).join('')}${indent}]`;
  return `{\n${Object.entries(value).map(([name, each]) => `${inner}${propertyName(name)}: ${literal(each, inner)},\n`).join('')}${indent}}`;
}

function oneLine(value: Json): string {
  if (isList(value)) return `[${value.map(oneLine).join(', ')}]`;
  if (typeof value === 'object' && value !== null) {
    const entries = Object.entries(value);
    return entries.length === 0 ? '{}' : `{ ${entries.map(([name, each]) => `${propertyName(name)}: ${oneLine(each)}`).join(', ')} }`;
  }
  return typeof value === 'string' ? quoted(value) : Object.is(value, -0) ? '-0' : JSON.stringify(value);
}

function isList(value: Json): value is readonly Json[] {
  return Array.isArray(value);
}
