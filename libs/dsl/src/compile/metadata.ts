/**
 * What a workflow says about itself in `document.metadata.millrace`; the rest of `metadata` is its author's own.
 */
import { FIELDS_MAX, type Expression } from '@millrace/engine';
import { childPointer } from '../json-pointer.ts';
import { isObject, property } from '../json-value.ts';
import type { Compilation } from './compilation.ts';
import { compileCondition } from './expression.ts';

/** Names of fields, as filters write them. */
const FIELD_NAME = /^[A-Za-z_][A-Za-z0-9_]{0,63}$/;
const AT = '/document/metadata/millrace/fields';

/** A business field by which executions are found. */
export interface DeclaredField {
  readonly name: string;
  /** Over the execution's input, which is `.` and `$input`. */
  readonly expression: Expression;
}

/** The fields of the document, in its order; what is wrong with them is reported. */
export function compileFields(compilation: Compilation): readonly DeclaredField[] {
  const fields = property(property(property(compilation.document.value['document'], 'metadata'), 'millrace'), 'fields');
  if (fields === undefined) return [];
  if (!isObject(fields)) {
    compilation.invalid({ pointer: AT }, '`fields` must be an object of names and expressions', 'such as `{ orderId: "${ .order.id }" }`');
    return [];
  }
  const entries = Object.entries(fields);
  if (entries.length > FIELDS_MAX) compilation.invalid({ pointer: AT }, `there are ${entries.length} fields; the most is ${FIELDS_MAX}`);
  return entries.slice(0, FIELDS_MAX).flatMap(([name, value]) => {
    const pointer = childPointer(AT, name);
    if (!FIELD_NAME.test(name)) compilation.invalid({ pointer, side: 'key' }, `${JSON.stringify(name)} is no name of a field`, 'a letter or `_`, then letters, digits and `_`, at most 64');
    if (typeof value === 'string') return [{ name, expression: compileCondition(compilation, value, pointer, ['input']) }];
    compilation.invalid({ pointer }, 'a field is an expression over the input of the execution', 'such as `${ .order.id }`');
    return [];
  });
}
