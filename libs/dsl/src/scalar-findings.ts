/**
 * Findings about single values: their type, and what texts and numbers must be like. And the words in which
 * every finding is put.
 */
import { fullFormats } from 'ajv-formats/dist/formats.js';
import type { JsonValue } from '@millrace/engine';
import { closestName } from './closest-name.ts';
import { lastSegmentOf } from './json-pointer.ts';
import { isList, isObject, type JsonObject } from './json-value.ts';
import type { Side } from './source-document.ts';

/** One thing wrong with a value. */
export interface Finding {
  readonly pointer: string;
  readonly side: Side;
  readonly message: string;
  readonly suggestion?: string;
  /** How far the value is from what the schema wants; chooses among alternatives. */
  readonly weight: number;
  /** Properties of which one is not there, for joining the findings of alternatives. */
  readonly missing?: readonly string[];
  /** The only value allowed, for the same. */
  readonly constant?: JsonValue;
}

/** What a vocabulary says about the parts of a schema it knows. Every answer is optional. */
export interface Vocabulary {
  /** Chooses the alternative that a value means, or says at once what is wrong, where a rule knows better than F2. */
  choose?(definition: string, value: JsonValue, pointer: string): { readonly kind: 'schema'; readonly schema: JsonValue } | { readonly kind: 'finding'; readonly finding: Finding } | undefined;
  /** What a value must be, by the definition's name or the schema's title: completes "`name` must be …". */
  expectation?(nameOrTitle: string): string | undefined;
}

/** Weights: the larger, the less the value resembles the alternative. */
export const WEIGHT = { type: 100, constant: 50, missing: 10, unknown: 5, other: 2 };

export function finding(pointer: string, side: Side, message: string, suggestion: string | undefined, weight: number): Finding {
  return { pointer, side, message, weight, ...(suggestion === undefined ? {} : { suggestion }) };
}

/** A value that is none of those allowed. */
export function notAmong(pointer: string, value: JsonValue | undefined, allowed: readonly JsonValue[]): Finding {
  const choices = allowed.map(String);
  const meant = typeof value === 'string' ? closestName(value, choices) : undefined;
  const message = `${labelOf(pointer)} must be ${joined(choices.map((choice) => `\`${choice}\``), 'or')}${value === undefined ? '' : butIs(value)}`;
  return finding(pointer, 'value', message, meant === undefined ? undefined : `did you mean \`${meant}\`?`, WEIGHT.constant);
}

/** Properties whose values no message repeats, beside those that a schema marks `writeOnly`. */
const SECRET_PROPERTIES = /password|secret|token|assertion/i;

