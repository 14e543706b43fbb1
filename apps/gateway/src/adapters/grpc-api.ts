/**
 * The public gRPC API: from the contract's messages to calls and back.
 *
 * Owns reading keys from metadata and the form of messages. Does not own what calls do.
 */
import type { handleBidiStreamingCall, handleServerStreamingCall, ServiceDefinition, UntypedServiceImplementation } from '@grpc/grpc-js';
import {
  ApprovalServiceService,
  DeadLetterServiceService,
  DeliveryServiceService,
  JobServiceService,
  LaneServiceService,
  ExecutionServiceService,
  OrganisationServiceService,
  WorkflowServiceService,
  type ApprovalServiceServer,
  type DeadLetterServiceServer,
  type DeliveryServiceServer,
  type JobServiceServer,
  type LaneServiceServer,
  type ExecutionEvent,
  type ExecutionServiceServer,
  type OrganisationServiceServer,
  type StartExecutionsRequest,
  type StartExecutionsResponse,
  type TailExecutionsRequest,
  type WorkflowServiceServer,
} from '@millrace/contracts/gateway/v1/gateway';
import { EventServiceService, ScheduleServiceService, SubscriptionServiceService, type EventServiceServer, type ScheduleServiceServer, type SubscriptionServiceServer } from '@millrace/contracts/gateway/v1/triggers';
import { MillraceError } from '@millrace/errors';
import { HEADERS, contextOf, statusErrorOf, unary, type CallContext } from '@millrace/rpc';
import type { SpanExporter } from '@millrace/telemetry';
import { beginCallSpan } from '../call-span.ts';
import { pageLimit, type Executions } from '../executions.ts';
import { readEventTexts } from '../cloud-events.ts';
import type { Approvals } from '../approvals.ts';
import type { DeadLetters } from '../dead-letters.ts';
import type { KeyRing } from '../key-ring.ts';
import { jobMessage } from '../jobs/job-message.ts';
import type { Jobs } from '../jobs/jobs.ts';
import { orderOf, type MakeExecutionId } from '../order.ts';
import type { Definitions, Deliveries, LaneMaps, Triggers } from '../ports.ts';
import { callerOf, organisationWithin, requireOperator, type Caller } from '../principal.ts';
import type { Resources } from '../resources.ts';
import type { StartRouter } from '../start-router.ts';
import { diffVersions } from '../diff-versions.ts';
import { createStartStream, type OrderVerdict } from '../start-stream.ts';

export interface GrpcApiOptions {
  readonly keys: KeyRing;
  readonly isKnown: (organisation: string) => boolean;
  readonly executions: Executions;
  readonly approvals: Approvals;
  readonly jobs: Jobs;
  readonly definitions: Definitions;
  readonly deliveries: Deliveries;
  readonly deadLetters: DeadLetters;
  readonly resources: Resources;
  readonly triggers: Triggers;
  readonly lanes: LaneMaps;
  readonly router: StartRouter;
  readonly makeId: MakeExecutionId;
  readonly spans: SpanExporter;
  readonly isTaking: () => boolean;
  readonly onStreamedStarts: (count: number) => void;
}

export interface GrpcService {
  readonly definition: ServiceDefinition;
  readonly implementation: UntypedServiceImplementation;
}

export interface GrpcApi {
  readonly services: readonly GrpcService[];
  /** Ends tails, and tells the clients of streams of starts to go on elsewhere; what they still send is taken. */
  announceDrain(): void;
  /** Calls of streams that are open. */
  openStreams(): number;
  /** Ends streams of starts as soon as they have nothing open: they would hold up the stop. */
  endStreams(): void;
}

type Metadata = CallContext['metadata'];

