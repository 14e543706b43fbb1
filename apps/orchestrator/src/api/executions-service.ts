/** The Executions and Definitions gRPC services: translation between their messages and this service's own. */
import type { UntypedServiceImplementation } from '@grpc/grpc-js';
import type { ApprovalRequest, Definition, ApplyRequest, DefinitionReference, VersionReference, DefinitionsRequest, DefinitionList, ExecutionReference, Explanation, OperateRequest, RemoveAnswer, RemoveRequest, RerunAnswer, RerunRequest, ListAnswer, ListRequest, TailEvent, TailRequest } from '@millrace/contracts/orchestrator/v1/executions';
import type { Approval, Approvals, Execution as ExecutionMessage, Trace } from '@millrace/contracts/execution/v1/execution';
import { isApprovalAct, isTooDeep, NESTING_MAX, type ApprovalView, type ExecutionView, type JsonValue, type TraceView } from '@millrace/engine';
import { MillraceError } from '@millrace/errors';
import { type Cancelled, serveStarts, INPUT_CHARACTERS_MAX, type ExecutionReader, type HistoryStore, type Lane, type Lanes, type StartCall, type RerunOrder, type RerunOutcome, type StartPorts } from '@millrace/lane';
import { serverStream, unary } from '@millrace/rpc';
import type { Definitions } from '../definitions/definitions.ts';
import { tail } from './tail.ts';

/** Executions of one removal. */
const REMOVED_AT_ONCE_MAX = 500;

export interface ApiOptions {
  readonly starts: StartPorts;
  readonly reader: ExecutionReader;
  readonly history: HistoryStore;
  readonly lanes: Lanes;
  /** Makes an execution from another. */
  reruns(order: RerunOrder): Promise<RerunOutcome>;
  readonly definitions: Definitions;
  nowMs(): number;
}

export function executionsService({ starts, reader, lanes, reruns, history }: ApiOptions): UntypedServiceImplementation {
  return {
    start: (call: StartCall) => serveStarts(call, starts),
    get: unary<ExecutionReference, ExecutionMessage>(async ({ organisation, execution }) => executionMessage(await reader.view(organisation, execution))),
    list: unary<ListRequest, ListAnswer>(async (request) => {
      const { executions, cursor } = await reader.list(request);
      return { executions: executions.map(({ fields, ...summary }) => ({ ...summary, fieldsJson: Object.keys(fields).length === 0 ? '' : JSON.stringify(fields) })), cursor, where: request.where };
    }),
    cancel: unary<ExecutionReference, ExecutionMessage>(async ({ organisation, execution }) => {
      await operate({ reader, lanes }, { organisation, execution }, (found, lane, answer, refused) => lane.post({ kind: 'cancel', organisation: found.organisation, execution, answer, refused }));
      return executionMessage(await reader.view(organisation, execution));
    }),
    operate: unary<OperateRequest, ExecutionMessage>(async ({ organisation, execution, act, by, reason }) => {
      if (act !== 'pause' && act !== 'resume' && act !== 'cancel') throw new MillraceError('argument-invalid', { message: `${JSON.stringify(act.slice(0, 32))} is nothing that is done to executions` });
      await operate({ reader, lanes }, { organisation, execution }, (found, lane, answer, refused) =>
        lane.post({ kind: 'operate', act, operator: { by, ...(reason === '' ? {} : { reason }) }, organisation: found.organisation, execution, answer, refused }),
      );
      return executionMessage(await reader.view(organisation, execution));
    }),
    listApprovals: unary<ExecutionReference, Approvals>(async ({ organisation, execution }) => ({ approvals: (await reader.approvals(organisation, execution)).map((each) => approvalMessage(execution, each)) })),
    actOnApproval: unary<ApprovalRequest, ExecutionMessage>((request) => actOnApproval({ reader, lanes }, request)),
    rerun: unary<RerunRequest, RerunAnswer>(async ({ act, inputJson, idempotencyKey, ...rest }) => {
      if (act !== 'retry' && act !== 'restart' && act !== 'fork') throw new MillraceError('argument-invalid', { message: `${JSON.stringify(act.slice(0, 32))} is no way to make an execution from another: retry, restart or fork` });
      if (act !== 'fork' && (rest.workflow !== '' || inputJson !== '')) throw new MillraceError('argument-invalid', { message: `A ${act} has the same input and version; a fork may have others` });
      if ((act === 'restart') !== (rest.from !== '') && act !== 'fork') throw new MillraceError('argument-invalid', { message: act === 'restart' ? 'A restart needs the reference of the task that it starts from' : 'A retry goes on from the task that failed; to choose another, restart from that' });
      const { program, ...outcome } = await reruns({ ...rest, act, key: idempotencyKey, input: inputJson === '' ? undefined : inputOf(inputJson) });
      return { ...outcome, workflow: program.name, version: program.version, definition: program.hash, effects: outcome.effects.map((each) => ({ ...each, iterations: [...each.iterations] })) };
    }),
    remove: unary<RemoveRequest, RemoveAnswer>(({ organisation, executions, endedBeforeMs, dryRun }) => {
      if (executions.length > REMOVED_AT_ONCE_MAX) throw new MillraceError('argument-invalid', { message: `${executions.length} executions at once; the most is ${REMOVED_AT_ONCE_MAX}` });
      return history.removeOlder(executions, organisation, endedBeforeMs, dryRun);
    }),
    explain: unary<ExecutionReference, Explanation>(({ organisation, execution }) => reader.explain(organisation, execution)),
    trace: unary<ExecutionReference, Trace>(async ({ organisation, execution }) => traceMessage(await reader.trace(organisation, execution))),
    tail: serverStream<TailRequest, TailEvent>((request, context) => tail(lanes, request, context.signal)),
  };
}

