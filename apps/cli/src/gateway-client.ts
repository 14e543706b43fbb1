/**
 * The gateway's gRPC API, as promises.
 *
 * Owns the connection, the key and the organisation of every call, and turns failures into MillraceErrors.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { credentials, Metadata, type CallOptions, type ClientUnaryCall, type ServiceError } from '@grpc/grpc-js';
import type { Approvals, Execution, Trace } from '@millrace/contracts/execution/v1/execution';
import {
  ApprovalServiceClient,
  DeadLetterServiceClient,
  ExecutionServiceClient,
  JobServiceClient,
  LaneServiceClient,
  OrganisationServiceClient,
  WorkflowServiceClient,
  type ActOnApprovalRequest,
  type ApplyResourceResponse,
  type ApprovalLink,
  type CreateApprovalLinkRequest,
  type CreateJobRequest,
  type DeadLetterReference,
  type DeadLetterView,
  type ListDeadLettersRequest,
  type ListDeadLettersResponse,
  type RequeueDeadLetterRequest,
  type ExecutionEvent,
  type Explanation,
  type Job,
  type Lanes,
  type RerunExecutionRequest,
  type RerunExecutionResponse,
  type ListExecutionsResponse,
  type StartExecutionResponse,
  type Workflow,
  type WorkflowDiff,
} from '@millrace/contracts/gateway/v1/gateway';
import { EventServiceClient, ScheduleServiceClient, SubscriptionServiceClient, type ScheduleView, type SubscriptionView } from '@millrace/contracts/gateway/v1/triggers';
import { MillraceError } from '@millrace/errors';
import { failureOf, HEADERS } from '@millrace/rpc';
import type { GatewayTarget } from './gateway-target.ts';

/** How long a call may take beyond what it is told to wait, in milliseconds. */
export const CALL_DEADLINE_MS = 30_000;
/** How long a question is asked again when what is in the way may pass, in milliseconds. */
const ASK_AGAIN_MS = 5_000;
const ASK_AGAIN_EACH_MS = 200;
/** Largest answer, in bytes: an execution with many tasks. */
const ANSWER_BYTES_MAX = 64 * 1024 * 1024;

export interface StartRequest {
  readonly workflow: string;
  readonly version: string;
  readonly inputJson: string;
  readonly idempotencyKey: string;
  /** 0: answer once the start is durable. */
  readonly waitMs: number;
}

export interface ExecutionQuery {
  readonly status: string;
  readonly workflow: string;
  /** A filter; empty: all. */
  readonly where: string;
  readonly cursor: string;
  readonly limit: number;
}

