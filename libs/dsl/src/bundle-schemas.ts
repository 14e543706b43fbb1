/**
 * JSON Schemas at addresses, fetched into the document that names them (DSL reference, Schema, External Resource).
 *
 * Owns finding them. As with functions, whoever has the document fetches them once, before it is applied: what is
 * applied is whole, and does not change with what stands at an address.
 *
 * B1 A schema that was fetched stands under `document`, where its `resource` was.
 */
import { childPointer, segmentsOf } from './json-pointer.ts';
import { isList, isObject, property, type JsonObject } from './json-value.ts';
import type { JsonValue } from '@millrace/engine';
import type { BundleResult } from './bundle-functions.ts';
import { fetchResource, type FetchText } from './fetch-resource.ts';
import { FETCHED_SCHEMAS_MAX } from './limits.ts';
import { problemAt, type WorkflowDocument } from './source-document.ts';
import { taskListsOf } from './task-lists.ts';
import { valueOfYaml } from './value-of-yaml.ts';

/** Fetches the schemas of a document, also those of functions that were fetched before. */
export async function bundleSchemas(document: WorkflowDocument, fetchText: FetchText): Promise<BundleResult> {
  let { value } = document;
  const pointers = schemaPointers(value);
  const refuse = (pointer: string, message: string): BundleResult => ({ kind: 'refused', problems: [problemAt(document, { pointer }, 'workflow-invalid', message)] });
  if (pointers.length > FETCHED_SCHEMAS_MAX) return refuse(pointers[FETCHED_SCHEMAS_MAX] ?? '', `the document takes more than ${FETCHED_SCHEMAS_MAX} schemas from elsewhere`);
  for (const pointer of pointers) {
    const { resource, document: _document, ...rest } = valueAt(value, pointer) as JsonObject;
    try {
      const text = await fetchResource(property(resource, 'endpoint') ?? '', value, fetchText);
      value = withValue(value, segmentsOf(pointer), { ...rest, document: valueOfYaml(text) }) as JsonObject;
    } catch (error) {
      return refuse(`${pointer}/resource`, `the schema cannot be had: ${error instanceof Error ? (error.message.split('\n')[0] ?? '') : String(error)}`);
    }
  }
  return { kind: 'bundled', document: pointers.length === 0 ? document : { ...document, value } };
}

/** Pointers to the schemas that are resources. */
function schemaPointers(value: JsonObject): readonly string[] {
  const functions = property(value['use'], 'functions');
  const owners: readonly (readonly [string, JsonValue])[] = [
    ['', value],
    ...taskListsOf(value).flatMap(({ tasks }) => tasks.map(({ definition, pointer }) => [pointer, definition] as const)),
    ...(isObject(functions) ? Object.entries(functions).map(([name, definition]) => [childPointer('/use/functions', name), definition] as const) : []),
  ];
  const withIterators = owners.flatMap(([pointer, owner]) => [
    [pointer, owner] as const,
    [`${pointer}/foreach`, property(owner, 'foreach')] as const,
    [`${pointer}/with/subscription/foreach`, property(property(property(owner, 'with'), 'subscription'), 'foreach')] as const,
  ]);
  return withIterators.flatMap(([pointer, owner]) => ['input', 'output', 'export'].filter((group) => property(property(property(owner, group), 'schema'), 'resource') !== undefined).map((group) => `${pointer}/${group}/schema`));
}

function valueAt(value: JsonValue, pointer: string): JsonValue | undefined {
  return segmentsOf(pointer).reduce<JsonValue | undefined>((at, part) => (isList(at) ? at[Number(part)] : property(at, part)), value);
}

function withValue(value: JsonValue, [part, ...rest]: readonly string[], replacement: JsonValue): JsonValue {
  if (part === undefined) return replacement;
  if (isList(value)) return value.map((item, index) => (index === Number(part) ? withValue(item, rest, replacement) : item));
  return isObject(value) ? Object.fromEntries(Object.entries(value).map(([name, item]) => [name, name === part ? withValue(item, rest, replacement) : item])) : value;
}
