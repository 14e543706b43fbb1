/**
 * Checks a value against a JSON Schema and says what is wrong in the words of somebody who wrote it.
 *
 * Owns the keywords that the DSL's schema and those of resources use (draft 2020-12). Does not own
 * schemas that users write into their documents: those go to a validator that knows every keyword.
 *
 * F1 A value has findings exactly when a full validator rejects it (tests compare the two).
 * F2 Where a value may be one of several things, findings are those of the thing it most resembles, so
 *    that they name the deepest place that is wrong rather than every alternative that was not meant.
 */
import { fullFormats } from 'ajv-formats/dist/formats.js';
import type { JsonValue } from '@millrace/engine';
import { closestName } from './closest-name.ts';
import { childPointer, lastSegmentOf } from './json-pointer.ts';
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
  /** A property that is not there, for joining the findings of alternatives. */
  readonly missing?: string;
}

/** What a vocabulary says about the parts of a schema it knows. Every answer is optional. */
export interface Vocabulary {
  /** Chooses the alternative that a value means, or says at once what is wrong, where a rule knows better than F2. */
  choose?(definition: string, value: JsonValue, pointer: string): { readonly kind: 'schema'; readonly schema: JsonValue } | { readonly kind: 'finding'; readonly finding: Finding } | undefined;
  /** What a value must be, by the definition's name or the schema's title: completes "`name` must be …". */
  expectation?(nameOrTitle: string): string | undefined;
}

interface Verdict {
  readonly findings: readonly Finding[];
  /** Properties of the value that some part of the schema has looked at. */
  readonly evaluated: ReadonlySet<string>;
}

const NONE: ReadonlySet<string> = new Set();
const FINE: Verdict = { findings: [], evaluated: NONE };

/** Weights: the larger, the less the value resembles the alternative. */
const WEIGHT = { type: 100, constant: 50, missing: 10, unknown: 5, other: 2 };

/** Everything wrong with `value`, in no order. */
export function findingsOf(root: JsonObject, value: JsonValue, vocabulary: Vocabulary = {}): readonly Finding[] {
  return new Checker(root, vocabulary).check(root, value, '').findings;
}

class Checker {
  readonly #root: JsonObject;
  readonly #vocabulary: Vocabulary;

  constructor(root: JsonObject, vocabulary: Vocabulary) {
    this.#root = root;
    this.#vocabulary = vocabulary;
  }