export interface GatewayClient {
  applyWorkflow(request: { readonly document: string; readonly fileName: string; readonly unregistered: boolean; readonly draft?: boolean }): Promise<Workflow>;
  publishWorkflow(name: string, version: string): Promise<Workflow>;
  diffWorkflow(request: { readonly name: string; readonly from: string; readonly to: string }): Promise<WorkflowDiff>;
  listWorkflows(): Promise<readonly Workflow[]>;
  applyResource(request: { readonly kind: string; readonly name: string; readonly organisation: string; readonly specJson: string }): Promise<ApplyResourceResponse>;
  start(request: StartRequest): Promise<StartExecutionResponse>;
  get(execution: string): Promise<Execution>;
  list(query: ExecutionQuery): Promise<ListExecutionsResponse>;
  operate(execution: string, act: 'pause' | 'resume' | 'cancel', reason: string): Promise<Execution>;
  approvals(execution: string): Promise<Approvals>;
  actOnApproval(request: ActOnApprovalRequest): Promise<Execution>;
  approvalLink(request: CreateApprovalLinkRequest): Promise<ApprovalLink>;
  explain(execution: string): Promise<Explanation>;
  rerun(request: RerunExecutionRequest): Promise<RerunExecutionResponse>;
  createJob(request: CreateJobRequest): Promise<Job>;
  job(id: string): Promise<Job>;
  jobs(): Promise<readonly Job[]>;
  cancelJob(id: string): Promise<Job>;
  lanes(): Promise<Lanes>;
  scaleLanes(lanes: number): Promise<Lanes>;
  trace(execution: string): Promise<Trace>;
  /** CloudEvents as JSON texts; how many were accepted. */
  publish(events: readonly string[]): Promise<number>;
  schedules(): Promise<readonly ScheduleView[]>;
  schedule(name: string): Promise<ScheduleView>;
  setSchedulePaused(name: string, paused: boolean): Promise<ScheduleView>;
  removeSchedule(name: string): Promise<void>;
  subscriptions(): Promise<readonly SubscriptionView[]>;
  removeSubscription(name: string): Promise<void>;
  deadLetters(query: ListDeadLettersRequest): Promise<ListDeadLettersResponse>;
  deadLetter(reference: DeadLetterReference): Promise<DeadLetterView>;
  requeueDeadLetter(request: RequeueDeadLetterRequest): Promise<DeadLetterView>;
  removeDeadLetter(reference: DeadLetterReference): Promise<void>;
  /** Calls back with every event until `signal` is aborted; rejects when the stream breaks or the gateway ends it. */
  tail(filter: { readonly execution: string; readonly workflow: string }, onEvent: (event: ExecutionEvent) => void, signal: AbortSignal): Promise<void>;
  close(): void;
}

