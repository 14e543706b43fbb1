/**
 * Every route of the REST API, once: requests are checked and the OpenAPI document is made from this table.
 *
 * Owns what each route takes and answers. Does not own what it does: handlers.ts has one function for each
 * operation here, and the compiler asks for all of them.
 */
import { reference, type Schema, type SchemaName } from './schemas.ts';

export interface QueryParameter {
  readonly name: string;
  readonly description: string;
  readonly schema: Schema;
}

export interface Route {
  readonly operation: string;
  readonly method: 'GET' | 'POST' | 'PUT' | 'DELETE';
  /** As OpenAPI writes it; parameters in braces. */
  readonly path: string;
  readonly summary: string;
  /** False: no key is needed. */
  readonly secured?: false;
  readonly query?: readonly QueryParameter[];
  /** A JSON body of that schema, a whole document in YAML or JSON, or CloudEvents in any mode of their HTTP binding. */
  readonly body?: SchemaName | 'document' | 'events';
  /** By status; `problem` answers stand for all others. */
  readonly answers: Readonly<Record<number, { readonly description: string; readonly schema?: SchemaName }>>;
}

const cursor: QueryParameter = { name: 'cursor', description: 'Where the last page ended.', schema: { type: 'string', maxLength: 256 } };
const limit: QueryParameter = { name: 'limit', description: 'Entries a page, at most 500; 50 without it.', schema: { type: 'string', pattern: '^[0-9]{1,3}$' } };
const unowned: QueryParameter = { name: 'unowned', description: '`true`: those of which nobody can say whose they are (operator keys).', schema: { enum: ['true', 'false'] } };
const wait: QueryParameter = {
  name: 'wait',
  description: 'Answer when the execution has ended, or after this long: `20s`, `500ms`, `2m`; at most ten minutes.',
  schema: { type: 'string', pattern: '^[0-9]{1,6}(ms|s|m)?$' },
};

const where: QueryParameter = { name: 'where', description: 'A filter such as `status = failed and field.orderId = 7 and started > 2h ago`.', schema: { type: 'string', maxLength: 2000 } };
const reason: QueryParameter = { name: 'reason', description: 'Why; it stands in the history of the execution.', schema: { type: 'string', maxLength: 1000 } };