export function createGrpcApi(options: GrpcApiOptions): GrpcApi {
  const { approvals, executions, definitions, deadLetters, deliveries, jobs, resources, triggers } = options;
  const streams: Streams = new Set();

  const callerFrom = (metadata: Metadata): Caller => {
    if (!options.isTaking()) throw new MillraceError('service-draining');
    return callerOf(options.keys.principalOf(text(metadata, 'authorization')), text(metadata, HEADERS.organisation) ?? '', options.isKnown);
  };
  /** A call with a checked caller, under the gateway's span. */
  const call = <Request, Response>(name: string, handle: (caller: Caller, request: Request, traceparent: string, context: CallContext) => Promise<Response>) =>
    unary<Request, Response>(async (request, context) => {
      const span = beginCallSpan(options.spans, `gateway ${name}`, text(context.metadata, HEADERS.traceparent), Date.now());
      try {
        const response = await handle(callerFrom(context.metadata), request, span.traceparent, context);
        span.end('ok', { 'rpc.system': 'grpc', 'rpc.method': name });
        return response;
      } catch (error) {
        span.end('error', { 'rpc.system': 'grpc', 'rpc.method': name });
        throw error;
      }
    });

  const workflows: WorkflowServiceServer = {
    applyWorkflow: call('ApplyWorkflow', (caller, request) => definitions.apply({ ...request, organisation: caller.organisation })),
    listWorkflows: call('ListWorkflows', async (caller) => ({ workflows: await definitions.list(caller.organisation) })),
    publishWorkflow: call('PublishWorkflow', (caller, { name, version }) => definitions.publish(caller.organisation, name, version)),
    diffWorkflow: call('DiffWorkflow', (caller, { name, from, to }) => diffVersions(definitions, { organisation: caller.organisation, name, from, to })),
  };
  const executionService: ExecutionServiceServer = {
    startExecution: call('StartExecution', async (caller, request, traceparent, { signal }) => executions.start(caller, { ...request, traceparent, acceptedAtMs: Date.now() }, signal)),
    startExecutions: startExecutions(options, callerFrom, streams),
    getExecution: call('GetExecution', (caller, { execution }) => executions.get(caller, execution)),
    listExecutions: call('ListExecutions', async (caller, request) => {
      const { executions: found, cursor } = await executions.list(caller, request);
      return { executions: found, cursor };
    }),
    cancelExecution: call('CancelExecution', (caller, { execution, reason }) => executions.operate(caller, execution, 'cancel', reason)),
    pauseExecution: call('PauseExecution', (caller, { execution, reason }) => executions.operate(caller, execution, 'pause', reason)),
    resumeExecution: call('ResumeExecution', (caller, { execution, reason }) => executions.operate(caller, execution, 'resume', reason)),
    rerunExecution: call('RerunExecution', (caller, { execution, ...command }) => executions.rerun(caller, execution, command)),
    explainExecution: call('ExplainExecution', (caller, { execution }) => executions.explain(caller, execution)),
    tailExecutions: tailExecutions(options, callerFrom, streams),
    getTrace: call('GetTrace', (caller, { execution }) => executions.trace(caller, execution)),
  };
  const organisations: OrganisationServiceServer = {
    applyResource: call('ApplyResource', (caller, request) => resources.apply(caller, request)),
    putLimits: call('PutLimits', async (caller, { organisation, concurrency, startsPerSecond, weight }) => resources.putLimits(caller, organisation, { concurrency, startsPerSecond, weight })),
    createKey: call('CreateKey', (caller, { organisation, description }) => resources.createKey(caller, organisation, description)),
  };
  const deliveryService: DeliveryServiceServer = {
    listDeliveries: call('ListDeliveries', (caller, request) => deliveries.list({ ...request, organisation: caller.organisation, limit: pageLimit(request.limit) })),
  };
  const approvalService: ApprovalServiceServer = {
    listApprovals: call('ListApprovals', (caller, { execution }) => approvals.list(caller, execution)),
    actOnApproval: call('ActOnApproval', (caller, { execution, ...command }) => approvals.act(caller, execution, command)),
    createApprovalLink: call('CreateApprovalLink', (caller, { execution, ...order }) => approvals.createLink(caller, execution, order)),
  };
  const deadLetterService: DeadLetterServiceServer = {
    listDeadLetters: call('ListDeadLetters', (caller, request) => deadLetters.list(caller, { ...request, limit: pageLimit(request.limit) })),
    getDeadLetter: call('GetDeadLetter', (caller, request) => deadLetters.get(caller, request)),
    requeueDeadLetter: call('RequeueDeadLetter', (caller, request) => deadLetters.requeue(caller, request, request.text)),
    removeDeadLetter: call('RemoveDeadLetter', async (caller, request) => {
      await deadLetters.remove(caller, request);
      return request;
    }),
  };
  const jobService: JobServiceServer = {
    createJob: call('CreateJob', async (caller, request) => jobMessage(await jobs.create(caller, request))),
    getJob: call('GetJob', async (caller, { job }) => jobMessage(await jobs.get(caller, job))),
    listJobs: call('ListJobs', async (caller) => ({ jobs: (await jobs.list(caller)).map(jobMessage) })),
    cancelJob: call('CancelJob', async (caller, { job }) => jobMessage(await jobs.cancel(caller, job))),
  };
  const events: EventServiceServer = {
    publishEvents: call('PublishEvents', async (caller, { eventsJson }) => {
      const checked = readEventTexts(eventsJson);
      await triggers.publish(caller.organisation, checked);
      return { events: checked.length };
    }),
  };
  const schedules: ScheduleServiceServer = {
    listSchedules: call('ListSchedules', async (caller) => ({ schedules: [...(await triggers.listSchedules(caller.organisation))] })),
    getSchedule: call('GetSchedule', (caller, { name }) => triggers.getSchedule(caller.organisation, name)),
    pauseSchedule: call('PauseSchedule', (caller, { name }) => triggers.setPaused(caller.organisation, name, true)),
    resumeSchedule: call('ResumeSchedule', (caller, { name }) => triggers.setPaused(caller.organisation, name, false)),
    removeSchedule: call('RemoveSchedule', async (caller, { name }) => {
      await triggers.removeSchedule(caller.organisation, name);
      return { name };
    }),
  };
  const subscriptions: SubscriptionServiceServer = {
    listSubscriptions: call('ListSubscriptions', async (caller) => ({ subscriptions: [...(await triggers.listSubscriptions(caller.organisation))] })),
    removeSubscription: call('RemoveSubscription', async (caller, { name }) => {
      await triggers.removeSubscription(caller.organisation, name);
      return { name };
    }),
  };
  const laneService: LaneServiceServer = {
    getLanes: call('GetLanes', (caller) => {
      requireOperator(caller, 'Looking at lanes');
      return options.lanes.get();
    }),
    scaleLanes: call('ScaleLanes', (caller, { lanes }) => {
      requireOperator(caller, 'Adding lanes');
      return options.lanes.scale(lanes);
    }),
  };
  return {
    services: [
      { definition: WorkflowServiceService, implementation: { ...workflows } },
      { definition: ExecutionServiceService, implementation: { ...executionService } },
      { definition: OrganisationServiceService, implementation: { ...organisations } },
      { definition: JobServiceService, implementation: { ...jobService } },
      { definition: LaneServiceService, implementation: { ...laneService } },
      { definition: ApprovalServiceService, implementation: { ...approvalService } },
      { definition: DeadLetterServiceService, implementation: { ...deadLetterService } },
      { definition: DeliveryServiceService, implementation: { ...deliveryService } },
      { definition: EventServiceService, implementation: { ...events } },
      { definition: ScheduleServiceService, implementation: { ...schedules } },
      { definition: SubscriptionServiceService, implementation: { ...subscriptions } },
    ],
    announceDrain() {
      for (const { drain } of [...streams]) drain();
    },
    openStreams: () => streams.size,
    endStreams() {
      for (const { end } of [...streams]) end();
    },
  };
}