  check(schema: JsonValue | undefined, value: JsonValue, pointer: string): Verdict {
    if (!isObject(schema)) return schema === false ? this.#wrong(pointer, 'key', `${labelOf(pointer)} is not allowed here`, 'remove it', WEIGHT.unknown) : FINE;
    const findings: Finding[] = [...scalarFindings(schema, value, pointer, this.#vocabulary)];
    const evaluated = new Set<string>();
    const merge = (verdict: Verdict): void => {
      findings.push(...verdict.findings);
      for (const name of verdict.evaluated) evaluated.add(name);
    };

    // What stands beside this in the schema cannot be judged for a value of the wrong type.
    if (findings.some((finding) => finding.weight === WEIGHT.type)) return { findings, evaluated };
    if (isObject(value)) merge(this.#object(schema, value, pointer));
    if (isList(value)) merge(this.#list(schema, value, pointer));
    if (typeof schema['$ref'] === 'string') merge(this.#reference(schema['$ref'], value, pointer));
    if (isList(schema['allOf'])) for (const part of schema['allOf']) merge(this.check(part, value, pointer));
    if (isList(schema['oneOf'])) merge(this.#alternatives(schema['oneOf'], value, pointer, true));
    if (isList(schema['anyOf'])) merge(this.#alternatives(schema['anyOf'], value, pointer, false));
    if (schema['if'] !== undefined) merge(this.#condition(schema, value, pointer));
    if (schema['not'] !== undefined && this.check(schema['not'], value, pointer).findings.length === 0) merge(this.#wrong(pointer, 'value', this.#negation(schema['not'], pointer), undefined, WEIGHT.constant));
    if (schema['unevaluatedProperties'] === false && isObject(value) && !findings.some((finding) => finding.pointer === pointer)) {
      for (const name of Object.keys(value)) {
        if (!evaluated.has(name) && !findings.some((finding) => finding.pointer === childPointer(pointer, name))) findings.push(this.#unknown(schema, value, pointer, name));
        evaluated.add(name);
      }
    }
    return { findings, evaluated };
  }

  #object(schema: JsonObject, value: JsonObject, pointer: string): Verdict {
    const findings: Finding[] = [];
    const evaluated = new Set<string>();
    const names = Object.keys(value);
    const known = isObject(schema['properties']) ? schema['properties'] : {};
    for (const name of names) {
      if (Object.hasOwn(known, name)) findings.push(...this.check(known[name], value[name] ?? null, childPointer(pointer, name)).findings);
      else if (schema['additionalProperties'] === false) findings.push(this.#unknown(schema, value, pointer, name));
      else if (schema['additionalProperties'] !== undefined) findings.push(...this.check(schema['additionalProperties'], value[name] ?? null, childPointer(pointer, name)).findings);
      else continue;
      evaluated.add(name);
    }
    if (isList(schema['required'])) {
      for (const name of schema['required'] as readonly string[]) {
        if (!Object.hasOwn(value, name)) findings.push(this.#missing(schema, value, pointer, name));
      }
    }
    const least = schema['minProperties'];
    if (typeof least === 'number' && names.length < least) findings.push(finding(pointer, 'value', `${labelOf(pointer)} must have at least ${least === 1 ? 'one property' : `${least} properties`}`, undefined, WEIGHT.other));
    const most = schema['maxProperties'];
    if (typeof most === 'number' && names.length > most) {
      const second = names[most] ?? '';
      findings.push(finding(childPointer(pointer, second), 'key', `${labelOf(pointer)} must have only one name, and \`${second}\` is another`, `begin a new item with \`- ${second}:\`, or indent it further`, WEIGHT.other));
    }
    return { findings, evaluated };
  }

  #list(schema: JsonObject, value: readonly JsonValue[], pointer: string): Verdict {
    const findings: Finding[] = [];
    if (schema['items'] !== undefined) value.forEach((item, index) => findings.push(...this.check(schema['items'], item, childPointer(pointer, index)).findings));
    const least = schema['minItems'];
    if (typeof least === 'number' && value.length < least) findings.push(finding(pointer, 'value', `${labelOf(pointer)} must have at least ${least === 1 ? 'one item' : `${least} items`}`, undefined, WEIGHT.other));
    return { findings, evaluated: NONE };
  }

  #reference(reference: string, value: JsonValue, pointer: string): Verdict {
    const name = reference.slice(reference.lastIndexOf('/') + 1);
    const definitions = this.#root['$defs'];
    const target = isObject(definitions) ? definitions[name] : undefined;
    if (target === undefined) throw new Error(`the schema has no definition \`${name}\``);
    const choice = this.#vocabulary.choose?.(name, value, pointer);
    if (choice?.kind === 'finding') return { findings: [choice.finding], evaluated: NONE };
    const verdict = this.check(choice?.kind === 'schema' ? choice.schema : target, value, pointer);
    const expectation = this.#vocabulary.expectation?.(name);
    // A plain value that is none of several things is told what it must be, once.
    if (expectation === undefined || verdict.findings.length === 0 || verdict.findings.some((found) => found.pointer !== pointer || found.missing !== undefined)) return verdict;
    return { ...this.#wrong(pointer, 'value', `${labelOf(pointer)} must be ${expectation}${butIs(value)}`, undefined, Math.max(...verdict.findings.map((found) => found.weight))), evaluated: verdict.evaluated };
  }

  #alternatives(schemas: readonly JsonValue[], value: JsonValue, pointer: string, exactlyOne: boolean): Verdict {
    const verdicts = schemas.map((schema) => this.check(schema, value, pointer));
    const fitting = verdicts.filter((verdict) => verdict.findings.length === 0);
    if (fitting.length === 1 || (fitting.length > 1 && !exactlyOne)) {
      return { findings: [], evaluated: new Set(fitting.flatMap((verdict) => [...verdict.evaluated])) };
    }
    if (fitting.length > 1) {
      const names = [...new Set(schemas.filter((_, index) => verdicts[index]?.findings.length === 0).flatMap((schema) => requiredOf(schema)))];
      const clash = names.length > 0 ? `: ${joined(names, 'and')} exclude one another` : '';
      return this.#wrong(pointer, 'value', `${labelOf(pointer)} means several things at once${clash}`, names.length > 0 ? 'keep one of them' : undefined, WEIGHT.other);
    }
    return this.#nearest(schemas, verdicts, value, pointer);
  }

  /** F2, for a value that is none of the alternatives. */
  #nearest(schemas: readonly JsonValue[], verdicts: readonly Verdict[], value: JsonValue, pointer: string): Verdict {
    const possible = verdicts.filter((verdict) => !verdict.findings.some((found) => found.pointer === pointer && found.weight === WEIGHT.type));
    if (possible.length === 0) {
      const types = [...new Set(schemas.flatMap((schema) => this.#typesOf(schema)))];
      return this.#wrong(pointer, 'value', `${labelOf(pointer)} must be ${joined(types.map(typeWords), 'or')}${butIs(value)}`, typeSuggestion(types, value), WEIGHT.type);
    }
    const missing = possible.map((verdict) => verdict.findings.find((found) => found.pointer === pointer && found.missing !== undefined)?.missing);
    if (possible.length > 1 && missing.every((name) => name !== undefined)) {
      const names = [...new Set(missing)];
      const meant = isObject(value) ? Object.keys(value).map((name) => closestName(name, names)).find((name) => name !== undefined) : undefined;
      return { findings: [{ ...finding(pointer, 'key', `${labelOf(pointer)} must have ${joined(names.map((name) => `\`${name}\``), 'or')}`, meant === undefined ? undefined : `did you mean \`${meant}\`?`, WEIGHT.missing), missing: names[0] ?? '' }], evaluated: NONE };
    }
    const weightOf = (verdict: Verdict): number => verdict.findings.reduce((sum, found) => sum + found.weight, 0);
    return possible.reduce((best, verdict) => (weightOf(verdict) < weightOf(best) ? verdict : best));
  }

  #condition(schema: JsonObject, value: JsonValue, pointer: string): Verdict {
    const condition = this.check(schema['if'], value, pointer);
    const branch = condition.findings.length === 0 ? schema['then'] : schema['else'];
    const verdict = branch === undefined ? FINE : this.check(branch, value, pointer);
    return condition.findings.length === 0 ? { findings: verdict.findings, evaluated: new Set([...condition.evaluated, ...verdict.evaluated]) } : verdict;
  }

  #negation(schema: JsonValue, pointer: string): string {
    const names = requiredOf(schema);
    return names.length > 0 ? `${labelOf(pointer)} must not have ${joined(names.map((name) => `\`${name}\``), 'or')} here` : `${labelOf(pointer)} has a value that is not allowed here`;
  }

  #missing(schema: JsonObject, value: JsonObject, pointer: string, name: string): Finding {
    const known = this.#namesOf(schema);
    const misspelt = Object.keys(value).find((written) => !known.has(written) && closestName(written, [name]) !== undefined);
    const message = pointer === '' ? `the document has no \`${name}\`` : `${labelOf(pointer)} has no \`${name}\``;
    return { ...finding(pointer, 'key', message, misspelt === undefined ? `add \`${name}\`` : `\`${misspelt}\` is probably meant to be \`${name}\``, WEIGHT.missing), missing: name };
  }

  #unknown(schema: JsonObject, value: JsonObject, pointer: string, name: string): Finding {
    const known = [...this.#namesOf(schema)];
    const meant = closestName(name, known.filter((candidate) => !Object.hasOwn(value, candidate)));
    const few = known.length > 0 && known.length <= 8 ? `known here: ${known.map((candidate) => `\`${candidate}\``).join(', ')}` : undefined;
    const where = pointer === '' ? '' : ` in ${labelOf(pointer)}`;
    return finding(childPointer(pointer, name), 'key', `there is no property \`${name}\`${where}`, meant === undefined ? few : `did you mean \`${meant}\`?`, WEIGHT.unknown);
  }

