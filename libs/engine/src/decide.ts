/**
 * Decisions: from a message to the records it causes.
 *
 * Owns the order of things within one execution. Every record made here is applied at once by the same
 * function that replay uses (E3). Effects are not performed here: they follow from the records, and the
 * owner performs them once the frame is durable (E1).
 *
 * D1 Deterministic: message, state and program decide; the time arrives with the message.
 * D2 Bounded: one call makes at most DECISIONS_MAX decisions and leaves the rest `ready` (E6). What finds more ready
 *    already only adds to it: results of many branches get their execution no more turns than its own.
 */
import { apply, createExecution } from './apply.ts';
import { actOnApproval } from './approval.ts';
import { NO_ACTIVATION, nodeOf, type Activation, type Execution } from './execution.ts';
import { check, durationMs, fill, siteOf, type Site } from './evaluate.ts';
import { enterTask } from './enter.ts';
import { leave, nextOf, outcomeOf } from './leave.ts';
import { hearEvent, type CloudEvent } from './listen.ts';
import { payloadOf, type Payload } from './payload.ts';
import { boundedProblem, Fault, fault, type Problem } from './problem.ts';
import type { Program } from './program.ts';
import { raise } from './raise.ts';
import type { Cursor } from './ready-queue.ts';
import type { ApprovalAct, JournalRecord, OperatorAct, StartedRecord } from './record.ts';

/** Most cursors decided in one call; the execution then waits for its next turn. */
export const DECISIONS_MAX = 32;
/** Most task activations of one execution. */
export const ACTIVATIONS_MAX = 10_000_000;

/** Takes each record as it is made. */
export interface Journal {
  readonly nowMs: number;
  emit(record: JournalRecord): void;
}

/** How a worker said a step ended. */
export interface StepResult {
  readonly activation: number;
  readonly attempt: number;
  readonly run: number;
  readonly outcome: { readonly kind: 'output'; readonly payload: Payload } | { readonly kind: 'failure'; readonly problem: Problem };
  readonly dispatchedAtMs: number;
  readonly startedAtMs: number;
  readonly endedAtMs: number;
  readonly worker: string;
}

/** A journal that applies what it is given and collects it in `records`. */
export function journalFor(execution: Execution, nowMs: number, records: JournalRecord[]): Journal {
  return {
    nowMs,
    emit(record) {
      apply(execution, record, nowMs);
      records.push(record);
    },
  };
}

/** Begins an accepted start: the execution and its first record, already counted as applied. */
export function start(organisation: string, id: string, program: Program, record: StartedRecord): Execution {
  const execution = createExecution(organisation, id, program, record);
  return execution;
}

/** The organisation's limits let the execution begin. */
export function begin(execution: Execution, journal: Journal): void {
  if (execution.begun || execution.end !== undefined || execution.paused !== undefined) return;
  const { program } = execution;
  const raw = execution.rawInput.value;
  const site: Site = { execution, node: undefined, scope: NO_ACTIVATION, rawInput: raw, input: raw, enteredAtMs: journal.nowMs, nowMs: journal.nowMs };
  try {
    check(program.inputSchema, raw, 'the workflow\'s input does not fit its schema', site);
    const input = program.inputFrom === undefined ? raw : fill(program.inputFrom, raw, site);
    journal.emit({ kind: 'begun', ...(input === raw ? {} : { input: payloadOf(input) }) });
  } catch (error) {
    journal.emit({ kind: 'ended', status: 'faulted', error: problemOf(error, '/') });
    return;
  }
  advance(execution, journal);
}