/** A decision that comes too late is told what was decided, and by whom. */
async function actOnApproval(ports: Pick<ApiOptions, 'reader' | 'lanes'>, { organisation, execution, act, task, by, reason, to, signed }: ApprovalRequest): Promise<ExecutionMessage> {
  if (!isApprovalAct(act)) throw new MillraceError('argument-invalid', { message: `${JSON.stringify(act.slice(0, 32))} is nothing that is done with approvals: approve, reject or delegate` });
  if ((act === 'delegate') !== (to !== '')) throw new MillraceError('argument-invalid', { message: act === 'delegate' ? 'Say to whom the approval is delegated' : 'Only a delegation has somebody to delegate to' });
  const order = { task, ...(signed === undefined ? {} : { signed }), ...(to === '' ? {} : { to }) };
  try {
    await operate(ports, { organisation, execution }, (found, lane, answer, refused) => lane.post({ kind: 'approval', act, operator: { by, ...(reason === '' ? {} : { reason }) }, order, organisation: found.organisation, execution, answer, refused }));
  } catch (error) {
    const failure = MillraceError.from(error);
    if (failure.reason !== 'execution-ended' && failure.reason !== 'approval-unknown') throw error;
    const { operations } = await ports.reader.view(organisation, execution);
    const decided = operations.findLast((each) => (each.act === 'approve' || each.act === 'reject') && (signed !== undefined || task === '' || each.task === task || each.task?.endsWith(`/${task}`) === true));
    if (decided === undefined) throw error;
    const { by: decider } = decided;
    throw new MillraceError('approval-decided', { message: `The approval ${decided.task ?? ''} was ${decided.act === 'approve' ? 'approved' : 'rejected'} by ${decider} at ${new Date(decided.atMs).toISOString()}`, details: { act: decided.act, by: decider, atMs: decided.atMs }, cause: error });
  }
  return executionMessage(await ports.reader.view(organisation, execution));
}

function approvalMessage(execution: string, { reference, details, expiresAtMs, ...rest }: ApprovalView): Approval {
  return { ...rest, execution, task: reference, detailsJson: JSON.stringify(details), expiresAtMs: expiresAtMs ?? 0 };
}

function inputOf(text: string): JsonValue {
  if (text.length > INPUT_CHARACTERS_MAX) throw new MillraceError('payload-too-large', { message: `The input has ${text.length} characters; the most is ${INPUT_CHARACTERS_MAX}` });
  if (isTooDeep(text)) throw new MillraceError('argument-invalid', { message: `The input is nested deeper than ${NESTING_MAX} levels` });
  try {
    return JSON.parse(text) as JsonValue;
  } catch (error) {
    throw new MillraceError('argument-invalid', { message: `The input is not JSON: ${(error as Error).message}` });
  }
}

