/**
 * JSON Schemas that users write into their documents, compiled to checks.
 *
 * J1 Each schema is compiled by a validator of its own: an `$id` in one document is never seen by another.
 * J2 Nothing is fetched: a reference that leaves the schema is refused.
 * J3 A check says one sentence about the first thing that is wrong; it never throws.
 */
import { Ajv, type ErrorObject } from 'ajv';
import { Ajv2020 } from 'ajv/dist/2020.js';
import addFormatsModule from 'ajv-formats';
import type { JsonValue, SchemaCheck } from '@millrace/engine';
import { canonicalJson } from '../canonical-json.ts';
import { isObject, property } from '../json-value.ts';
import { COMPILED_SCHEMAS_MAX } from '../limits.ts';

export type SchemaCheckResult =
  | { readonly kind: 'compiled'; readonly check: SchemaCheck }
  /** `pointer` is within the schema. */
  | { readonly kind: 'refused'; readonly pointer: string; readonly message: string; readonly suggestion?: string };

type Draft = '2020-12' | '07';

// The module is CommonJS: its types name the default export, Node gives the export itself.
const addFormats = (addFormatsModule as unknown as { readonly default?: typeof addFormatsModule.default }).default ?? (addFormatsModule as unknown as typeof addFormatsModule.default);

const options = { strict: false, allErrors: false, validateSchema: false, logger: false } as const;

/** Checks schemas themselves against their draft; made when the first one is met. */
const metaValidators = new Map<Draft, Ajv>();

/** Least recently used first. */
const compiled = new Map<string, SchemaCheckResult>();

/** Compiles a JSON Schema of draft 2020-12 (the default) or 7, by its `$schema`. */
export function compileSchemaCheck(schema: JsonValue): SchemaCheckResult {
  const key = canonicalJson(schema);
  const known = compiled.get(key);
  const result = known ?? compileAnew(schema);
  compiled.delete(key);
  compiled.set(key, result);
  if (compiled.size > COMPILED_SCHEMAS_MAX) compiled.delete(compiled.keys().next().value ?? '');
  return result;
}

function compileAnew(schema: JsonValue): SchemaCheckResult {
  if (typeof schema !== 'boolean' && !isObject(schema)) return { kind: 'refused', pointer: '', message: 'a JSON Schema is an object, or `true` or `false`' };
  const draft = draftOf(property(schema, '$schema'));
  if (draft === undefined) return { kind: 'refused', pointer: '/$schema', message: 'only JSON Schema drafts 2020-12 and 7 can be checked', suggestion: 'remove `$schema`; the draft is then 2020-12' };
  const meta = metaValidator(draft);
  if (meta.validateSchema(schema) !== true) {
    const error = meta.errors?.[0];
    return { kind: 'refused', pointer: error?.instancePath ?? '', message: `this is no JSON Schema: ${error ? sentenceOf(error) : 'it breaks the rules of its draft'}` };
  }
  try {
    const validator = addedFormats(draft === '07' ? new Ajv({ ...options, meta: false }) : new Ajv2020({ ...options, meta: false }));
    const { $schema: _draft, ...rest } = isObject(schema) ? schema : {};
    const validate = validator.compile(isObject(schema) ? rest : schema);
    return { kind: 'compiled', check: { check: (value) => (validate(value) ? undefined : sentenceOf(validate.errors?.[0])) } };
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    const reference = /can't resolve reference (\S+)/.exec(message)?.[1];
    if (reference === undefined) return { kind: 'refused', pointer: '', message: `this JSON Schema cannot be used: ${message}` };
    return { kind: 'refused', pointer: '', message: `the schema refers to \`${reference}\`, which is not in it`, suggestion: 'put the definition into `$defs`; references to other documents are not followed' };
  }
}

function metaValidator(draft: Draft): Ajv {
  const known = metaValidators.get(draft);
  if (known) return known;
  const made = addedFormats(draft === '07' ? new Ajv(options) : new Ajv2020(options));
  metaValidators.set(draft, made);
  return made;
}

function addedFormats<T extends Ajv>(validator: T): T {
  addFormats(validator);
  return validator;
}

function draftOf(uri: JsonValue | undefined): Draft | undefined {
  if (uri === undefined) return '2020-12';
  if (typeof uri !== 'string') return undefined;
  if (/^https?:\/\/json-schema\.org\/draft\/2020-12\/schema#?$/.test(uri)) return '2020-12';
  return /^https?:\/\/json-schema\.org\/draft-07\/schema#?$/.test(uri) ? '07' : undefined;
}

/** One sentence without its full stop: the place in the value, then what it must be. */
function sentenceOf(error: ErrorObject | undefined): string {
  if (error === undefined) return 'the value does not fit its schema';
  const place = error.instancePath === '' ? 'the value' : `\`${error.instancePath}\``;
  const parameters = error.params as Readonly<Record<string, unknown>>;
  const extra = parameters['additionalProperty'] ?? parameters['unevaluatedProperty'];
  if (error.keyword === 'required') return `${place} has no \`${String(parameters['missingProperty'])}\``;
  if (typeof extra === 'string') return `${place} must not have \`${extra}\``;
  if (error.keyword === 'enum') return `${place} must be one of ${(parameters['allowedValues'] as readonly unknown[]).map((allowed) => JSON.stringify(allowed)).join(', ')}`;
  if (error.keyword === 'const') return `${place} must be ${JSON.stringify(parameters['allowedValue'])}`;
  if (error.keyword === 'false schema') return `${place} is not allowed`;
  return `${place} ${error.message ?? 'does not fit its schema'}`;
}