/** True when the result was for an outstanding step and has been applied; a late or doubled one changes nothing (E5). */
export function resolve(execution: Execution, result: StepResult, journal: Journal): boolean {
  const activation = execution.activations.get(result.activation);
  if (activation?.arguments === undefined || activation.attempt !== result.attempt || execution.run !== result.run) return false;
  const isIdle = execution.ready.length === 0;
  const node = nodeOf(execution, activation);
  const times = { dispatchedAtMs: result.dispatchedAtMs, startedAtMs: result.startedAtMs, endedAtMs: result.endedAtMs, worker: result.worker };
  if (result.outcome.kind === 'failure') {
    const error = { ...boundedProblem(result.outcome.problem), instance: node.reference };
    journal.emit({ kind: 'failed', activation: activation.number, node: activation.node, parent: activation.parent, attempt: activation.attempt, error, step: times });
  } else {
    const raw = result.outcome.payload;
    try {
      const isDetached = node.kind === 'call' && node.isDetached === true;
      const outcome = outcomeOf(node, isDetached ? activation.input : raw.value, siteOf(execution, node, activation, journal.nowMs));
      const output = isDetached && outcome.output === undefined ? { output: payloadOf(activation.input) } : undefined;
      journal.emit({ kind: 'resolved', activation: activation.number, attempt: activation.attempt, ...times, result: raw, ...outcome, ...output, next: nextOf(node, node.then) });
    } catch (error) {
      journal.emit({ kind: 'failed', activation: activation.number, node: activation.node, parent: activation.parent, attempt: activation.attempt, error: problemOf(error, node.reference), step: times });
    }
  }
  if (isIdle) advance(execution, journal);
  return true;
}

/** A timer may have run out. True when it had. */
export function elapse(execution: Execution, number: number, journal: Journal): boolean {
  const activation = execution.activations.get(number);
  if (activation?.dueMs === undefined || activation.dueMs > journal.nowMs) return false;
  const isIdle = execution.ready.length === 0;
  if (isOver(activation.deadlineMs, journal)) timeOut(execution, activation, journal);
  else if (isOver(activation.guard?.deadlineMs, journal)) journal.emit({ kind: 'expired', activation: number, error: timeoutOf(execution, activation, 'an attempt took', activation.guard?.deadlineMs) });
  else if (activation.guard !== undefined) resume(execution, activation, journal);
  else leave(execution, activation, journal);
  if (isIdle) advance(execution, journal);
  return true;
}

function isOver(deadlineMs: number | undefined, journal: Journal): boolean {
  return deadlineMs !== undefined && deadlineMs <= journal.nowMs;
}

/** The task's time is over: what is inside it ends without a result (DSL, Timeouts). */
function timeOut(execution: Execution, activation: Activation, journal: Journal): void {
  const { number, node, parent, attempt } = activation;
  journal.emit({ kind: 'cut', activation: number });
  journal.emit({ kind: 'failed', activation: number, node, parent, attempt, error: timeoutOf(execution, activation, 'the task took', activation.deadlineMs) });
}

function timeoutOf(execution: Execution, activation: Activation, what: string, deadlineMs = 0): Problem {
  const isRoot = activation.parent === NO_ACTIVATION;
  const { reference } = nodeOf(execution, activation);
  return fault('timeout', `${isRoot ? 'the workflow took' : what} longer than its limit, which ended at ${new Date(deadlineMs).toISOString()}`, isRoot ? '/' : reference).problem;
}

/** The next attempt of a block begins, with a time of its own. Its limit was worked out before, so it is a duration. */
function resume(execution: Execution, activation: Activation, journal: Journal): void {
  const node = nodeOf(execution, activation);
  const attemptMs = node.kind === 'try' ? node.catch.retry?.attemptMs : undefined;
  const limit = attemptMs === undefined ? undefined : { attemptDeadlineMs: journal.nowMs + durationMs(attemptMs, activation.input, siteOf(execution, node, activation, journal.nowMs)) };
  journal.emit({ kind: 'resumed', activation: activation.number, ...limit });
}

/** An event has come. True when a task of the execution took it. */
export function hear(execution: Execution, event: CloudEvent, journal: Journal): boolean {
  const isIdle = execution.ready.length === 0;
  const heard = hearEvent(execution, event, journal);
  if (heard && isIdle) advance(execution, journal);
  return heard;
}

/** Who operates an execution, and why. */
export interface Operator {
  readonly by: string;
  readonly reason?: string;
}