/** @param organisation empty: the key's own, or `default` with an operator key. */
export function createGatewayClient({ address, key }: GatewayTarget, organisation: string): GatewayClient {
  const channel = credentials.createInsecure();
  const options = { 'grpc.max_receive_message_length': ANSWER_BYTES_MAX };
  const workflows = new WorkflowServiceClient(address, channel, options);
  const executions = new ExecutionServiceClient(address, channel, options);
  const organisations = new OrganisationServiceClient(address, channel, options);
  const lanes = new LaneServiceClient(address, channel, options);
  const jobs = new JobServiceClient(address, channel, options);
  const events = new EventServiceClient(address, channel, options);
  const schedules = new ScheduleServiceClient(address, channel, options);
  const subscriptions = new SubscriptionServiceClient(address, channel, options);
  const approvals = new ApprovalServiceClient(address, channel, options);
  const letters = new DeadLetterServiceClient(address, channel, options);
  const metadata = new Metadata();
  metadata.set('authorization', `Bearer ${key}`);
  if (organisation !== '') metadata.set(HEADERS.organisation, organisation);

  type Method<Request, Response> = (request: Request, metadata: Metadata, options: CallOptions, callback: (error: ServiceError | null, response: Response) => void) => ClientUnaryCall;
  const call = <Request, Response>(method: Method<Request, Response>, request: Request, waitMs = 0): Promise<Response> =>
    new Promise((resolve, reject) => {
      method(request, metadata, { deadline: Date.now() + waitMs + CALL_DEADLINE_MS }, (error, response) => (error === null ? resolve(response) : reject(failure(error, address))));
    });

  /** Of what changes nothing, so that asking twice is harmless. */
  const ask = async <Request, Response>(method: Method<Request, Response>, request: Request): Promise<Response> => {
    for (const until = performance.now() + ASK_AGAIN_MS; ; await delay(ASK_AGAIN_EACH_MS)) {
      try {
        return await call(method, request);
      } catch (error) {
        if (!(error instanceof MillraceError) || error.retry.kind === 'never' || error.details['unreachable'] === true || performance.now() >= until) throw error;
      }
    }
  };

  return {
    applyWorkflow: (request) => call(workflows.applyWorkflow.bind(workflows), { draft: false, ...request, dryRun: false }),
    publishWorkflow: (name, version) => call(workflows.publishWorkflow.bind(workflows), { name, version }),
    diffWorkflow: (request) => ask(workflows.diffWorkflow.bind(workflows), request),
    listWorkflows: async () => (await ask(workflows.listWorkflows.bind(workflows), {})).workflows,
    applyResource: (request) => call(organisations.applyResource.bind(organisations), request),
    start: (request) => call(executions.startExecution.bind(executions), request, request.waitMs),
    get: (execution) => ask(executions.getExecution.bind(executions), { execution }),
    list: (query) => ask(executions.listExecutions.bind(executions), query),
    operate: (execution, act, reason) => call(executions[`${act}Execution`].bind(executions), { execution, reason }),
    rerun: (request) => call(executions.rerunExecution.bind(executions), request),
    approvals: (execution) => ask(approvals.listApprovals.bind(approvals), { execution }),
    actOnApproval: (request) => call(approvals.actOnApproval.bind(approvals), request),
    approvalLink: (request) => call(approvals.createApprovalLink.bind(approvals), request),
    explain: (execution) => ask(executions.explainExecution.bind(executions), { execution }),
    createJob: (request) => call(jobs.createJob.bind(jobs), request),
    job: (job) => ask(jobs.getJob.bind(jobs), { job }),
    jobs: async () => (await ask(jobs.listJobs.bind(jobs), {})).jobs,
    cancelJob: (job) => call(jobs.cancelJob.bind(jobs), { job }),
    lanes: () => ask(lanes.getLanes.bind(lanes), {}),
    scaleLanes: (count) => call(lanes.scaleLanes.bind(lanes), { lanes: count }),
    trace: (execution) => ask(executions.getTrace.bind(executions), { execution }),
    publish: async (eventsJson) => (await call(events.publishEvents.bind(events), { eventsJson: [...eventsJson] })).events,
    schedules: async () => (await ask(schedules.listSchedules.bind(schedules), {})).schedules,
    schedule: (name) => ask(schedules.getSchedule.bind(schedules), { name }),
    setSchedulePaused: (name, paused) => call(paused ? schedules.pauseSchedule.bind(schedules) : schedules.resumeSchedule.bind(schedules), { name }),
    removeSchedule: async (name) => void (await call(schedules.removeSchedule.bind(schedules), { name })),
    subscriptions: async () => (await ask(subscriptions.listSubscriptions.bind(subscriptions), {})).subscriptions,
    removeSubscription: async (name) => void (await call(subscriptions.removeSubscription.bind(subscriptions), { name })),
    deadLetters: (query) => ask(letters.listDeadLetters.bind(letters), query),
    deadLetter: (reference) => ask(letters.getDeadLetter.bind(letters), reference),
    requeueDeadLetter: (request) => call(letters.requeueDeadLetter.bind(letters), request),
    removeDeadLetter: async (reference) => void (await call(letters.removeDeadLetter.bind(letters), reference)),
    tail(filter, onEvent, signal) {
      return new Promise((resolve, reject) => {
        const stream = executions.tailExecutions(filter, metadata);
        const stop = (): void => {
          stream.cancel();
          resolve();
        };
        stream.on('data', onEvent);
        stream.on('end', () => (signal.aborted ? resolve() : reject(new MillraceError('service-draining', { message: `The gateway at ${address} is stopping` }))));
        stream.on('error', (error) => (signal.aborted ? resolve() : reject(failure(error, address))));
        if (signal.aborted) stop();
        else signal.addEventListener('abort', stop, { once: true });
      });
    },
    close() {
      workflows.close();
      executions.close();
      organisations.close();
      lanes.close();
      jobs.close();
      events.close();
      schedules.close();
      subscriptions.close();
      letters.close();
      approvals.close();
    },
  };
}

/** A gateway that is not reached says so with its address and what to do. */
function failure(error: unknown, address: string): MillraceError {
  const found = failureOf(error, 'gateway');
  if (found.reason !== 'service-unavailable' || found.details['service'] !== 'gateway') return found;
  return new MillraceError('service-unavailable', { message: `The gateway at ${address} cannot be reached; see \`millrace status\``, details: { unreachable: true }, cause: error });
}
