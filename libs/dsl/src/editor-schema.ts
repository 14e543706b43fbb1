/**
 * One JSON Schema for every document that Millrace reads, for editors.
 *
 * Owns how the schemas of workflows and resources are put together, and what editors are told besides. Does not own
 * the check: `validateWorkflow` and `checkResource` say more, and are what decides.
 *
 * D1 It accepts every document that the checks accept; what it refuses, they refuse too, except that a workflow may
 *    have properties at its top that the specification's schema does not name.
 */
import type { JsonValue } from '@millrace/engine';
import { isObject, property, type JsonObject } from './json-value.ts';
import { RESOURCE_KINDS, RESOURCE_SCHEMAS } from './resource-schema.ts';
import { WORKFLOW_SCHEMA } from './validate-workflow.ts';

/** Where the schema says that it stands. */
export const EDITOR_SCHEMA_ID = 'https://millrace.dev/schemas/v1/millrace.json';

/** Kinds and their schemas; what other packages read is handed over. */
export type KindSchemas = Readonly<Record<string, JsonObject>>;

/** The schema of all documents, or of one kind: `workflow`, or a kind of resource. Undefined for a kind that is none. */
export function editorSchema(others: KindSchemas = {}, kind?: string): JsonObject | undefined {
  const kinds: KindSchemas = { ...Object.fromEntries(RESOURCE_KINDS.map((each) => [each, described(each)])), ...others };
  const { $defs, $id: _id, $schema, ...workflow } = WORKFLOW_SCHEMA;
  const definitions = { ...withSnippets($defs as JsonObject), workflow };
  if (kind === 'workflow') return { $schema: $schema ?? '', $id: EDITOR_SCHEMA_ID, title: 'Millrace workflow', ...workflow, $defs: withSnippets($defs as JsonObject) };
  if (kind !== undefined) return Object.hasOwn(kinds, kind) ? kinds[kind] : undefined;
  const resources = Object.fromEntries(Object.entries(kinds).map(([name, schema]) => [`kind-${name}`, withoutIdentity(schema)]));
  return {
    $schema: $schema ?? '',
    $id: EDITOR_SCHEMA_ID,
    title: 'Millrace',
    description: 'A workflow of the Serverless Workflow DSL 1.0.3, or a resource of Millrace.',
    type: 'object',
    if: { required: ['millrace'] },
    then: {
      required: ['millrace', 'kind'],
      properties: { millrace: { const: 'v1', description: 'The version of the form of resources.' }, kind: { enum: Object.keys(kinds), description: 'What the document is.' } },
      allOf: Object.keys(kinds).map((name) => ({ if: { required: ['kind'], properties: { kind: { const: name } } }, then: { $ref: `#/$defs/kind-${name}` } })),
    },
    else: { $ref: '#/$defs/workflow' },
    $defs: { ...definitions, ...resources },
    defaultSnippets: DOCUMENT_SNIPPETS,
  };
}

function withoutIdentity({ $id: _id, $schema: _schema, ...schema }: JsonObject): JsonObject {
  return schema;
}

/** What editors show over a property; resources are checked by the same schemas without these words. */
const DESCRIPTIONS: Readonly<Record<string, string>> = {
  millrace: 'The version of the form of resources.',
  kind: 'What the document is.',
  name: 'The name of the resource, within its organisation.',
  organisation: 'The organisation it belongs to; without it, that of whoever applies it.',
  spec: 'What the resource says.',
  concurrency: 'Steps that may run at once.',
  startsPerSecond: 'Executions that may be started in a second.',
  weight: 'The share where there is not enough for all, relative to other organisations.',
  connector: 'The connector whose operations it is for, such as `http`, `sql` or `smtp`.',
  baseUrl: 'Where it leads; operations give addresses relative to it.',
  auth: 'How it proves who it is. What ends in `Secret` is a name in `secrets`.',
  secrets: 'Values by name. They are encrypted before anything is stored.',
  value: 'A text, or an object whose members are reached by `$secrets.NAME.MEMBER`.',
  workflow: '`NAME`, its latest published version; `NAME@VERSION`, pinned; or `NAME@RANGE`, the highest in it.',
  reply: 'What the caller gets: 202 and the execution\'s id, or the workflow\'s output.',
  signature: 'How deliveries are signed.',
  scheme: 'The form of the signature.',
  secret: 'The secret it is made with.',
  idempotencyKey: 'jq over `{headers, query, body}`: what is equal starts one execution.',
};

