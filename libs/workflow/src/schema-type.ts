/** The TypeScript type that a JSON Schema describes, as far as it is simple; `unknown` where it is not. */
import type { Json } from './expression.ts';
import { propertyName, quoted } from './literal.ts';

/** Deepest nesting that is written out. */
const DEPTH_MAX = 6;
const SIMPLE: Readonly<Record<string, string>> = { string: 'string', number: 'number', integer: 'number', boolean: 'boolean', null: 'null' };

export function typeOfSchema(schema: Json | undefined, depth = 0): string {
  if (typeof schema !== 'object' || schema === null || Array.isArray(schema) || depth > DEPTH_MAX) return 'unknown';
  const { type, enum: options, properties, items, required } = schema as { readonly [key: string]: Json };
  if (Array.isArray(options) && options.length > 0 && options.every((each) => typeof each === 'string')) return (options as readonly string[]).map(quoted).join(' | ');
  if (typeof type !== 'string') return 'unknown';
  if (Object.hasOwn(SIMPLE, type)) return SIMPLE[type] ?? 'unknown';
  if (type === 'array') return `readonly (${typeOfSchema(items, depth + 1)})[]`;
  if (type !== 'object') return 'unknown';
  if (typeof properties !== 'object' || properties === null || Array.isArray(properties)) return '{ readonly [name: string]: unknown }';
  const needed = Array.isArray(required) ? required : [];
  const members = Object.entries(properties).map(([name, each]) => `readonly ${propertyName(name)}${needed.includes(name) ? '' : '?'}: ${typeOfSchema(each as Json, depth + 1)}`);
  return members.length === 0 ? '{ readonly [name: string]: unknown }' : `{ ${members.join('; ')} }`;
}
