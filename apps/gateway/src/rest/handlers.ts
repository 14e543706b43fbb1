/** What each operation of the REST API does: from the request's JSON to a call, from the answer to a document. */
import {
  approvalLinkDocument,
  approvalListDocument,
  deadLetterDocument,
  deadLetterListDocument,
  deliveryListDocument,
  executionDocument,
  executionListDocument,
  jobDocument,
  explanationDocument,
  rerunDocument,
  scheduleDocument,
  scheduleListDocument,
  subscriptionListDocument,
  traceDocument,
  workflowDiffDocument,
  workflowDocument,
  type ExecutionDocument,
} from '@millrace/documents';
import { MillraceError } from '@millrace/errors';
import { diffVersions } from '../diff-versions.ts';
import { readHttpEvents, type HttpHeaders } from '../cloud-events.ts';
import { pageLimit, type Executions } from '../executions.ts';
import { jobMessage } from '../jobs/job-message.ts';
import type { Approvals } from '../approvals.ts';
import type { DeadLetterReference, DeadLetters } from '../dead-letters.ts';
import type { Jobs } from '../jobs/jobs.ts';
import type { Definitions, Deliveries, Triggers } from '../ports.ts';
import type { Caller } from '../principal.ts';
import type { LimitsSpec, Resources } from '../resources.ts';
import type { OperationName } from './routes.ts';

export interface RestCall {
  readonly caller: Caller;
  readonly parameters: Readonly<Record<string, string>>;
  readonly query: Readonly<Record<string, string>>;
  /** Checked against the route's schema; the text of a whole document; the bytes of events. */
  readonly body: unknown;
  /** As Node gives them. */
  readonly headers: HttpHeaders;
  /** Empty: none. */
  readonly traceparent: string;
  /** Unix milliseconds. */
  readonly acceptedAtMs: number;
  /** The caller has gone. */
  readonly signal: AbortSignal;
}

export interface RestAnswer {
  readonly status: number;
  readonly document: unknown;
  readonly headers?: Readonly<Record<string, string>>;
}

export type RestHandler = (call: RestCall) => Promise<RestAnswer>;

export interface RestPorts {
  readonly executions: Executions;
  readonly approvals: Approvals;
  readonly jobs: Jobs;
  readonly definitions: Definitions;
  readonly deliveries: Deliveries;
  readonly deadLetters: DeadLetters;
  readonly resources: Resources;
  readonly triggers: Triggers;
  readonly version: string;
  /** `host:port` of this process's gRPC API. */
  readonly grpcAddress: () => string;
}

const ok = (document: unknown): RestAnswer => ({ status: 200, document });

