import { Ajv2020 } from 'ajv/dist/2020.js';
import addFormats from 'ajv-formats';
import fc from 'fast-check';
import { parseAllDocuments } from 'yaml';
import type { JsonValue } from '@millrace/engine';
import { fixtureText } from './fixture.test-support.ts';
import { isList, isObject, type JsonObject } from './json-value.ts';
import { RESOURCE_SCHEMAS, type ResourceKind } from './resource-schema.ts';
import { findingsOf } from './schema-findings.ts';
import { WORKFLOW_SCHEMA } from './validate-workflow.ts';
import { workflowVocabulary } from './workflow-vocabulary.ts';

const validator = new Ajv2020({ strict: false, logger: false });
(addFormats as unknown as (target: Ajv2020) => void)(validator);

const acceptsWorkflow = validator.compile(WORKFLOW_SCHEMA);
const vocabulary = workflowVocabulary(WORKFLOW_SCHEMA);

const valuesOf = (name: string): readonly JsonValue[] => parseAllDocuments(fixtureText(name)).map((document) => document.toJS() as JsonValue);
const workflows = ['every-supported-task.yaml', 'every-other-feature.yaml'].flatMap(valuesOf);
const resources = valuesOf('resources.yaml');

type Path = readonly (string | number)[];

/** Every place in a value. */
function pathsOf(value: JsonValue, path: Path = []): readonly Path[] {
  const inner = isList(value) ? value.flatMap((item, index) => pathsOf(item, [...path, index])) : isObject(value) ? Object.entries(value).flatMap(([name, item]) => pathsOf(item, [...path, name])) : [];
  return [path, ...inner];
}

/** The value with another one at a place, or without what is there. */
function changed(value: JsonValue, path: Path, change: (value: JsonValue) => JsonValue | undefined): JsonValue | undefined {
  const [first, ...rest] = path;
  if (first === undefined) return change(value);
  if (isList(value)) {
    return value.flatMap((item, index) => {
      const other = index === first ? changed(item, rest, change) : item;
      return other === undefined ? [] : [other];
    });
  }
  if (!isObject(value)) return value;
  const entries = Object.entries(value).flatMap(([name, item]) => {
    const other = name === first ? changed(item, rest, change) : item;
    return other === undefined ? [] : [[name, other] as const];
  });
  return Object.fromEntries(entries);
}

/** Values that turn up in documents, right in one place and wrong in another. */
const pieces: readonly JsonValue[] = [
  null, true, 0, -1, 1.5, 70_000, '', 'x', 'PT1S', '30s', '${ .x }', 'https://example.com/{id}', 'http', 'grpc', 'always', 'eventually', '1.0.0',
  [], {}, [{}], [{ a: { set: { b: 1 } } }], [{ a: { set: {} } }], { set: { a: 1 } }, { use: 'x' }, { seconds: 1 }, { seconds: 'x' }, { uri: 'https://example.com' },
  { basic: { username: 'a', password: 'b' } }, { basic: { use: 'x' }, bearer: { token: 'y' } }, { endpoint: 'https://example.com' }, { document: {} }, { one: { with: { type: 'a' } } },
  { any: [], all: [] }, { constant: {} }, { constant: {}, linear: {} }, { with: { type: 'a', status: 1 } }, { type: 'https://example.com', status: 400 },
];
const names = ['if', 'then', 'timeout', 'set', 'call', 'with', 'do', 'for', 'try', 'catch', 'use', 'until', 'document', 'resource', 'after', 'extra', 'kind'];

const mutation = fc.record({ where: fc.nat(), piece: fc.constantFrom(...pieces), name: fc.constantFrom(...names), how: fc.constantFrom('replace', 'remove', 'add', 'rename') });
type Mutation = typeof mutation extends fc.Arbitrary<infer T> ? T : never;

function mutated(value: JsonValue, { where, piece, name, how }: Mutation): JsonValue {
  const paths = pathsOf(value);
  const path = paths[where % paths.length] ?? [];
  const result = changed(value, path, (here) => {
    if (how === 'replace') return piece;
    if (how === 'remove') return undefined;
    if (!isObject(here)) return piece;
    if (how === 'add') return { ...here, [name]: piece };
    const [first, ...rest] = Object.entries(here);
    return first === undefined ? here : Object.fromEntries([[name, first[1]], ...rest]);
  });
  return result ?? null;
}

describe('findings', () => {
  test('F1: are there exactly when a full validator rejects a workflow, whatever is wrong with it', () => {
    let rejected = 0;
    fc.assert(
      fc.property(fc.constantFrom(...workflows), fc.array(mutation, { minLength: 1, maxLength: 2 }), (document, mutations) => {
        const value = mutations.reduce(mutated, document);
        const accepted = acceptsWorkflow(value);
        const findings = findingsOf(WORKFLOW_SCHEMA, value, vocabulary);
        expect({ accepted: findings.length === 0, findings }).toMatchObject({ accepted });
        if (!accepted) rejected++;
      }),
      { numRuns: 300 },
    );
    expect(rejected).toBeGreaterThan(60);
  });

  test('F1: are there exactly when a full validator rejects a resource', () => {
    const acceptors = new Map(Object.entries(RESOURCE_SCHEMAS).map(([kind, schema]) => [kind, validator.compile(schema)]));
    fc.assert(
      fc.property(fc.constantFrom(...resources), fc.array(mutation, { minLength: 1, maxLength: 2 }), (document, mutations) => {
        const kind = (document as JsonObject)['kind'] as ResourceKind;
        const value = mutations.reduce(mutated, document);
        expect(findingsOf(RESOURCE_SCHEMAS[kind], value).length === 0).toBe(acceptors.get(kind)?.(value));
      }),
      { numRuns: 300 },
    );
  });

  test('name a place that is in the document, or would be', () => {
    fc.assert(
      fc.property(fc.constantFrom(...workflows), mutation, (document, how) => {
        const value = mutated(document, how);
        for (const found of findingsOf(WORKFLOW_SCHEMA, value, vocabulary)) {
          expect(found.message).not.toMatch(/undefined|\[object/);
          expect(found.pointer === '' || found.pointer.startsWith('/')).toBe(true);
        }
      }),
      { numRuns: 100 },
    );
  });

  test('F2: are about the alternative that a value resembles', () => {
    const schema: JsonObject = {
      oneOf: [
        { type: 'string' },
        { type: 'object', required: ['circle'], properties: { circle: { type: 'object', required: ['radius'], properties: { radius: { type: 'number' } } } } },
        { type: 'object', required: ['square'], properties: { square: { type: 'object', required: ['side'], properties: { side: { type: 'number' } } } } },
      ],
    };
    const about = (value: JsonValue) => findingsOf(schema, value).map(({ pointer, message }) => `${pointer} ${message}`);
    expect(about(1)).toEqual([' the document must be a text or an object, and is 1']);
    expect(about({ square: { side: 'x' } })).toEqual(['/square/side `side` must be a number, and is "x"']);
    expect(about({ sqare: {} })).toEqual([' the document must have `circle` or `square`']);
    expect(about({ square: { side: 1 }, circle: { radius: 1 } })).toEqual([' the document means several things at once: circle and square exclude one another']);
  });
});