/** Type, constants, and what texts and numbers must be like. */
export function scalarFindings(schema: JsonObject, value: JsonValue, pointer: string, vocabulary: Vocabulary): readonly Finding[] {
  const label = labelOf(pointer);
  const type = schema['type'];
  if (typeof type === 'string' && !hasType(type, value)) {
    const hidden = schema['writeOnly'] === true || SECRET_PROPERTIES.test(lastSegmentOf(pointer) ?? '');
    const suggestion = typeSuggestion([type], value);
    return [finding(pointer, 'value', `${label} must be ${typeWords(type)}${hidden ? '' : butIs(value)}`, hidden ? suggestion?.split(':')[0] : suggestion, WEIGHT.type)];
  }
  const findings: Finding[] = [];
  const wrong = (must: string, suggestion?: string, weight = WEIGHT.other): void => void findings.push(finding(pointer, 'value', `${label} must be ${must}`, suggestion, weight));
  const constant = schema['const'];
  if (constant !== undefined && constant !== value) findings.push({ ...finding(pointer, 'value', `${label} must be \`${String(constant)}\`${butIs(value)}`, undefined, WEIGHT.constant), constant });
  if (isList(schema['enum']) && !schema['enum'].includes(value)) findings.push(notAmong(pointer, value, schema['enum']));
  if (typeof value === 'number') {
    if (typeof schema['minimum'] === 'number' && value < schema['minimum']) wrong(`at least ${schema['minimum']}${butIs(value)}`);
    if (typeof schema['maximum'] === 'number' && value > schema['maximum']) wrong(`at most ${schema['maximum']}${butIs(value)}`);
    if (typeof schema['exclusiveMinimum'] === 'number' && value <= schema['exclusiveMinimum']) wrong(`more than ${schema['exclusiveMinimum']}${butIs(value)}`);
  }
  if (typeof value === 'string') {
    const expectation = typeof schema['title'] === 'string' ? vocabulary.expectation?.(schema['title']) : undefined;
    if (typeof schema['minLength'] === 'number' && value.length < schema['minLength']) wrong('a text that is not empty');
    if (typeof schema['maxLength'] === 'number' && value.length > schema['maxLength']) wrong(`a text of at most ${schema['maxLength']} characters`);
    if (typeof schema['pattern'] === 'string' && !patternOf(schema['pattern']).test(value)) wrong(`${expectation ?? `a text like ${schema['pattern']}`}${butIs(value)}`);
    else if (typeof schema['format'] === 'string' && !hasFormat(schema['format'], value)) wrong(`${expectation ?? `a text of the format \`${schema['format']}\``}${butIs(value)}`);
  }
  return findings;
}

function hasType(type: string, value: JsonValue): boolean {
  switch (type) {
    case 'object': return isObject(value);
    case 'array': return isList(value);
    case 'null': return value === null;
    case 'integer': return Number.isInteger(value);
    default: return typeof value === type;
  }
}

const patterns = new Map<string, RegExp>();

/** Only patterns of the schemas in this package come here, so the map stays small. */
function patternOf(source: string): RegExp {
  let pattern = patterns.get(source);
  if (pattern === undefined) patterns.set(source, (pattern = new RegExp(source, 'u')));
  return pattern;
}

function hasFormat(name: string, value: string): boolean {
  const format = (fullFormats as Record<string, unknown>)[name];
  if (format instanceof RegExp) return format.test(value);
  const validate = typeof format === 'function' ? format : (format as { readonly validate?: unknown } | undefined)?.validate;
  if (validate instanceof RegExp) return validate.test(value);
  return typeof validate === 'function' ? Boolean((validate as (text: string) => unknown)(value)) : true;
}

export function typeWords(type: string): string {
  switch (type) {
    case 'string': return 'a text';
    case 'integer': return 'a whole number';
    case 'number': return 'a number';
    case 'boolean': return 'true or false';
    case 'array': return 'a list';
    case 'object': return 'an object';
    default: return type;
  }
}

/** What the value is instead, kept short. */
export function butIs(value: JsonValue): string {
  if (value === null) return ', and is empty';
  if (isList(value)) return ', and is a list';
  if (isObject(value)) return ', and is an object';
  const text = JSON.stringify(value);
  return `, and is ${text.length > 60 ? `${text.slice(0, 57)}…` : text}`;
}

export function typeSuggestion(types: readonly string[], value: JsonValue): string | undefined {
  if (types.includes('string') && (typeof value === 'number' || typeof value === 'boolean')) return `put it in quotes: '${value}'`;
  if ((types.includes('integer') || types.includes('number')) && typeof value === 'string' && /^-?\d+(\.\d+)?$/.test(value)) return 'write it without quotes';
  if (types.includes('array') && isObject(value)) return 'begin each item with `- `';
  return undefined;
}

/** The name of a value in a sentence: that of its property, or its number in a list. */
export function labelOf(pointer: string): string {
  const last = lastSegmentOf(pointer);
  if (last === undefined) return 'the document';
  if (!/^\d+$/.test(last)) return `\`${last}\``;
  const list = lastSegmentOf(pointer.slice(0, pointer.lastIndexOf('/')));
  return `item ${Number(last) + 1}${list === undefined ? '' : ` of \`${list}\``}`;
}

export function joined(parts: readonly string[], word: 'and' | 'or'): string {
  return parts.length < 2 ? (parts[0] ?? '') : `${parts.slice(0, -1).join(', ')} ${word} ${parts.at(-1)}`;
}