/** Every operation but the OpenAPI document, which the server has itself. */
export function createHandlers(ports: RestPorts): Readonly<Record<Exclude<OperationName, 'getOpenApi'>, RestHandler>> {
  const { approvals, executions, definitions, deadLetters, deliveries, jobs, resources, triggers } = ports;
  return {
    getGateway: async () => ok({ version: ports.version, grpc: ports.grpcAddress() }),
    applyWorkflow: async ({ caller, query, body }) => {
      const workflow = await definitions.apply({
        organisation: caller.organisation,
        document: body as string,
        fileName: '',
        unregistered: query['unregistered'] === 'true',
        dryRun: query['dryRun'] === 'true',
        draft: query['draft'] === 'true',
      });
      return { status: workflow.existing || query['dryRun'] === 'true' ? 200 : 201, document: workflowDocument(workflow) };
    },
    listWorkflows: async ({ caller }) => ok({ workflows: (await definitions.list(caller.organisation)).map(workflowDocument) }),
    publishWorkflow: async ({ caller, parameters }) => ok(workflowDocument(await definitions.publish(caller.organisation, parameters['workflow'] ?? '', parameters['version'] ?? ''))),
    diffWorkflow: async ({ caller, parameters, query }) =>
      ok(workflowDiffDocument(await diffVersions(definitions, { organisation: caller.organisation, name: parameters['workflow'] ?? '', from: query['from'] ?? '', to: query['to'] ?? '' }))),
    startExecution: (call) => startExecution(executions, call),
    listExecutions: async ({ caller, query }) =>
      ok(executionListDocument(await executions.list(caller, { status: query['status'] ?? '', workflow: query['workflow'] ?? '', where: query['where'] ?? '', cursor: query['cursor'] ?? '', limit: Number(query['limit'] ?? 0) }))),
    getExecution: async ({ caller, parameters }) => ok(executionDocument(await executions.get(caller, parameters['execution'] ?? ''))),
    cancelExecution: operation(executions, 'cancel'),
    pauseExecution: operation(executions, 'pause'),
    resumeExecution: operation(executions, 'resume'),
    rerunExecution: async ({ caller, parameters, body }) => {
      const { act, from = '', workflow = '', input, idempotencyKey = '', reason = '', dryRun = false } = body as RerunBody;
      const answer = await executions.rerun(caller, parameters['execution'] ?? '', { act, from, workflow, inputJson: input === undefined ? '' : jsonOf(input, 'input'), idempotencyKey, reason, dryRun });
      return dryRun ? ok(rerunDocument(answer)) : { status: 201, document: rerunDocument(answer), headers: { location: `/v1/executions/${answer.execution}` } };
    },
    listApprovals: async ({ caller, parameters }) => ok(approvalListDocument(await approvals.list(caller, parameters['execution'] ?? ''))),
    actOnApproval: async ({ caller, parameters, body }) => {
      const { act, task = '', reason = '', to = '' } = body as { readonly act: string; readonly task?: string; readonly reason?: string; readonly to?: string };
      return ok(executionDocument(await approvals.act(caller, parameters['execution'] ?? '', { act, task, reason, to })));
    },
    createApprovalLink: async ({ caller, parameters, body }) => {
      const { task = '', for: whose = '', validSeconds = 0 } = body as { readonly task?: string; readonly for?: string; readonly validSeconds?: number };
      const link = await approvals.createLink(caller, parameters['execution'] ?? '', { task, for: whose, validMs: validSeconds * 1_000 });
      return { status: 201, document: approvalLinkDocument(link), headers: { 'cache-control': 'no-store' } };
    },
    explainExecution: async ({ caller, parameters }) => ok(explanationDocument(await executions.explain(caller, parameters['execution'] ?? ''))),
    getTrace: async ({ caller, parameters }) => ok(traceDocument(await executions.trace(caller, parameters['execution'] ?? ''))),
    createJob: async ({ caller, body }) => {
      const { act, where, reason = '', keep = 0 } = body as { readonly act: string; readonly where: string; readonly reason?: string; readonly keep?: number };
      const job = await jobs.create(caller, { act, where, reason, keep });
      return { status: 202, document: jobDocument(jobMessage(job)), headers: { location: `/v1/jobs/${job.id}` } };
    },
    listJobs: async ({ caller }) => ok({ jobs: (await jobs.list(caller)).map((job) => jobDocument(jobMessage(job))) }),
    getJob: async ({ caller, parameters }) => ok(jobDocument(jobMessage(await jobs.get(caller, parameters['job'] ?? '')))),
    cancelJob: async ({ caller, parameters }) => ok(jobDocument(jobMessage(await jobs.cancel(caller, parameters['job'] ?? '')))),
    putLimits: async ({ caller, parameters, body }) => {
      const { concurrency = 0, startsPerSecond = 0, weight = 0 } = body as Partial<LimitsSpec>;
      const limits = await resources.putLimits(caller, parameters['organisation'] ?? '', { concurrency, startsPerSecond, weight });
      return ok({ organisation: limits.organisation, concurrency: limits.concurrency, startsPerSecond: limits.startsPerSecond, weight: limits.weight });
    },
    applyResource: async ({ caller, body }) => {
      const { kind, name, organisation = '', spec = {} } = body as { readonly kind: string; readonly name: string; readonly organisation?: string; readonly spec?: unknown };
      return ok(await resources.apply(caller, { kind, name, organisation, specJson: jsonOf(spec, 'spec') }));
    },
    createKey: async ({ caller, body }) => {
      const { organisation = '', description = '' } = body as { readonly organisation?: string; readonly description?: string };
      return { status: 201, document: await resources.createKey(caller, organisation, description), headers: { 'cache-control': 'no-store' } };
    },
    publishEvents: async ({ caller, headers, body }) => {
      const events = readHttpEvents(headers, Buffer.isBuffer(body) ? body : Buffer.alloc(0));
      await triggers.publish(caller.organisation, events);
      return { status: 202, document: { events: events.length } };
    },
    listSchedules: async ({ caller }) => ok(scheduleListDocument(await triggers.listSchedules(caller.organisation))),
    getSchedule: async ({ caller, parameters }) => ok(scheduleDocument(await triggers.getSchedule(caller.organisation, parameters['schedule'] ?? ''))),
    pauseSchedule: async ({ caller, parameters }) => ok(scheduleDocument(await triggers.setPaused(caller.organisation, parameters['schedule'] ?? '', true))),
    resumeSchedule: async ({ caller, parameters }) => ok(scheduleDocument(await triggers.setPaused(caller.organisation, parameters['schedule'] ?? '', false))),
    removeSchedule: async ({ caller, parameters }) => {
      const name = parameters['schedule'] ?? '';
      await triggers.removeSchedule(caller.organisation, name);
      return ok({ name });
    },
    listSubscriptions: async ({ caller }) => ok(subscriptionListDocument(await triggers.listSubscriptions(caller.organisation))),
    removeSubscription: async ({ caller, parameters }) => {
      const name = parameters['subscription'] ?? '';
      await triggers.removeSubscription(caller.organisation, name);
      return ok({ name });
    },
    listDeadLetters: async ({ caller, query }) => ok(deadLetterListDocument(await deadLetters.list(caller, { unowned: query['unowned'] === 'true', cursor: query['cursor'] ?? '', limit: pageLimit(Number(query['limit'] ?? 0)) }))),
    getDeadLetter: async (call) => ok(deadLetterDocument(await deadLetters.get(call.caller, letterOf(call)))),
    requeueDeadLetter: async (call) => ok(deadLetterDocument(await deadLetters.requeue(call.caller, letterOf(call), (call.body as { readonly text?: string }).text))),
    async removeDeadLetter(call) {
      const reference = letterOf(call);
      await deadLetters.remove(call.caller, reference);
      return ok({ letter: reference.letter });
    },
    listDeliveries: async ({ caller, query }) =>
      ok(deliveryListDocument(await deliveries.list({ organisation: caller.organisation, state: query['state'] ?? '', execution: query['execution'] ?? '', cursor: query['cursor'] ?? '', limit: pageLimit(Number(query['limit'] ?? 0)) }))),
  };
}