export const ROUTES = [
  { operation: 'getOpenApi', method: 'GET', path: '/openapi.json', summary: 'This document', secured: false, answers: { 200: { description: 'The OpenAPI 3.1 document' } } },
  { operation: 'getGateway', method: 'GET', path: '/.well-known/millrace', summary: 'Where the gRPC API of this gateway is', secured: false, answers: { 200: { description: 'Version and gRPC address', schema: 'Gateway' } } },
  {
    operation: 'applyWorkflow',
    method: 'POST',
    path: '/v1/workflows',
    summary: 'Register a version of a workflow',
    query: [
      { name: 'dryRun', description: '`true`: only check.', schema: { enum: ['true', 'false'] } },
      { name: 'draft', description: '`true`: register a draft, which starts only where its exact version is named, and may be replaced until it is published.', schema: { enum: ['true', 'false'] } },
      { name: 'unregistered', description: '`true`: store by content hash, without registering name and version.', schema: { enum: ['true', 'false'] } },
    ],
    body: 'document',
    answers: { 200: { description: 'The version, which was there already or is only checked', schema: 'Workflow' }, 201: { description: 'The new version', schema: 'Workflow' } },
  },
  {
    operation: 'listWorkflows',
    method: 'GET',
    path: '/v1/workflows',
    summary: 'The workflows of the organisation',
    answers: { 200: { description: 'All versions', schema: 'WorkflowList' } },
  },
  {
    operation: 'publishWorkflow',
    method: 'POST',
    path: '/v1/workflows/{workflow}/{version}:publish',
    summary: 'Make a draft a published version',
    answers: { 200: { description: 'The version; `existing` when it was published before', schema: 'Workflow' } },
  },
  {
    operation: 'diffWorkflow',
    method: 'GET',
    path: '/v1/workflows/{workflow}/diff',
    summary: 'What differs between two versions of a workflow',
    query: [
      { name: 'from', description: 'An exact version, a range such as `^1.2`, or `latest`, which it is without it.', schema: { type: 'string', maxLength: 64 } },
      { name: 'to', description: 'The same.', schema: { type: 'string', maxLength: 64 } },
    ],
    answers: { 200: { description: 'The differences, by path', schema: 'WorkflowDiff' } },
  },
  {
    operation: 'startExecution',
    method: 'POST',
    path: '/v1/executions',
    summary: 'Start a workflow',
    query: [wait],
    body: 'StartRequest',
    answers: {
      200: { description: 'With `wait`: the execution, which has ended', schema: 'Execution' },
      202: { description: 'The start is durable; with `wait`: the execution, which has not ended yet', schema: 'Accepted' },
    },
  },
  {
    operation: 'listExecutions',
    method: 'GET',
    path: '/v1/executions',
    summary: 'Executions, the newest first',
    query: [
      { name: 'status', description: 'Only those of this status.', schema: { type: 'string', maxLength: 32 } },
      { name: 'workflow', description: 'Only those of this workflow.', schema: { type: 'string', maxLength: 256 } },
      where,
      cursor,
      limit,
    ],
    answers: { 200: { description: 'One page', schema: 'ExecutionList' } },
  },
  {
    operation: 'getExecution',
    method: 'GET',
    path: '/v1/executions/{execution}',
    summary: 'One execution with its tasks',
    answers: { 200: { description: 'The execution as it is now', schema: 'Execution' } },
  },
  {
    operation: 'cancelExecution',
    method: 'POST',
    path: '/v1/executions/{execution}:cancel',
    summary: 'Cancel an execution',
    query: [reason],
    answers: { 200: { description: 'The execution, cancelled', schema: 'Execution' } },
  },
  {
    operation: 'pauseExecution',
    method: 'POST',
    path: '/v1/executions/{execution}:pause',
    summary: 'Dispatch nothing new of an execution until it is resumed',
    query: [reason],
    answers: { 200: { description: 'The execution, suspended', schema: 'Execution' } },
  },
  {
    operation: 'resumeExecution',
    method: 'POST',
    path: '/v1/executions/{execution}:resume',
    summary: 'Let a paused execution go on',
    query: [reason],
    answers: { 200: { description: 'The execution, which goes on', schema: 'Execution' } },
  },
  {
    operation: 'rerunExecution',
    method: 'POST',
    path: '/v1/executions/{execution}:rerun',
    summary: 'Make an execution from another: retry, restart or fork',
    body: 'RerunRequest',
    answers: { 200: { description: 'What would become of each side effect (`dryRun`)', schema: 'Rerun' }, 201: { description: 'The new execution, and what becomes of each side effect of the first', schema: 'Rerun' } },
  },
  {
    operation: 'listApprovals',
    method: 'GET',
    path: '/v1/executions/{execution}/approvals',
    summary: 'The approvals that an execution waits for',
    answers: { 200: { description: 'Those that wait, the first asked for first', schema: 'ApprovalList' } },
  },
  {
    operation: 'actOnApproval',
    method: 'POST',
    path: '/v1/executions/{execution}/approvals',
    summary: 'Approve, reject or delegate',
    body: 'ApprovalRequest',
    answers: { 200: { description: 'The execution, which has the decision', schema: 'Execution' } },
  },
  {
    operation: 'createApprovalLink',
    method: 'POST',
    path: '/v1/executions/{execution}/approval-links',
    summary: 'Make a link by which a person decides without a key',
    body: 'ApprovalLinkRequest',
    answers: { 201: { description: 'The link', schema: 'ApprovalLink' } },
  },
  {
    operation: 'explainExecution',
    method: 'GET',
    path: '/v1/executions/{execution}/explanation',
    summary: 'Why an execution is not moving, in one sentence',
    answers: { 200: { description: 'The sentence', schema: 'Explanation' } },
  },
  {
    operation: 'getTrace',
    method: 'GET',
    path: '/v1/executions/{execution}/trace',
    summary: 'The spans of an execution, running or ended',
    answers: { 200: { description: 'The trace, in the order of the starts of its spans', schema: 'Trace' } },
  },
  {
    operation: 'createJob',
    method: 'POST',
    path: '/v1/jobs',
    summary: 'Cancel, pause, resume or retry all executions that a filter means',
    body: 'JobRequest',
    answers: { 202: { description: 'The job, which is durable and runs', schema: 'Job' } },
  },
  {
    operation: 'listJobs',
    method: 'GET',
    path: '/v1/jobs',
    summary: 'Jobs, the newest first',
    answers: { 200: { description: 'At most 100', schema: 'JobList' } },
  },
  {
    operation: 'getJob',
    method: 'GET',
    path: '/v1/jobs/{job}',
    summary: 'One job with its progress',
    answers: { 200: { description: 'The job as it is now', schema: 'Job' } },
  },
  {
    operation: 'cancelJob',
    method: 'POST',
    path: '/v1/jobs/{job}:cancel',
    summary: 'End a job; what it did stays done',
    answers: { 200: { description: 'The job', schema: 'Job' } },
  },
  {
    operation: 'putLimits',
    method: 'PUT',
    path: '/v1/organisations/{organisation}/limits',
    summary: 'Set the limits of an organisation (operator keys)',
    body: 'Limits',
    answers: { 200: { description: 'The limits now in force', schema: 'OrganisationLimits' } },
  },
  {
    operation: 'applyResource',
    method: 'POST',
    path: '/v1/resources',
    summary: 'Create or change one resource',
    body: 'Resource',
    answers: { 200: { description: 'What became of it', schema: 'AppliedResource' } },
  },
  {
    operation: 'createKey',
    method: 'POST',
    path: '/v1/keys',
    summary: 'Make an API key (operator keys)',
    body: 'KeyRequest',
    answers: { 201: { description: 'The key, shown this once', schema: 'Key' } },
  },
  {
    operation: 'listDeliveries',
    method: 'GET',
    path: '/v1/deliveries',
    summary: 'Messages on their way to people, the newest first',
    query: [
      { name: 'state', description: 'Only those in this state.', schema: { type: 'string', maxLength: 32 } },
      { name: 'execution', description: 'Only those that this execution asked for.', schema: { type: 'string', maxLength: 64 } },
      cursor,
      limit,
    ],
    answers: { 200: { description: 'One page', schema: 'DeliveryList' } },
  },
  {
    operation: 'listDeadLetters',
    method: 'GET',
    path: '/v1/dead-letters',
    summary: 'Messages that no service could read, the oldest first',
    query: [unowned, cursor, limit],
    answers: { 200: { description: 'One page', schema: 'DeadLetterList' } },
  },
  {
    operation: 'getDeadLetter',
    method: 'GET',
    path: '/v1/dead-letters/{letter}',
    summary: 'One of them',
    query: [unowned],
    answers: { 200: { description: 'The message, and why it could not be read', schema: 'DeadLetter' } },
  },
  {
    operation: 'requeueDeadLetter',
    method: 'POST',
    path: '/v1/dead-letters/{letter}:requeue',
    summary: 'Send it where it came from, as it is or with another text',
    query: [unowned],
    body: 'RequeueRequest',
    answers: { 200: { description: 'It is sent, and gone from here', schema: 'DeadLetter' } },
  },
  {
    operation: 'removeDeadLetter',
    method: 'DELETE',
    path: '/v1/dead-letters/{letter}',
    summary: 'Remove it',
    query: [unowned],
    answers: { 200: { description: 'It is gone', schema: 'RemovedDeadLetter' } },
  },
  {
    operation: 'publishEvents',
    method: 'POST',
    path: '/v1/events',
    summary: 'Take CloudEvents: structured, binary or a batch of at most 1,000',
    body: 'events',
    answers: { 202: { description: 'All of them are durable', schema: 'PublishedEvents' } },
  },
  {
    operation: 'listSchedules',
    method: 'GET',
    path: '/v1/schedules',
    summary: 'The schedules of the organisation, those of workflows among them',
    answers: { 200: { description: 'All schedules', schema: 'ScheduleList' } },
  },
  {
    operation: 'getSchedule',
    method: 'GET',
    path: '/v1/schedules/{schedule}',
    summary: 'One schedule with its next times',
    answers: { 200: { description: 'The schedule as it is now', schema: 'Schedule' } },
  },
  {
    operation: 'pauseSchedule',
    method: 'POST',
    path: '/v1/schedules/{schedule}:pause',
    summary: 'Start nothing until it is resumed',
    answers: { 200: { description: 'The schedule, paused', schema: 'Schedule' } },
  },
  {
    operation: 'resumeSchedule',
    method: 'POST',
    path: '/v1/schedules/{schedule}:resume',
    summary: 'Go on; times that passed meanwhile are left out',
    answers: { 200: { description: 'The schedule', schema: 'Schedule' } },
  },
  {
    operation: 'removeSchedule',
    method: 'DELETE',
    path: '/v1/schedules/{schedule}',
    summary: 'Remove a schedule that was applied as a resource',
    answers: { 200: { description: 'It is gone', schema: 'Removed' } },
  },
  {
    operation: 'listSubscriptions',
    method: 'GET',
    path: '/v1/subscriptions',
    summary: 'The subscriptions of the organisation',
    answers: { 200: { description: 'All subscriptions, without their secrets', schema: 'SubscriptionList' } },
  },
  {
    operation: 'removeSubscription',
    method: 'DELETE',
    path: '/v1/subscriptions/{subscription}',
    summary: 'Remove a subscription',
    answers: { 200: { description: 'It is gone', schema: 'Removed' } },
  },
] as const satisfies readonly Route[];

export type OperationName = (typeof ROUTES)[number]['operation'];

/** Media types of a body that is a whole document. */
export const DOCUMENT_TYPES = ['application/yaml', 'application/json', 'text/yaml'] as const;

export function bodySchema(route: Route): Schema | undefined {
  return route.body === undefined || route.body === 'document' || route.body === 'events' ? undefined : reference(route.body);
}

/** Media types of CloudEvents; in binary mode anything may come. */
export const EVENT_TYPES = ['application/cloudevents+json', 'application/cloudevents-batch+json', '*/*'] as const;