/** Brings a command to the execution's lane and waits until what it caused is durable. */
async function operate(
  { reader, lanes }: Pick<ApiOptions, 'reader' | 'lanes'>,
  { organisation, execution }: ExecutionReference,
  post: (found: { readonly organisation: string }, lane: Lane, answer: (outcome: Cancelled) => void, refused: (reason: string, message: string) => void) => void,
): Promise<void> {
  const lane = lanes.of(execution);
  if (lane === undefined) throw new MillraceError('lane-displaced', { message: `The lane of execution ${execution} is not at this orchestrator` });
  const found = await reader.brief(organisation, execution);
  const outcome = await new Promise<Cancelled>((answer, fail) => {
    post(found, lane, answer, (reason, message) => fail(new MillraceError(reason as 'store-failed', { message })));
  });
  if (outcome === 'elsewhere') throw new MillraceError('lane-displaced', { message: `Execution ${execution} has left this orchestrator` });
  if (outcome === 'unknown' && hasEnded(found.status)) throw new MillraceError('execution-ended', { message: `Execution ${execution} has ended: ${found.status}` });
}

export function definitionsService({ definitions, nowMs }: ApiOptions): UntypedServiceImplementation {
  return {
    apply: unary<ApplyRequest, Definition>(async ({ organisation, document, fileName, unregistered, dryRun, draft }) => {
      const applied = await definitions.apply(organisation, document, { fileName: fileName === '' ? 'workflow.yaml' : fileName, unregistered, dryRun, draft, nowMs: nowMs() });
      return { organisation, ...applied, documentJson: '' };
    }),
    list: unary<DefinitionsRequest, DefinitionList>(async ({ organisation }) => ({
      definitions: definitions.list(organisation).map((entry) => ({ organisation, ...entry, documentJson: '', existing: true, warnings: [] })),
    })),
    get: unary<DefinitionReference, Definition>(async ({ organisation, workflow }) => {
      const program = await definitions.resolve(organisation, workflow);
      if (program === undefined) throw new MillraceError('workflow-unknown', { message: `Organisation ${organisation} has no workflow ${workflow}; apply it first` });
      return { organisation, namespace: program.namespace, name: program.name, version: program.version, hash: program.hash, documentJson: JSON.stringify(program.document), appliedAtMs: 0, existing: true, draft: false, warnings: [] };
    }),
    publish: unary<VersionReference, Definition>(async ({ organisation, name, version }) => {
      const published = await definitions.publish(organisation, name, version, nowMs());
      return { organisation, ...published, warnings: [], documentJson: '' };
    }),
  };
}

function hasEnded(status: string): boolean {
  return status === 'completed' || status === 'faulted' || status === 'cancelled';
}

function executionMessage(view: ExecutionView): ExecutionMessage {
  return {
    execution: view.execution,
    organisation: view.organisation,
    workflow: view.workflow,
    version: view.version,
    status: view.status,
    inputJson: JSON.stringify(view.input),
    outputJson: view.output === undefined ? '' : JSON.stringify(view.output),
    error: view.error === undefined ? undefined : { type: view.error.type, status: view.error.status, title: view.error.title ?? '', detail: view.error.detail ?? '', instance: view.error.instance ?? '' },
    tasks: view.tasks.map((task) => ({ ...task, endedAtMs: task.endedAtMs ?? 0 })),
    eventsJson: [],
    startedAtMs: view.startedAtMs,
    endedAtMs: view.endedAtMs ?? 0,
    definition: view.definition,
    origin: view.origin === undefined ? undefined : { execution: view.origin.execution, act: view.origin.act, by: view.origin.by, reason: view.origin.reason ?? '', from: view.origin.from ?? '' },
    operations: view.operations.map((each) => ({ ...each, reason: each.reason ?? '', task: each.task ?? '', to: each.to ?? '' })),
  };
}

function traceMessage(trace: TraceView): Trace {
  return { traceId: trace.traceId, spans: trace.spans.map((span) => ({ ...span, parentSpanId: span.parentSpanId ?? '', endedAtMs: span.endedAtMs ?? 0 })) };
}
