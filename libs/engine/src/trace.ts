/**
 * The spans of an execution, made from its journal: while it runs, after it has ended, after a crash (E7).
 */
import { chronicleOf, type Chronicle, type TaskAttempt, type TaskChronicle } from './chronicle.ts';
import { NO_ACTIVATION } from './execution.ts';
import type { Program } from './program.ts';
import type { JournalEntry, StartedRecord } from './record.ts';
import { attemptSpanId, callerOf, spanIdOf, traceIdOf } from './span-identity.ts';

export interface SpanView {
  readonly spanId: string;
  readonly parentSpanId: string | undefined;
  readonly service: string;
  readonly name: string;
  readonly startedAtMs: number;
  /** Undefined while the span is open. */
  readonly endedAtMs: number | undefined;
  readonly attributes: Readonly<Record<string, string>>;
}

export interface TraceView {
  readonly traceId: string;
  readonly spans: readonly SpanView[];
}

export function traceOf(identity: { readonly organisation: string; readonly execution: string }, program: Program, entries: readonly JournalEntry[]): TraceView {
  return traceOfChronicle(identity, program, chronicleOf(program, entries));
}

/** As `traceOf`, of a journal that has been read. */
export function traceOfChronicle(identity: { readonly organisation: string; readonly execution: string }, program: Program, chronicle: Chronicle): TraceView {
  const id = identity.execution;
  // Every journal begins with it.
  const first = chronicle.started as StartedRecord;
  const caller = callerOf(first.traceparent);
  const acceptId = spanIdOf(`${id}/accept`);
  const rootId = spanIdOf(id);
  const spans: SpanView[] = [
    { spanId: acceptId, parentSpanId: caller?.spanId, service: first.acceptedBy, name: 'accept', startedAtMs: first.acceptedAtMs, endedAtMs: Math.max(chronicle.startedAtMs, first.acceptedAtMs), attributes: { 'millrace.organisation': identity.organisation, ...(first.key === undefined ? {} : { 'millrace.idempotency_key': first.key }) } },
    { spanId: rootId, parentSpanId: acceptId, service: 'orchestrator', name: `execution ${program.name}`, startedAtMs: chronicle.startedAtMs, endedAtMs: chronicle.endedAtMs, attributes: { 'millrace.execution': id, 'millrace.workflow': `${program.name}@${program.version}`, 'millrace.status': chronicle.status ?? 'running', ...errorAttributes(chronicle.error) } },
  ];
  if (chronicle.begunAtMs === undefined || chronicle.begunAtMs > chronicle.startedAtMs) {
    spans.push({ spanId: spanIdOf(`${id}/start-queue`), parentSpanId: rootId, service: 'orchestrator', name: 'queue start', startedAtMs: chronicle.startedAtMs, endedAtMs: chronicle.begunAtMs, attributes: {} });
  }
  for (const task of chronicle.tasks) if (task.node !== 0) addTask(spans, id, rootId, task, program);
  return { traceId: traceIdOf(id, first.traceparent), spans: spans.sort((a, b) => a.startedAtMs - b.startedAtMs) };
}

function addTask(spans: SpanView[], id: string, rootId: string, task: TaskChronicle, program: Program): void {
  const node = program.nodes[task.node];
  if (node === undefined) return;
  const taskId = spanIdOf(`${id}/task/${task.activation}`);
  const scope = program.nodes[node.parent];
  const parentSpanId = task.parent === NO_ACTIVATION || scope?.number === 0 ? rootId : spanIdOf(`${id}/task/${task.parent}`);
  const open = task.status === 'running' || task.status === 'waiting';
  spans.push({
    spanId: taskId,
    parentSpanId,
    service: 'orchestrator',
    name: `${node.kind} ${node.name}`,
    startedAtMs: task.attempts[0]?.enteredAtMs ?? 0,
    endedAtMs: open ? undefined : task.attempts.at(-1)?.leftAtMs,
    attributes: { 'millrace.task': node.reference, 'millrace.activation': String(task.activation), 'millrace.status': task.status, ...(task.iteration === undefined ? {} : { 'millrace.iteration': String(task.iteration) }) },
  });
  if (node.kind === 'call') for (const attempt of task.attempts) addAttempt(spans, id, taskId, task, attempt, node.operation);
}

function addAttempt(spans: SpanView[], id: string, taskId: string, task: TaskChronicle, attempt: TaskAttempt, operation: string): void {
  const attemptId = attemptSpanId(id, 1, task.activation, attempt.attempt);
  const key = `${id}/${task.activation}/${attempt.attempt}`;
  spans.push({ spanId: attemptId, parentSpanId: taskId, service: 'orchestrator', name: `attempt ${attempt.attempt}`, startedAtMs: attempt.enteredAtMs, endedAtMs: attempt.leftAtMs, attributes: { 'millrace.operation': operation, ...errorAttributes(attempt.error) } });
  spans.push({ spanId: spanIdOf(`${key}/queue`), parentSpanId: attemptId, service: 'orchestrator', name: 'queue', startedAtMs: attempt.enteredAtMs, endedAtMs: attempt.step?.dispatchedAtMs ?? attempt.leftAtMs, attributes: {} });
  if (attempt.step !== undefined) {
    spans.push({ spanId: spanIdOf(`${key}/work`), parentSpanId: attemptId, service: 'connector', name: operation, startedAtMs: attempt.step.startedAtMs, endedAtMs: attempt.step.endedAtMs, attributes: { 'millrace.worker': attempt.step.worker, ...errorAttributes(attempt.error) } });
  }
}

function errorAttributes(error: { readonly type: string; readonly status: number; readonly detail?: string } | undefined): Readonly<Record<string, string>> {
  return error === undefined ? {} : { 'error.type': error.type, 'error.status': String(error.status), ...(error.detail === undefined ? {} : { 'error.message': error.detail }) };
}