  /** The properties that a schema names, itself and in its parts. */
  #namesOf(schema: JsonValue | undefined, depth = 0): ReadonlySet<string> {
    if (!isObject(schema) || depth > 6) return NONE;
    const names = new Set<string>(isObject(schema['properties']) ? Object.keys(schema['properties']) : []);
    const parts = [this.#target(schema), ...(['allOf', 'oneOf', 'anyOf'] as const).flatMap((keyword) => (isList(schema[keyword]) ? schema[keyword] : []))];
    for (const part of parts) for (const name of this.#namesOf(part, depth + 1)) names.add(name);
    return names;
  }

  #typesOf(schema: JsonValue | undefined, depth = 0): readonly string[] {
    if (!isObject(schema) || depth > 6) return [];
    if (typeof schema['type'] === 'string') return [schema['type']];
    const parts = [this.#target(schema), ...(['allOf', 'oneOf', 'anyOf'] as const).flatMap((keyword) => (isList(schema[keyword]) ? schema[keyword] : []))];
    return parts.flatMap((part) => this.#typesOf(part, depth + 1));
  }

  #target(schema: JsonObject): JsonValue | undefined {
    const reference = schema['$ref'];
    const definitions = this.#root['$defs'];
    return typeof reference === 'string' && isObject(definitions) ? definitions[reference.slice(reference.lastIndexOf('/') + 1)] : undefined;
  }

  #wrong(pointer: string, side: Side, message: string, suggestion: string | undefined, weight: number): Verdict {
    return { findings: [finding(pointer, side, message, suggestion, weight)], evaluated: NONE };
  }
}