function described(kind: (typeof RESOURCE_KINDS)[number]): JsonObject {
  const schema = RESOURCE_SCHEMAS[kind];
  const words = (value: JsonValue): JsonValue => {
    if (!isObject(value)) return Array.isArray(value) ? value.map(words) : value;
    const entries = Object.entries(value).map(([name, inner]): readonly [string, JsonValue] => {
      if (name !== 'properties' || !isObject(inner)) return [name, words(inner)];
      return [name, Object.fromEntries(Object.entries(inner).map(([key, part]) => {
        const made = words(part);
        const description = Object.hasOwn(DESCRIPTIONS, key) ? DESCRIPTIONS[key] : undefined;
        return [key, isObject(made) && description !== undefined && !Object.hasOwn(made, 'description') ? { ...made, description } : made === true && description !== undefined ? { description } : made];
      }))];
    });
    return Object.fromEntries(entries);
  };
  return words(schema) as JsonObject;
}

/** Beginnings of tasks, where a list of them is written. */
function withSnippets(definitions: JsonObject): JsonObject {
  const list = definitions['taskList'];
  const items = property(list, 'items');
  if (!isObject(list) || !isObject(items)) return definitions;
  return { ...definitions, taskList: { ...list, items: { ...items, defaultSnippets: TASK_SNIPPETS } } };
}

function snippet(label: string, description: string, body: JsonValue): JsonObject {
  return { label, description, body };
}

const task = (label: string, description: string, definition: JsonValue): JsonObject => snippet(label, description, { '${1:name}': definition });

const TASK_SNIPPETS: readonly JsonObject[] = [
  task('call http', 'A request by HTTP', { call: 'http', with: { method: '${2|get,post,put,patch,delete|}', endpoint: '${3:https://}' } }),
  task('call', 'A function of the catalogue', { call: '${2:http.request:1.0.0@default}', with: { connection: '${3:connection}' } }),
  task('set', 'Makes the output', { set: { '${2:property}': '${3:value}' } }),
  task('switch', 'Goes on at the first case that holds', { switch: [{ '${2:case}': { when: '${3:.}', then: '${4:task}' } }, { default: { then: 'continue' } }] }),
  task('for', 'Tasks for each element', { for: { each: '${2:item}', in: '${3:.items}' }, do: [{ '${4:step}': { set: '${5:.}' } }] }),
  task('fork', 'Branches at the same time', { fork: { branches: [{ '${2:left}': { set: '${3:.}' } }, { '${4:right}': { set: '${5:.}' } }] } }),
  task('try', 'Catches errors and tries again', { try: [{ '${2:step}': { call: 'http', with: { method: 'get', endpoint: '${3:https://}' } } }], catch: { errors: { with: { status: 503 } }, retry: { delay: { seconds: 1 }, backoff: { exponential: {} }, limit: { attempt: { count: 5 } } } } }),
  task('listen', 'Waits for an event', { listen: { to: { one: { with: { type: '${2:com.example.happened}' } } } } }),
  task('emit', 'Publishes an event', { emit: { event: { with: { source: '${2:https://example.com}', type: '${3:com.example.happened}' } } } }),
  task('wait', 'Waits', { wait: { seconds: 1 } }),
  task('raise', 'Faults with an error', { raise: { error: { type: '${2:https://example.com/errors/wrong}', status: 400, title: '${3:Wrong}' } } }),
  task('run workflow', 'Runs another workflow', { run: { workflow: { namespace: '${2:default}', name: '${3:name}', version: '${4:1.0.0}' } } }),
  task('do', 'Tasks as one task', { do: [{ '${2:step}': { set: '${3:.}' } }] }),
];

const DOCUMENT_SNIPPETS: readonly JsonObject[] = [
  snippet('workflow', 'A workflow', { document: { dsl: '1.0.3', namespace: '${1:default}', name: '${2:name}', version: '${3:0.1.0}' }, do: [{ '${4:step}': { set: { '${5:property}': '${6:value}' } } }] }),
  snippet('test', 'Tests of a workflow', { millrace: 'v1', kind: 'test', name: '${1:name}', spec: { workflow: '${2:workflow.yaml}', cases: [{ name: '${3:it completes}', input: {}, expect: { status: 'completed' } }] } }),
];
