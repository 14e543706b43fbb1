/** JSON Schema (draft 2020-12) of a document of `kind: test`, for checking one and for editors. */
import type { JsonValue } from '@millrace/engine';

type Schema = { readonly [key: string]: JsonValue };

/** Most cases of one document. */
export const CASES_MAX = 1_000;
/** Most mocks, events, steps or tasks in one list of a test. */
export const LIST_MAX = 1_000;

const text = (description: string): Schema => ({ type: 'string', minLength: 1, description });
const any = (description: string): Schema => ({ description });
const listOf = (items: JsonValue, description: string): Schema => ({ type: 'array', maxItems: LIST_MAX, items, description });
const object = (description: string, properties: Schema, required: readonly string[] = []): Schema => ({ type: 'object', additionalProperties: false, description, ...(required.length === 0 ? {} : { required }), properties });

const duration: Schema = { description: 'A duration: an ISO 8601 text such as `PT2S`, or an object such as `{ seconds: 2 }`.', type: ['string', 'object'] };

const error = (description: string): Schema =>
  object(description, {
    type: text('The type of the error: its URI, or the last word of a standard one, such as `timeout`, `communication` or `validation`.'),
    status: { type: 'integer', description: 'The HTTP-like status.' },
    title: text('The title.'),
    detail: text('The detail.'),
    instance: text('The reference of the task that failed, such as `/do/1/charge`.'),
  });

const answer: Schema = {
  output: any('What the operation yields. Texts that are `${ … }` are jq over the arguments of the step.'),
  respond: object('An HTTP answer. A status of 400 or more is a communication error, as it is from the real operation.', {
    status: { type: 'integer', minimum: 100, maximum: 599, description: 'The status.' },
    headers: { type: 'object', description: 'Headers, seen by calls with `output: response`.' },
    body: any('The content, already read.'),
  }, ['status']),
  error: { ...error('An error of the operation.'), required: ['type'] },
  takes: { ...duration, description: 'How long the step takes, on the clock of the test. Without it, no time.' },
  never: { const: true, description: 'The step never answers.' },
};

const mock = object('What steps answer instead of going out.', {
  task: text('The task that it is for: its name, or its reference such as `/do/1/charge`.'),
  operation: text('The operation that it is for, such as `http.request`, `openapi.call`, `script.run` or `event.emit`.'),
  url: text('The address that it is for; `*` is anything within a part of the path, `**` anything. Without a question mark any query fits.'),
  method: text('The HTTP method that it is for.'),
  workflow: text('The workflow that is run, by name.'),
  ...answer,
  answers: { ...listOf(object('One answer.', answer), 'Answers one after another; the last one for all further steps.'), minItems: 1 },
});

const event = object('An event from outside.', {
  after: { ...duration, description: 'How long after the beginning it comes. Without it, as soon as a task takes it.' },
  event: { type: 'object', required: ['type'], description: 'The CloudEvent: `type`, `source`, `data` and other attributes. `id`, `source` and `time` are filled in.' },
}, ['event']);

const approval = object('What a person says.', {
  task: text('The task that asks, by name or reference.'),
  decision: { enum: ['approved', 'rejected'], description: 'What is decided.' },
  by: text('Who decides. Without it, `test`.'),
  comment: text('The comment.'),
  after: { ...duration, description: 'How long after the task has asked. Without it, at once.' },
}, ['task', 'decision']);

const call = object('Steps that must have gone out.', {
  task: text('The task, by name or reference.'),
  operation: text('The operation.'),
  url: text('The address, with `*` and `**`.'),
  method: text('The HTTP method.'),
  workflow: text('The workflow that is run.'),
  times: { type: 'integer', minimum: 0, description: 'How often, exactly. Without it, at least once.' },
  with: any('Arguments that a step must have had; objects need what is stated, and may have more.'),
});

const expected = object('What must be true at the end. What is not stated is not looked at, except that a case that expects no error must not fault.', {
  status: { enum: ['completed', 'faulted', 'cancelled', 'waiting'], description: 'How it ends. `waiting`: for an event or an answer that never comes. Without it, `completed`, or `faulted` when an error is expected.' },
  output: any('The output, exactly.'),
  outputContains: any('What the output must have; objects may have more.'),
  error: error('The error; what is stated must be equal.'),
  path: listOf({ type: 'string' }, 'The tasks in the order in which they ran, by name or reference. Blocks (`do`, `for`, `fork`, `try`) count only where the list names them. A task that is tried again stands again.'),
  ran: listOf({ type: 'string' }, 'Tasks that must have run.'),
  notRan: listOf({ type: 'string' }, 'Tasks that must not have run.'),
  calls: listOf(call, 'Steps that went out.'),
  emitted: listOf({ type: 'object' }, 'The events that were emitted, in order; each needs what is stated, and may have more.'),
  took: { ...duration, description: 'How long it took on the clock of the test, exactly.' },
});

const testCase = object('One run of the workflow.', {
  name: text('What it shows; a sentence.'),
  input: any('The input. Without it, an empty object.'),
  startAt: { type: 'string', format: 'date-time', description: 'When the clock of the test begins. Without it, 2026-01-01T00:00:00Z.' },
  mocks: listOf(mock, 'Mocks of this case; they come before those of the document.'),
  events: listOf(event, 'Events from outside.'),
  approvals: listOf(approval, 'What people say when tasks ask them; each once.'),
  expect: expected,
}, ['name']);

/** The whole document. */
export const TEST_SCHEMA: Schema = {
  $schema: 'https://json-schema.org/draft/2020-12/schema',
  $id: 'https://millrace.dev/schemas/v1/test.json',
  title: 'Millrace test',
  ...object('Tests of one workflow, which `millrace test` runs.', {
    millrace: { const: 'v1', description: 'The version of the form.' },
    kind: { const: 'test', description: 'Tests of a workflow.' },
    name: { type: 'string', pattern: '^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$', title: 'ResourceName', description: 'The name of the tests.' },
    spec: object('The tests.', {
      workflow: text('The file of the workflow, from the folder of this file.'),
      workflows: listOf({ type: 'string' }, 'Files of workflows that it runs; those that are not here must be mocked.'),
      mocks: listOf(mock, 'Mocks of all cases.'),
      coverage: object('How much must be run by all cases together.', { tasks: { type: 'number', minimum: 0, maximum: 100, description: 'Per cent of the tasks of the workflow.' } }),
      cases: { ...listOf(testCase, 'The cases.'), minItems: 1, maxItems: CASES_MAX },
    }, ['workflow', 'cases']),
  }, ['millrace', 'kind', 'name', 'spec']),
};
