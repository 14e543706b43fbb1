/** JSON Schemas (2020-12, as OpenAPI 3.1 takes them) of the documents that the REST API takes and answers. */

/** A JSON Schema; its keywords are the standard's. */
export type Schema = Readonly<Record<string, unknown>>;

const text: Schema = { type: 'string' };
const count: Schema = { type: 'integer', minimum: 0 };
const time: Schema = { type: ['string', 'null'], format: 'date-time' };
const textOrNull: Schema = { type: ['string', 'null'] };
/** Any JSON value. */
const anything: Schema = {};

export const reference = (name: SchemaName): Schema => ({ $ref: `#/components/schemas/${name}` });

/** Every member is required unless it is named as optional; nothing else is allowed. */
function closedObject(properties: Readonly<Record<string, Schema>>, optional: readonly string[] = []): Schema {
  return { type: 'object', properties, required: Object.keys(properties).filter((name) => !optional.includes(name)), additionalProperties: false };
}

const EXECUTION_STATUS = ['pending', 'running', 'waiting', 'suspended', 'cancelled', 'faulted', 'completed'];
const summary = { execution: text, organisation: text, workflow: text, version: text, status: { enum: EXECUTION_STATUS }, startedAt: time, endedAt: time };

const schedule = closedObject({
  name: text,
  organisation: text,
  workflow: text,
  rule: {
    description: 'When it is due: `{cron, timeZone}`, `{every}` or `{after}`; intervals in milliseconds.',
    anyOf: [closedObject({ cron: text, timeZone: text }), closedObject({ everyMs: count }), closedObject({ afterMs: count })],
  },
  input: anything,
  catchUp: { enum: ['latest', 'all', 'none'] },
  state: { enum: ['active', 'paused', 'waiting'], description: '`waiting`: for the end of the last execution.' },
  documentOf: { ...textOrNull, description: 'The workflow whose document has the schedule; null for a resource.' },
  lastDueAt: time,
  lastExecution: textOrNull,
  started: count,
  missed: { ...count, description: 'Due times without a start, as `catchUp` says.' },
  next: { type: 'array', items: { type: 'string', format: 'date-time' } },
});

const deadLetter = closedObject({ letter: text, stream: text, subject: text, reason: text, keptAt: time, text });

