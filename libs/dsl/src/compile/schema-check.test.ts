import type { JsonValue } from '@millrace/engine';
import { compileSchemaCheck } from './schema-check.ts';

function sentence(schema: JsonValue, value: JsonValue): string | undefined {
  const result = compileSchemaCheck(schema);
  if (result.kind === 'refused') throw new Error(result.message);
  return result.check.check(value);
}

describe('schema checks', () => {
  test.each<[string, JsonValue, JsonValue, string | undefined]>([
    ['a value that fits', { type: 'object', required: ['a'] }, { a: 1 }, undefined],
    ['a missing property', { type: 'object', required: ['a'] }, {}, 'the value has no `a`'],
    ['a wrong type, deep inside', { properties: { a: { items: { type: 'integer' } } } }, { a: [1, 'x'] }, '`/a/1` must be integer'],
    ['a property too many', { additionalProperties: false }, { x: 1 }, 'the value must not have `x`'],
    ['a value that is none of several', { enum: [1, 'b'] }, 2, 'the value must be one of 1, "b"'],
    ['a constant', { const: { a: 1 } }, 2, 'the value must be {"a":1}'],
    ['a format', { format: 'date-time' }, 'yesterday', 'the value must match format "date-time"'],
    ['nothing is allowed', false, 1, 'the value is not allowed'],
    ['draft 2020-12 by default', { prefixItems: [{ type: 'string' }] }, [1], '`/0` must be string'],
    ['draft 7 when it says so', { $schema: 'http://json-schema.org/draft-07/schema#', items: [{ type: 'string' }] }, [1], '`/0` must be string'],
    ['definitions of its own', { $defs: { n: { type: 'number' } }, $ref: '#/$defs/n' }, 'x', 'the value must be number'],
  ])('say of %s what is wrong', (_, schema, value, expected) => {
    expect(sentence(schema, value)).toBe(expected);
  });

  test.each<[string, JsonValue, string, string]>([
    ['what is no schema', 'x', '', 'a JSON Schema is an object, or `true` or `false`'],
    ['what breaks its draft', { properties: { a: { type: 'text' } } }, '/properties/a/type', 'this is no JSON Schema: `/properties/a/type` must be one of "array", "boolean", "integer", "null", "number", "object", "string"'],
    ['another draft', { $schema: 'http://json-schema.org/draft-04/schema#' }, '/$schema', 'only JSON Schema drafts 2020-12 and 7 can be checked'],
    ['a reference to elsewhere', { $ref: 'https://example.com/other.json' }, '', 'the schema refers to `https://example.com/other.json`, which is not in it'],
    ['a reference to nowhere', { $ref: '#/$defs/absent' }, '', 'the schema refers to `#/$defs/absent`, which is not in it'],
    ['a pattern that is none', { pattern: '(' }, '', 'this JSON Schema cannot be used: Invalid regular expression: /(/u: Unterminated group'],
  ])('refuse %s', (_, schema, pointer, message) => {
    expect(compileSchemaCheck(schema)).toMatchObject({ kind: 'refused', pointer, message });
  });

  test('J1: do not see the names of another schema', () => {
    expect(compileSchemaCheck({ $id: 'https://example.com/a', $defs: { x: { $id: 'https://example.com/x', type: 'number' } } }).kind).toBe('compiled');
    expect(compileSchemaCheck({ $id: 'https://example.com/a', type: 'string' }).kind).toBe('compiled');
    expect(compileSchemaCheck({ $ref: 'https://example.com/x' }).kind).toBe('refused');
  });

  test('are compiled once for equal schemas, whatever the order of their properties', () => {
    expect(compileSchemaCheck({ type: 'object', title: 'once' })).toBe(compileSchemaCheck({ title: 'once', type: 'object' }));
  });
});