/** An open stream: `drain` asks its client to go on elsewhere, `end` ends it. */
type Streams = Set<{ readonly drain: () => void; readonly end: () => void }>;

function startExecutions(options: GrpcApiOptions, callerFrom: (metadata: Metadata) => Caller, streams: Streams): handleBidiStreamingCall<StartExecutionsRequest, StartExecutionsResponse> {
  return (call) => {
    let caller: Caller;
    try {
      caller = callerFrom(call.metadata);
    } catch (error) {
      call.emit('error', statusErrorOf(error));
      return;
    }
    const { isKnown, makeId, router } = options;
    let acceptedAtMs = 0;
    const stream = createStartStream(
      router,
      { write: (answers) => call.write({ answers: [...answers], draining: false }), pause: () => void call.pause(), resume: () => void call.resume(), end: () => void call.end() },
      (start): OrderVerdict => {
        try {
          if (!options.isTaking()) throw new MillraceError('service-draining');
          const organisation = organisationWithin(caller, start.organisation, isKnown);
          return {
            kind: 'order',
            order: orderOf(
              {
                organisation,
                workflow: start.workflow,
                version: '',
                inputJson: start.inputJson,
                idempotencyKey: start.idempotencyKey,
                traceparent: start.traceparent,
                wait: start.wait,
                acceptedAtMs,
              },
              makeId,
            ),
          };
        } catch (error) {
          const { reason, message } = MillraceError.from(error);
          return { kind: 'refused', reason, message };
        }
      },
    );
    const end = (): void => stream.finish();
    const open = { drain: () => void (call.writableEnded || call.write({ answers: [], draining: true })), end };
    streams.add(open);
    const over = (): void => {
      streams.delete(open);
      stream.abandon();
    };
    call.on('data', (request) => {
      acceptedAtMs = Date.now();
      options.onStreamedStarts(request.starts.length);
      stream.receive(request.starts);
    });
    call.on('drain', () => stream.drained());
    call.on('end', end);
    call.on('cancelled', over);
    call.on('error', over);
    call.on('close', over);
  };
}

function tailExecutions(options: GrpcApiOptions, callerFrom: (metadata: Metadata) => Caller, streams: Streams): handleServerStreamingCall<TailExecutionsRequest, ExecutionEvent> {
  return (call) => {
    let caller: Caller;
    try {
      caller = callerFrom(call.metadata);
    } catch (error) {
      call.emit('error', statusErrorOf(error));
      return;
    }
    const { signal } = contextOf(call);
    const stopped = new AbortController();
    const end = (): void => stopped.abort();
    const open = { drain: end, end };
    streams.add(open);
    let missed = 0;
    void options.executions
      .tail(
        caller,
        call.request,
        (event) => {
          // A tail shows what happens now: to a reader that does not keep up, less of it.
          if (call.writableNeedDrain) {
            missed += 1;
            return;
          }
          call.write({ ...event, detail: missed === 0 ? event.detail : `${event.detail} (${missed} events before were not shown)` });
          missed = 0;
        },
        AbortSignal.any([signal, stopped.signal]),
      )
      .then(
        () => call.end(),
        (error: unknown) => call.emit('error', statusErrorOf(error)),
      )
      .finally(() => streams.delete(open));
  };
}

function text(metadata: Metadata, name: string): string | undefined {
  const [value] = metadata.get(name);
  return typeof value === 'string' ? value : undefined;
}