export const SCHEMAS = {
  Problem: {
    type: 'object',
    description: 'A problem document (RFC 9457). `reason` is a stable key of the catalogue of errors.',
    properties: { type: text, title: text, status: { type: 'integer' }, detail: text, reason: text, details: { type: 'object' } },
    required: ['type', 'title', 'status', 'detail', 'reason'],
  },
  Gateway: closedObject({ version: text, grpc: { type: 'string', description: '`host:port` of the gRPC API.' } }),
  StartRequest: closedObject(
    {
      workflow: { type: 'string', minLength: 1, description: 'NAME, NAME@VERSION, NAME@RANGE or sha256:HASH.' },
      version: { type: 'string', description: 'Without it the latest.' },
      input: anything,
      idempotencyKey: { type: 'string', maxLength: 1024, description: 'The same key starts the workflow once.' },
    },
    ['version', 'input', 'idempotencyKey'],
  ),
  Started: closedObject({ execution: text, status: { enum: EXECUTION_STATUS } }),
  Accepted: { anyOf: [{ $ref: '#/components/schemas/Started' }, { $ref: '#/components/schemas/Execution' }] },
  Fault: {
    ...closedObject({ type: text, status: { type: 'integer' }, title: text, detail: text, instance: text }),
    description: 'An error of the Serverless Workflow DSL; `instance` is the JSON pointer of the task that raised it.',
  },
  Task: closedObject(
    {
      reference: { type: 'string', description: 'JSON pointer into the workflow.' },
      name: text,
      iteration: { ...count, description: 'Index in the innermost loop; only inside loops.' },
      status: { enum: ['pending', 'running', 'waiting', 'completed', 'faulted', 'skipped', 'cancelled'] },
      attempts: count,
      reused: { const: true, description: 'Taken over from the execution that this one was made from: nothing was sent.' },
      startedAt: time,
      endedAt: time,
    },
    ['iteration', 'reused'],
  ),
  Execution: closedObject({
    ...summary,
    definition: { type: 'string', description: 'SHA-256 of the definition.' },
    input: anything,
    output: { description: 'Null until the execution has completed.' },
    error: { oneOf: [{ $ref: '#/components/schemas/Fault' }, { type: 'null' }] },
    tasks: { type: 'array', items: { $ref: '#/components/schemas/Task' }, description: 'One for each activation, in the order they started.' },
    origin: { oneOf: [closedObject({ execution: text, act: { enum: ['retry', 'restart', 'fork'] }, by: text, reason: textOrNull, from: textOrNull }), { type: 'null' }], description: 'The execution that it was made from by hand.' },
    operations: { type: 'array', items: closedObject({ at: time, act: text, by: text, reason: textOrNull, task: { ...text, description: 'The approval that was acted on.' }, to: { ...text, description: 'To whom it was delegated.' } }, ['task', 'to']), description: 'What was done to it by hand.' },
    events: { type: 'array', items: anything, description: 'CloudEvents that the execution emitted.' },
  }),
  ExecutionList: closedObject({
    executions: { type: 'array', items: closedObject({ ...summary, fields: { type: 'object', additionalProperties: { type: ['string', 'number', 'boolean'] }, description: 'Business fields that its workflow declares and that have a value.' } }, ['fields']) },
    cursor: { ...textOrNull, description: 'Where the list goes on; null at its end.' },
  }),
  ApprovalList: closedObject({
    approvals: {
      type: 'array',
      items: closedObject({ execution: text, task: text, name: text, details: { type: 'object', description: 'What the task says of it.' }, assignee: textOrNull, delegations: count, askedAt: time, expiresAt: { ...time, description: 'Null: it waits without an end.' } }),
    },
  }),
  ApprovalRequest: closedObject(
    {
      act: { enum: ['approve', 'reject', 'delegate'] },
      task: { type: 'string', maxLength: 4096, description: 'Name or reference of the task; without it the only one that waits.' },
      reason: { type: 'string', maxLength: 1000, description: 'A comment, which the workflow gets too.' },
      to: { type: 'string', maxLength: 320, description: 'To whom it is delegated.' },
    },
    ['task', 'reason', 'to'],
  ),
  ApprovalLinkRequest: closedObject(
    {
      task: { type: 'string', maxLength: 4096, description: 'Name or reference of the task; without it the only one that waits.' },
      for: { type: 'string', maxLength: 320, description: 'For whom it is; without it whose turn it is.' },
      validSeconds: { type: 'integer', minimum: 1, maximum: 31_536_000, description: 'Seven days without it.' },
    },
    ['task', 'for', 'validSeconds'],
  ),
  ApprovalLink: closedObject({ path: { type: 'string', description: 'Path and query at this address.' }, for: textOrNull, expiresAt: time }),
  RerunRequest: closedObject(
    {
      act: { enum: ['retry', 'restart', 'fork'] },
      from: { type: 'string', maxLength: 4096, description: 'JSON pointer of the task from which all is done again; a restart needs one.' },
      workflow: { type: 'string', maxLength: 512, description: 'A fork’s workflow, NAME, NAME@VERSION or sha256:HASH; without it the same version.' },
      input: { description: 'A fork’s input; without it the same.' },
      idempotencyKey: { type: 'string', maxLength: 1024, description: 'The same key gives the same execution.' },
      reason: { type: 'string', maxLength: 1000, description: 'Why; it stands in the history of the new execution.' },
      dryRun: { type: 'boolean', description: 'Only say what would be done.' },
    },
    ['from', 'workflow', 'input', 'idempotencyKey', 'reason', 'dryRun'],
  ),
  Rerun: closedObject({
    execution: { ...textOrNull, description: 'Null for a dry run.' },
    existing: { type: 'boolean', description: 'The same key had made it before.' },
    workflow: text,
    version: text,
    definition: text,
    effects: { type: 'array', items: closedObject({ reference: text, iterations: { type: 'array', items: count }, operation: text, outcome: { enum: ['reused', 'resent', 'unknown'] }, because: text }) },
  }),
  Explanation: closedObject({ execution: text, status: { type: ['string', 'null'], description: 'Null when its lane has no owner.' }, sentence: text }),
  Trace: closedObject({
    traceId: text,
    spans: {
      type: 'array',
      items: closedObject({
        spanId: text,
        parentSpanId: textOrNull,
        service: text,
        name: text,
        startedAt: time,
        endedAt: time,
        attributes: { type: 'object', additionalProperties: text },
      }),
    },
  }),
  Workflow: closedObject({
    namespace: text,
    name: text,
    version: text,
    hash: text,
    existing: { type: 'boolean', description: 'The same content had been applied before.' },
    draft: { type: 'boolean', description: 'It starts only where its exact version is named, and may be replaced until it is published.' },
    warnings: { type: 'array', items: text },
  }),
  WorkflowDiff: closedObject({
    name: text,
    from: { ...text, description: 'The version that was compared.' },
    to: text,
    changes: {
      type: 'array',
      items: closedObject({
        path: { ...text, description: 'Where in the document; a task stands by its name: `/do/charge/with/uri`.' },
        kind: { enum: ['added', 'removed', 'changed', 'moved'] },
        before: { description: 'Null when it was added.' },
        after: { description: 'Null when it was removed.' },
      }),
    },
  }),
  WorkflowList: closedObject({ workflows: { type: 'array', items: { $ref: '#/components/schemas/Workflow' } } }),
  JobRequest: closedObject(
    {
      act: { enum: ['cancel', 'pause', 'resume', 'retry', 'remove', 'measure'], description: '`remove` deletes ended executions, `measure` says what that would free (operator keys).' },
      where: { type: 'string', minLength: 1, maxLength: 1800, description: 'A filter; of the executions that it means, those that have started.' },
      reason: { type: 'string', maxLength: 900, description: 'Stands in the history of each execution, behind the job.' },
      keep: { ...count, description: 'With `remove` and `measure`: how many of the newest stay.' },
    },
    ['reason', 'keep'],
  ),
  Job: closedObject({
    job: text,
    organisation: { ...textOrNull, description: 'Null: all.' },
    act: text,
    where: text,
    reason: textOrNull,
    by: text,
    state: { enum: ['running', 'completed', 'cancelled'] },
    createdAt: time,
    endedAt: time,
    done: { ...count, description: 'Executions that the act was applied to.' },
    skipped: { ...count, description: 'Those for which it came too late.' },
    failed: count,
    failures: { type: 'array', items: closedObject({ execution: text, message: text }), description: 'The first 20.' },
    note: { ...textOrNull, description: 'What it waits for.' },
    keep: count,
    bytes: { ...count, description: 'Of what was removed, before the database’s compression.' },
  }),
  JobList: closedObject({ jobs: { type: 'array', items: { $ref: '#/components/schemas/Job' } } }),
  Limits: {
    ...closedObject({ concurrency: count, startsPerSecond: { type: 'number', minimum: 0 }, weight: { type: 'number', minimum: 0 } }, ['concurrency', 'startsPerSecond', 'weight']),
    description: 'Steps running at once, executions started a second, share under saturation. 0 or absent: no limit of its own, weight 1.',
  },
  OrganisationLimits: closedObject({ organisation: text, concurrency: count, startsPerSecond: { type: 'number' }, weight: { type: 'number' } }),
  Resource: closedObject(
    {
      millrace: { const: 'v1' },
      kind: { enum: ['organisation', 'limits', 'connection', 'secret', 'webhook', 'schedule', 'subscription'] },
      name: { type: 'string', minLength: 1 },
      organisation: text,
      spec: { type: 'object' },
    },
    ['millrace', 'organisation', 'spec'],
  ),
  AppliedResource: closedObject({ kind: text, name: text, organisation: text, outcome: { enum: ['created', 'changed', 'unchanged'] } }),
  KeyRequest: closedObject(
    { organisation: { type: 'string', description: 'Without it the key is an operator’s.' }, description: { type: 'string', maxLength: 256 } },
    ['organisation', 'description'],
  ),
  Key: closedObject({ id: text, key: { type: 'string', description: 'Shown once; only its hash is kept.' } }),
  PublishedEvents: closedObject({ events: count }),
  Schedule: schedule,
  ScheduleList: closedObject({ schedules: { type: 'array', items: { $ref: '#/components/schemas/Schedule' } } }),
  Subscription: closedObject({ name: text, organisation: text, type: text, source: textOrNull, where: textOrNull, workflow: textOrNull, idempotencyKey: textOrNull, url: textOrNull }),
  SubscriptionList: closedObject({ subscriptions: { type: 'array', items: { $ref: '#/components/schemas/Subscription' } } }),
  Removed: closedObject({ name: text }),
  DeadLetter: deadLetter,
  DeadLetterList: closedObject({ letters: { type: 'array', items: { $ref: '#/components/schemas/DeadLetter' } }, cursor: textOrNull }),
  RequeueRequest: closedObject({ text: { type: 'string', description: 'In place of its own; at most 1 MiB.' } }, ['text']),
  RemovedDeadLetter: closedObject({ letter: text }),
  DeliveryList: closedObject({
    deliveries: {
      type: 'array',
      items: closedObject({
        delivery: text,
        key: text,
        channel: text,
        recipient: text,
        state: text,
        attempts: count,
        messageId: textOrNull,
        execution: textOrNull,
        createdAt: time,
        updatedAt: time,
        lastError: textOrNull,
        unknowns: { ...count, description: 'Attempts whose outcome was not known; more than 0: the recipient may have got the message twice.' },
        dueAt: time,
        subject: textOrNull,
      }),
    },
    cursor: textOrNull,
  }),
} as const satisfies Readonly<Record<string, Schema>>;

export type SchemaName = keyof typeof SCHEMAS;
