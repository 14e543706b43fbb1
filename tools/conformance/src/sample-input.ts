/**
 * An input that a document can begin with, made from what it says of its input: its schema, names in URI templates,
 * and paths in its expressions.
 */
import { isObject, membersOf, objectsIn, textsIn, type Json, type JsonObject } from './json.ts';

const SAMPLE_TEXT = 'sample';
const TEMPLATE_NAME = /\{([A-Za-z_]\w*)\}/g;
const EXPRESSION = /^\s*\$\{([\s\S]*)\}\s*$/;
const PATH = /(?<![\w$)\]"])\.([A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*)/g;

export function sampleInput(document: JsonObject): JsonObject {
  const input: Record<string, Json> = {};
  // What a loop goes through is a list, whatever else is said of it.
  for (const task of objectsIn(document['do'])) {
    const list = membersOf(task['for'])['in'];
    const path = typeof list === 'string' ? /^\s*(?:\$\{)?\s*\.([\w.]+)\s*\}?\s*$/.exec(list)?.[1] : undefined;
    if (path !== undefined) place(input, path.split('.'), list as string, []);
  }
  for (const text of textsIn([document['do'] ?? null, document['use'] ?? null])) {
    const source = EXPRESSION.exec(text)?.[1];
    if (source === undefined) for (const [, name = ''] of text.matchAll(TEMPLATE_NAME)) input[name] ??= 1;
    else for (const [, path = ''] of source.replace(/\$\w+[\w.]*/g, '').matchAll(PATH)) place(input, path.split('.'), source);
  }
  const schema = membersOf(membersOf(membersOf(document['input'])['schema'])['document']);
  const stated = sampleOf(schema);
  return isObject(stated) ? { ...input, ...stated } : input;
}

/** A value at a path, unless something is there already; a list where the expression counts or walks it. */
function place(into: Record<string, Json>, [name = '', ...rest]: readonly string[], source: string, list?: Json): void {
  const known = into[name];
  if (rest.length === 0) {
    into[name] ??= list ?? (new RegExp(`\\.${name}\\s*(?:\\[|\\|\\s*length)`).test(source) ? [] : SAMPLE_TEXT);
    return;
  }
  if (known !== undefined && !isObject(known)) return;
  const inner: Record<string, Json> = { ...membersOf(known) };
  place(inner, rest, source, list);
  into[name] = inner;
}

/** A value that fits a JSON Schema, as far as its types go. */
export function sampleOf(schema: JsonObject): Json {
  if (schema['default'] !== undefined) return schema['default'];
  if (schema['const'] !== undefined) return schema['const'];
  const choices = schema['enum'];
  if (Array.isArray(choices) && choices[0] !== undefined) return choices[0] as Json;
  switch (schema['type']) {
    case 'integer':
    case 'number':
      return typeof schema['minimum'] === 'number' ? schema['minimum'] : 1;
    case 'boolean':
      return true;
    case 'array':
      return [sampleOf(membersOf(schema['items']))];
    case 'string':
      return SAMPLE_TEXT;
    default:
      return Object.fromEntries(Object.entries(membersOf(schema['properties'])).map(([name, member]) => [name, sampleOf(membersOf(member))]));
  }
}