/**
 * What an operator asks for. True when it changes anything: what has ended stays, and what is paused is not paused again.
 *
 * `resume` of an execution that has not begun leaves it to the host to begin it.
 */
export function operate(execution: Execution, act: OperatorAct, { by, reason }: Operator, journal: Journal): boolean {
  if (execution.end !== undefined || (act === 'pause') === (execution.paused !== undefined) && act !== 'cancel') return false;
  journal.emit({ kind: 'operated', number: execution.operations + 1, act, by, ...(reason === undefined ? {} : { reason }) });
  if (act === 'cancel') return cancel(execution, journal);
  if (act === 'resume' && execution.begun) advance(execution, journal);
  return true;
}

/** A person acts on the approval that `chooseApproval` found. */
export function decideApproval(execution: Execution, act: ApprovalAct, operator: Operator, activation: Activation, to: string | undefined, journal: Journal): void {
  const isIdle = execution.ready.length === 0;
  actOnApproval(execution, act, operator, activation, to, journal);
  if (isIdle) advance(execution, journal);
}

/** Ends the execution by command. True when it had not ended. */
export function cancel(execution: Execution, journal: Journal): boolean {
  if (execution.end !== undefined) return false;
  journal.emit({ kind: 'ended', status: 'cancelled' });
  return true;
}

/** Decides what is ready, up to DECISIONS_MAX; true when more is ready. Of a paused execution nothing is decided. */
export function advance(execution: Execution, journal: Journal): boolean {
  for (let count = 0; count < DECISIONS_MAX; count++) {
    const cursor = execution.ready.first();
    if (cursor === undefined || execution.end !== undefined || execution.paused !== undefined) return false;
    decide(execution, cursor, journal);
  }
  return execution.ready.length > 0;
}

function decide(execution: Execution, cursor: Cursor, journal: Journal): void {
  switch (cursor.kind) {
    case 'enter':
      enter(execution, cursor.node, cursor.parent, journal);
      return;
    case 'open':
      enter(execution, nextBranch(execution, cursor.activation), cursor.activation, journal);
      return;
    case 'leave': {
      const activation = execution.activations.get(cursor.activation);
      if (activation === undefined) throw new Error(`execution ${execution.id}: activation ${cursor.activation} is not live`);
      leave(execution, activation, journal);
      return;
    }
    case 'raise':
      raise(execution, cursor, journal);
      return;
    case 'complete':
      complete(execution, journal);
      return;
  }
}

function enter(execution: Execution, node: number, parent: number, journal: Journal): void {
  if (execution.lastActivation >= ACTIVATIONS_MAX) journal.emit({ kind: 'ended', status: 'faulted', error: fault('runtime', `the execution has entered ${ACTIVATIONS_MAX} tasks, the most that one may`).problem });
  else enterTask(execution, node, parent, journal);
}

function nextBranch(execution: Execution, number: number): number {
  const activation = execution.activations.get(number);
  const node = activation === undefined ? undefined : nodeOf(execution, activation);
  const branch = node?.kind === 'fork' ? node.branches[activation?.fork?.opened ?? 0] : undefined;
  if (branch === undefined) throw new Error(`execution ${execution.id}: fork ${number} has no branch to open`);
  return branch;
}

function complete(execution: Execution, journal: Journal): void {
  const { program, flow } = execution;
  const site: Site = { execution, node: undefined, scope: NO_ACTIVATION, rawInput: flow, input: execution.input, output: flow, enteredAtMs: journal.nowMs, nowMs: journal.nowMs };
  try {
    const output = program.outputAs === undefined ? flow : fill(program.outputAs, flow, site);
    check(program.outputSchema, output, 'the workflow\'s output does not fit its schema', site);
    journal.emit({ kind: 'ended', status: 'completed', output: payloadOf(output) });
  } catch (error) {
    journal.emit({ kind: 'ended', status: 'faulted', error: problemOf(error, '/') });
  }
}

/** The problem of a fault; anything else is a defect and goes on up. */
function problemOf(error: unknown, instance: string): Problem {
  if (error instanceof Fault) return { instance, ...error.problem };
  throw error;
}
