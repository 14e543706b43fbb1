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
import type { JsonValue } from '@millrace/engine';
import { closestName } from './closest-name.ts';
import { childPointer, lastSegmentOf } from './json-pointer.ts';
import { isList, isObject, type JsonObject } from './json-value.ts';
import { butIs, finding, joined, labelOf, notAmong, scalarFindings, typeSuggestion, typeWords, WEIGHT, type Finding, type Vocabulary } from './scalar-findings.ts';
import type { Side } from './source-document.ts';

interface Verdict {
  readonly findings: readonly Finding[];
  /** Properties of the value that some part of the schema has looked at. */
  readonly evaluated: ReadonlySet<string>;
}

const NONE: ReadonlySet<string> = new Set();
const FINE: Verdict = { findings: [], evaluated: NONE };

/** The weight of whatever is wrong further inside, however much: the value has the right outline. */
const INNER_WEIGHT = 2;

/** What a property with a name that the alternative knows is worth against those weights. */
const RESEMBLANCE = 8;

interface Alternative {
  readonly verdict: Verdict;
  readonly resemblance: number;
}

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
    if (schema['unevaluatedProperties'] === false && isObject(value) && !findings.some((found) => found.pointer === pointer)) {
      const blamed = new Set(findings.map((found) => found.pointer));
      for (const name of Object.keys(value)) {
        if (!evaluated.has(name) && !blamed.has(childPointer(pointer, name))) findings.push(this.#unknown(schema, value, pointer, name));
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
    const all = verdicts.map((verdict, index) => ({ verdict, resemblance: this.#resemblance(schemas[index], value) }));
    const possible = all.filter(({ verdict }) => !verdict.findings.some((found) => found.pointer === pointer && found.weight === WEIGHT.type));
    if (possible.length === 0) {
      const types = [...new Set(schemas.flatMap((schema) => this.#typesOf(schema)))];
      return this.#wrong(pointer, 'value', `${labelOf(pointer)} must be ${joined(types.map(typeWords), 'or')}${butIs(value)}`, typeSuggestion(types, value), WEIGHT.type);
    }
    const alike = possible.every(({ resemblance }) => resemblance === possible[0]?.resemblance);
    const together = possible.length > 1 ? (sameConstant(possible, value) ?? (alike ? oneMissing(possible, value, pointer) : undefined)) : undefined;
    if (together !== undefined) return { findings: [together], evaluated: new Set(isObject(value) ? Object.keys(value) : []) };
    const distance = ({ verdict, resemblance }: Alternative): number => {
      const outer = verdict.findings.filter((found) => found.pointer === pointer || found.constant !== undefined);
      const inner = outer.length < verdict.findings.length ? INNER_WEIGHT : 0;
      return outer.reduce((sum, found) => sum + found.weight, inner - resemblance * RESEMBLANCE);
    };
    return possible.reduce((best, alternative) => (distance(alternative) < distance(best) ? alternative : best)).verdict;
  }

  /** How many of the value's properties an alternative knows by name. */
  #resemblance(schema: JsonValue | undefined, value: JsonValue): number {
    if (!isObject(value)) return 0;
    const names = this.#namesOf(schema);
    return Object.keys(value).filter((name) => names.has(name)).length;
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
    return { ...finding(pointer, 'key', message, misspelt === undefined ? `add \`${name}\`` : `\`${misspelt}\` is probably meant to be \`${name}\``, WEIGHT.missing), missing: [name] };
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

/** The finding for alternatives that differ in the constant of one property, when it is none of theirs. */
function sameConstant(alternatives: readonly Alternative[], value: JsonValue): Finding | undefined {
  const fixed = alternatives.map(({ verdict }) => verdict.findings.find((found) => found.constant !== undefined));
  const [first] = fixed;
  if (first === undefined || !fixed.every((found) => found?.pointer === first.pointer)) return undefined;
  const stated = isObject(value) ? value[lastSegmentOf(first.pointer) ?? ''] : value;
  return notAmong(first.pointer, stated, fixed.map((found) => found?.constant ?? null));
}

/** The finding for alternatives that are told apart by a property they must have, when none is there. */
function oneMissing(alternatives: readonly Alternative[], value: JsonValue, pointer: string): Finding | undefined {
  const missing = alternatives.map(({ verdict }) => verdict.findings.find((found) => found.pointer === pointer && found.missing !== undefined)?.missing);
  if (!isObject(value) || !missing.every((names) => names !== undefined)) return undefined;
  const names = [...new Set(missing.flat())];
  const meant = Object.keys(value).map((name) => closestName(name, names)).find((name) => name !== undefined);
  const message = `${labelOf(pointer)} must have ${joined(names.map((name) => `\`${name}\``), 'or')}`;
  return { ...finding(pointer, 'key', message, meant === undefined ? undefined : `did you mean \`${meant}\`?`, WEIGHT.missing), missing: names };
}

function requiredOf(schema: JsonValue): readonly string[] {
  return isObject(schema) && isList(schema['required']) ? (schema['required'] as readonly string[]) : [];
}
