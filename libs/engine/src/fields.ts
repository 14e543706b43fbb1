/**
 * Business fields: what a workflow declares that its executions are found by.
 *
 * Owns their values: a function of the program and the execution's input alone, so no record holds them and every
 * process says the same. Does not own how they are declared (the language) nor how they are searched.
 *
 * A field that yields nothing, null, a list, an object, a longer text than FIELD_CHARACTERS_MAX, or fails, is left
 * out: being found never ends an execution.
 */
import type { JsonValue, Program } from './program.ts';

/** Fields of one workflow. */
export const FIELDS_MAX = 16;
/** Longest text of a field, in UTF-16 code units. */
export const FIELD_CHARACTERS_MAX = 256;
/** What one field's expression may consume; an operator's search evaluates it for executions in memory. */
export const FIELD_FUEL_MAX = 20_000;
export const FIELD_ALLOCATION_MAX = 1024 * 1024;
const FIELD_DEPTH_MAX = 256;

export type FieldValue = string | number | boolean;

/** Fields with a value, by name. */
export type FieldValues = Readonly<Record<string, FieldValue>>;

/** The fields of an execution of `program` with this input, accepted at that time. */
export function fieldsOf({ fields = [] }: Program, input: JsonValue, acceptedAtMs: number): FieldValues {
  if (fields.length === 0) return NONE;
  const found: [string, FieldValue][] = [];
  for (const { name, expression } of fields) {
    const result = expression.evaluate(input, expression.variables.map(() => input), { fuel: FIELD_FUEL_MAX, allocation: FIELD_ALLOCATION_MAX, depth: FIELD_DEPTH_MAX, nowSeconds: acceptedAtMs / 1000 });
    if (result.kind === 'value' && isFieldValue(result.value)) found.push([name, result.value]);
  }
  return Object.fromEntries(found);
}

const NONE: FieldValues = {};

function isFieldValue(value: JsonValue): value is FieldValue {
  return typeof value === 'boolean' || typeof value === 'number' || (typeof value === 'string' && value.length <= FIELD_CHARACTERS_MAX);
}