function finding(pointer: string, side: Side, message: string, suggestion: string | undefined, weight: number): Finding {
  return { pointer, side, message, weight, ...(suggestion === undefined ? {} : { suggestion }) };
}

/** Type, constants, and what texts and numbers must be like. */
function scalarFindings(schema: JsonObject, value: JsonValue, pointer: string, vocabulary: Vocabulary): readonly Finding[] {
  const label = labelOf(pointer);
  const type = schema['type'];
  if (typeof type === 'string' && !hasType(type, value)) {
    return [finding(pointer, 'value', `${label} must be ${typeWords(type)}${butIs(value)}`, typeSuggestion([type], value), WEIGHT.type)];
  }
  const findings: Finding[] = [];
  const wrong = (must: string, suggestion?: string, weight = WEIGHT.other): void => void findings.push(finding(pointer, 'value', `${label} must be ${must}`, suggestion, weight));
  if (schema['const'] !== undefined && schema['const'] !== value) wrong(`\`${String(schema['const'])}\``, undefined, WEIGHT.constant);
  if (isList(schema['enum']) && !schema['enum'].includes(value)) {
    const choices = schema['enum'].map(String);
    const meant = typeof value === 'string' ? closestName(value, choices) : undefined;
    wrong(`${joined(choices.map((choice) => `\`${choice}\``), 'or')}${butIs(value)}`, meant === undefined ? undefined : `did you mean \`${meant}\`?`, WEIGHT.constant);
  }
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

function typeWords(type: string): string {
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
function butIs(value: JsonValue): string {
  if (value === null) return ', and is empty';
  if (isList(value)) return ', and is a list';
  if (isObject(value)) return ', and is an object';
  const text = JSON.stringify(value);
  return `, and is ${text.length > 60 ? `${text.slice(0, 57)}…` : text}`;
}

function typeSuggestion(types: readonly string[], value: JsonValue): string | undefined {
  if (types.includes('string') && (typeof value === 'number' || typeof value === 'boolean')) return `put it in quotes: '${value}'`;
  if ((types.includes('integer') || types.includes('number')) && typeof value === 'string' && /^-?\d+(\.\d+)?$/.test(value)) return 'write it without quotes';
  if (types.includes('array') && isObject(value)) return 'begin each item with `- `';
  return undefined;
}

/** The name of a value in a sentence: that of its property, or its number in a list. */
function labelOf(pointer: string): string {
  const last = lastSegmentOf(pointer);
  if (last === undefined) return 'the document';
  if (!/^\d+$/.test(last)) return `\`${last}\``;
  const list = lastSegmentOf(pointer.slice(0, pointer.lastIndexOf('/')));
  return `item ${Number(last) + 1}${list === undefined ? '' : ` of \`${list}\``}`;
}

function requiredOf(schema: JsonValue): readonly string[] {
  return isObject(schema) && isList(schema['required']) ? (schema['required'] as readonly string[]) : [];
}

function joined(parts: readonly string[], word: 'and' | 'or'): string {
  return parts.length < 2 ? (parts[0] ?? '') : `${parts.slice(0, -1).join(', ')} ${word} ${parts.at(-1)}`;
}