function letterOf({ parameters, query }: RestCall): DeadLetterReference {
  return { letter: parameters['letter'] ?? '', unowned: query['unowned'] === 'true' };
}

interface RerunBody {
  readonly act: string;
  readonly from?: string;
  readonly workflow?: string;
  readonly input?: unknown;
  readonly idempotencyKey?: string;
  readonly reason?: string;
  readonly dryRun?: boolean;
}

function operation(executions: Executions, act: 'pause' | 'resume' | 'cancel'): RestHandler {
  return async ({ caller, parameters, query }) => ok(executionDocument(await executions.operate(caller, parameters['execution'] ?? '', act, query['reason'] ?? '')));
}

async function startExecution(executions: Executions, call: RestCall): Promise<RestAnswer> {
  const { workflow, version = '', input, idempotencyKey = '' } = call.body as { readonly workflow: string; readonly version?: string; readonly input?: unknown; readonly idempotencyKey?: string };
  const waitMs = durationMs(call.query['wait']);
  const outcome = await executions.start(
    call.caller,
    { workflow, version, inputJson: input === undefined ? '' : jsonOf(input, 'input'), idempotencyKey, waitMs, traceparent: call.traceparent, acceptedAtMs: call.acceptedAtMs },
    call.signal,
  );
  const headers = { location: `/v1/executions/${outcome.execution}` };
  if (waitMs === 0) return { status: 202, document: { execution: outcome.execution, status: outcome.status }, headers };
  const document: ExecutionDocument = executionDocument(await executions.get(call.caller, outcome.execution));
  return { status: document.endedAt === null ? 202 : 200, document, headers };
}

/** A part of the body as JSON text again. Reading JSON does not recurse; writing it does, and the stack has an end. */
function jsonOf(value: unknown, name: string): string {
  try {
    return JSON.stringify(value);
  } catch (error) {
    throw new MillraceError('argument-invalid', { message: `\`${name}\` is nested too deep`, cause: error });
  }
}

/** Milliseconds of `20s`, `500ms`, `2m`; seconds without a unit. */
function durationMs(text: string | undefined): number {
  if (text === undefined) return 0;
  const match = /^(\d{1,6})(ms|s|m)?$/.exec(text);
  if (match?.[1] === undefined) throw new MillraceError('argument-invalid', { message: `wait=${text} is no duration; write 20s, 500ms or 2m` });
  return Number(match[1]) * (match[2] === 'ms' ? 1 : match[2] === 'm' ? 60_000 : 1000);
}
