/**
 * An execution as one JSON document: what `millrace run` and `show` print and the REST API answers.
 *
 * Every member is always there, null when it has no value, except `iteration`, which only tasks inside
 * a loop have, and what only acts on approvals have.
 */
import type { Execution, ExecutionSummary, Origin, Problem, Task } from '@millrace/contracts/execution/v1/execution';
import { isoTime, jsonValue, type Json } from './value.ts';

/** Why an execution faulted: an error of the Serverless Workflow DSL (RFC 9457). */
export interface FaultDocument {
  readonly type: string;
  readonly status: number;
  readonly title: string;
  readonly detail: string;
  /** JSON pointer of the task that raised it. */
  readonly instance: string;
}

/** One activation of a task. */
export interface TaskDocument {
  /** JSON pointer into the workflow, such as `/do/0/getPet`. */
  readonly reference: string;
  readonly name: string;
  readonly iteration?: number;
  readonly status: string;
  readonly attempts: number;
  /** Taken over from the execution that this one was made from: nothing was sent. Absent otherwise. */
  readonly reused?: true;
  readonly startedAt: string | null;
  readonly endedAt: string | null;
}

/** Something that an operator did to an execution. */
export interface OperationDocument {
  readonly at: string | null;
  /** pause, resume, cancel, approve, reject or delegate. */
  readonly act: string;
  readonly by: string;
  readonly reason: string | null;
  /** The approval that was acted on, by reference. */
  readonly task?: string;
  /** To whom it was delegated. */
  readonly to?: string;
}

/** How an execution was made from another. */
export interface OriginDocument {
  readonly execution: string;
  /** retry, restart or fork. */
  readonly act: string;
  readonly by: string;
  readonly reason: string | null;
  /** The task from which all was done again; null: as far as it got. */
  readonly from: string | null;
}

function originDocument({ execution, act, by, reason, from }: Origin): OriginDocument {
  return { execution, act, by, reason: reason === '' ? null : reason, from: from === '' ? null : from };
}

/** An execution made from another, or what it would be, with what becomes of each side effect of the first. */
export interface RerunDocument {
  /** Null for a dry run. */
  readonly execution: string | null;
  readonly existing: boolean;
  readonly workflow: string;
  readonly version: string;
  readonly definition: string;
  readonly effects: readonly { readonly reference: string; readonly iterations: readonly number[]; readonly operation: string; /** reused, resent or unknown. */ readonly outcome: string; readonly because: string }[];
}

export function rerunDocument({ execution, existing, workflow, version, definition, effects }: Omit<RerunDocument, 'execution'> & { readonly execution: string }): RerunDocument {
  return { execution: execution === '' ? null : execution, existing, workflow, version, definition, effects };
}

/** Why an execution is not moving. */
export interface ExplanationDocument {
  readonly execution: string;
  /** Null when its lane has no owner. */
  readonly status: string | null;
  readonly sentence: string;
}

export function explanationDocument({ execution, status, sentence }: { readonly execution: string; readonly status: string; readonly sentence: string }): ExplanationDocument {
  return { execution, status: status === '' ? null : status, sentence };
}

export interface ExecutionDocument {
  readonly execution: string;
  readonly organisation: string;
  readonly workflow: string;
  readonly version: string;
  /** SHA-256 of the definition. */
  readonly definition: string;
  /** pending, running, waiting, suspended, cancelled, faulted or completed. */
  readonly status: string;
  readonly startedAt: string | null;
  readonly endedAt: string | null;
  readonly input: Json;
  /** Null until the execution has completed. */
  readonly output: Json;
  /** Null unless the execution has faulted. */
  readonly error: FaultDocument | null;
  /** In the order they started. */
  readonly tasks: readonly TaskDocument[];
  /** The execution that it was made from by hand; null for nearly all. */
  readonly origin: OriginDocument | null;
  /** What was done to it by hand. */
  readonly operations: readonly OperationDocument[];
  /** CloudEvents that the execution emitted. */
  readonly events: readonly Json[];
}

/** A line of a list of executions. */
export interface ExecutionSummaryDocument {
  readonly execution: string;
  readonly organisation: string;
  readonly workflow: string;
  readonly version: string;
  readonly status: string;
  readonly startedAt: string | null;
  readonly endedAt: string | null;
  /** Business fields that its workflow declares and that have a value; absent when there are none. */
  readonly fields?: Json;
}

export interface ExecutionListDocument {
  readonly executions: readonly ExecutionSummaryDocument[];
  /** Where the list goes on; null at its end. */
  readonly cursor: string | null;
}

export function executionDocument(execution: Execution): ExecutionDocument {
  return {
    execution: execution.execution,
    organisation: execution.organisation,
    workflow: execution.workflow,
    version: execution.version,
    definition: execution.definition,
    status: execution.status,
    startedAt: isoTime(execution.startedAtMs),
    endedAt: isoTime(execution.endedAtMs),
    input: jsonValue(execution.inputJson),
    output: jsonValue(execution.outputJson),
    error: execution.error === undefined ? null : problemDocument(execution.error),
    tasks: execution.tasks.map(taskDocument),
    origin: execution.origin === undefined ? null : originDocument(execution.origin),
    operations: execution.operations.map(({ atMs, act, by, reason, task, to }) => ({ at: isoTime(atMs), act, by, reason: reason === '' ? null : reason, ...(task === '' ? {} : { task }), ...(to === '' ? {} : { to }) })),
    events: execution.eventsJson.map(jsonValue),
  };
}

export function taskDocument(task: Task): TaskDocument {
  return {
    reference: task.reference,
    name: task.name,
    ...(task.iteration === undefined ? {} : { iteration: task.iteration }),
    status: task.status,
    attempts: task.attempts,
    ...(task.reused ? { reused: true as const } : {}),
    startedAt: isoTime(task.startedAtMs),
    endedAt: isoTime(task.endedAtMs),
  };
}

export function problemDocument(problem: Problem): FaultDocument {
  return { type: problem.type, status: problem.status, title: problem.title, detail: problem.detail, instance: problem.instance };
}

export function executionSummaryDocument(summary: ExecutionSummary): ExecutionSummaryDocument {
  return {
    execution: summary.execution,
    organisation: summary.organisation,
    workflow: summary.workflow,
    version: summary.version,
    status: summary.status,
    startedAt: isoTime(summary.startedAtMs),
    endedAt: isoTime(summary.endedAtMs),
    ...(summary.fieldsJson === '' ? {} : { fields: jsonValue(summary.fieldsJson) }),
  };
}

export function executionListDocument(list: { readonly executions: readonly ExecutionSummary[]; readonly cursor: string }): ExecutionListDocument {
  return { executions: list.executions.map(executionSummaryDocument), cursor: list.cursor === '' ? null : list.cursor };
}
