/**
 * Applies a journal record to an execution. Live decisions and replay go through this one function (E3).
 *
 * A1 No expression is evaluated, no clock read: the record and the program's structure say it all.
 * A2 A record that does not fit the state is a defect of the log, never skipped.
 */
import type { Payload } from './payload.ts';
import { NO_NODE, type JsonValue, type Program } from './program.ts';
import { NO_ACTIVATION, pathOf, retainedFor, type Activation, type Execution, type Guard } from './execution.ts';
import { cut, finishBranch, settleBranches } from './fork.ts';
import { applyCollected, applyHeard, newListenState } from './listen.ts';
import { ReadyQueue, type Cursor } from './ready-queue.ts';
import { reuseOf, useUp } from './reused-place.ts';
import { SCOPE_END, WORKFLOW_END, type EnteredRecord, type ExpiredRecord, type FailedRecord, type JournalRecord, type OperatedRecord, type StartedRecord } from './record.ts';

/** The execution that its first record makes. */
export function createExecution(organisation: string, id: string, program: Program, record: StartedRecord): Execution {
  return {
    organisation,
    id,
    program,
    workflow: record.workflow,
    version: record.version,
    rawInput: record.input,
    acceptedAtMs: record.acceptedAtMs,
    acceptedBy: record.acceptedBy,
    key: record.key,
    traceparent: record.traceparent,
    replyTo: record.replyTo,
    run: 1,
    cost: { fuel: 0 },
    begun: false,
    beganAtMs: 0,
    input: record.input.value,
    flow: record.input.value,
    context: null,
    lastActivation: NO_ACTIVATION,
    activations: new Map(),
    ready: new ReadyQueue(),
    origin: record.origin,
    reuse: reuseOf(record.reuse?.value),
    operations: 0,
    paused: undefined,
    end: undefined,
  };
}

export function apply(execution: Execution, record: JournalRecord, atMs: number): void {
  switch (record.kind) {
    case 'started':
      throw defect(execution, 'a second start');
    case 'begun':
      execution.begun = true;
      execution.beganAtMs = atMs;
      if (record.input !== undefined) execution.input = record.input.value;
      execution.flow = execution.input;
      execution.ready.push({ kind: 'enter', node: 0, parent: NO_ACTIVATION });
      return;
    case 'entered':
      enter(execution, record, atMs);
      return;
    case 'passed': {
      if (record.reused === true) useUp(execution, record.node, record.parent);
      taken(execution, record.activation, record.node, record.parent);
      const output = record.output === undefined ? flowInto(execution, record.parent) : record.output.value;
      leaveTo(execution, record.node, record.parent, output, record.context, record.next);
      return;
    }
    case 'skipped':
      taken(execution, record.activation, record.node, record.parent);
      leaveTo(execution, record.node, record.parent, flowInto(execution, record.parent), undefined, record.next, true);
      return;
    case 'resolved': {
      const activation = live(execution, record.activation);
      execution.activations.delete(record.activation);
      leaveTo(execution, activation.node, activation.parent, (record.output ?? record.result).value, record.context, record.next);
      return;
    }
    case 'exited': {
      const activation = live(execution, record.activation);
      execution.activations.delete(record.activation);
      forget(execution, activation);
      leaveTo(execution, activation.node, activation.parent, record.output === undefined ? activation.flow : record.output.value, record.context, record.next);
      return;
    }
    case 'iterated': {
      const activation = live(execution, record.activation);
      if (activation.listen !== undefined) {
        activation.listen.index = record.index;
        activation.flow = activation.input;
        execution.ready.take('leave', record.activation);
        openScope(execution, activation, firstOf(execution, activation.node));
        return;
      }
      if (activation.loop === undefined) throw defect(execution, `activation ${record.activation} is not a loop`);
      activation.loop.index = record.index;
      execution.ready.take('leave', record.activation);
      openScope(execution, activation, firstOf(execution, activation.node));
      return;
    }
    case 'failed':
      fail(execution, record);
      return;
    case 'retrying': {
      const { guard, activation } = guarded(execution, record.activation);
      const raised = takeRaise(execution, record.activation);
      guard.phase = 'delaying';
      delete guard.deadlineMs;
      guard.retries = record.retry;
      if (guard.firstFailureAtMs === 0) guard.firstFailureAtMs = atMs;
      guard.error = raised.error;
      if (raised.origin !== undefined) guard.retained.set(raised.origin.path, { activation: raised.origin.activation, attempt: raised.origin.attempt + 1 });
      setDue(activation, record.dueMs);
      return;
    }
    case 'resumed': {
      const { guard, activation } = guarded(execution, record.activation);
      guard.phase = 'trying';
      setAttemptDeadline(activation, guard, record.attemptDeadlineMs);
      activation.flow = activation.input;
      openScope(execution, activation, firstOf(execution, activation.node));
      return;
    }
    case 'caught': {
      const { guard, activation } = guarded(execution, record.activation);
      guard.error = takeRaise(execution, record.activation).error;
      guard.phase = 'handling';
      guard.retained.clear();
      setAttemptDeadline(activation, guard, undefined);
      activation.flow = activation.input;
      openScope(execution, activation, handlerOf(execution, activation.node));
      return;
    }
    case 'heard':
    case 'collected': {
      const activation = live(execution, record.activation);
      if (activation.listen === undefined) throw defect(execution, `activation ${record.activation} does not listen`);
      if (record.kind === 'heard') applyHeard(execution, activation, activation.listen, record);
      else applyCollected(execution, activation, activation.listen, record);
      return;
    }
    case 'expired':
      expire(execution, record);
      return;
    case 'operated':
      execution.operations = record.number;
      if (record.act === 'pause') execution.paused = { atMs, by: record.by, ...(record.reason === undefined ? {} : { reason: record.reason }) };
      else if (record.act === 'resume') execution.paused = undefined;
      else if (record.act === 'delegate') delegate(execution, record);
      return;
    case 'cut':
      cut(execution, record.activation);
      return;
    case 'ended':
      execution.end = { status: record.status, output: record.output, error: record.error, atMs };
      execution.ready.clear();
      execution.activations.clear();
      execution.paused = undefined;
      return;
  }
}

function enter(execution: Execution, record: EnteredRecord, atMs: number): void {
  taken(execution, record.activation, record.node, record.parent);
  const rawInput = flowInto(execution, record.parent);
  const input = record.input === undefined ? rawInput : record.input.value;
  const activation: Activation = { number: record.activation, node: record.node, parent: record.parent, attempt: record.attempt, enteredAtMs: atMs, rawInput, input, flow: input, ...(record.deadlineMs === undefined ? {} : { deadlineMs: record.deadlineMs, dueMs: record.deadlineMs }) };
  execution.activations.set(record.activation, activation);
  const node = execution.program.nodes[record.node];
  switch (node?.kind) {
    case 'call':
      if (record.arguments === undefined) throw defect(execution, `activation ${record.activation} has no arguments`);
      activation.arguments = record.arguments;
      return;
    case 'wait':
      setDue(activation, record.dueMs ?? atMs);
      return;
    case 'for':
      activation.loop = { items: (record.items?.value ?? []) as readonly never[], index: -1 };
      execution.ready.push({ kind: 'leave', activation: record.activation });
      return;
    case 'try':
      activation.guard = { phase: 'trying', retries: 0, firstFailureAtMs: 0, retained: new Map() };
      setAttemptDeadline(activation, activation.guard, record.attemptDeadlineMs);
      openScope(execution, activation, node.first);
      return;
    case 'do':
      openScope(execution, activation, node.first);
      return;
    case 'listen':
      activation.listen = newListenState();
      return;
    case 'fork':
      activation.fork = { opened: 0, done: 0, settled: false, outputs: node.compete ? [] : new Array<JsonValue>(node.branches.length).fill(null) };
      if (node.branches.length === 0 && !node.compete) activation.flow = [];
      execution.ready.push({ kind: node.branches.length === 0 ? 'leave' : 'open', activation: record.activation });
      return;
    default:
      throw defect(execution, `node ${record.node} cannot be entered`);
  }
}

/** Between attempts, and in a `wait`, that time and the task's own limit count; whichever is earlier. */
function setDue(activation: Activation, dueMs: number): void {
  activation.dueMs = activation.deadlineMs === undefined ? dueMs : Math.min(dueMs, activation.deadlineMs);
}

function setAttemptDeadline(activation: Activation, guard: Guard, deadlineMs: number | undefined): void {
  if (deadlineMs !== undefined) {
    guard.deadlineMs = deadlineMs;
    setDue(activation, deadlineMs);
    return;
  }
  delete guard.deadlineMs;
  if (activation.deadlineMs === undefined) delete activation.dueMs;
  else activation.dueMs = activation.deadlineMs;
}

/** What was outstanding keeps its activation for the next attempt, so that its target can tell a repeated call (E5). */
function expire(execution: Execution, { activation: number, error }: ExpiredRecord): void {
  const { guard } = guarded(execution, number);
  for (const each of execution.activations.values()) {
    if (each.arguments === undefined || !isWithin(execution, each, number)) continue;
    guard.retained.set(pathOf(execution, each.node, each.parent), { activation: each.number, attempt: each.attempt + 1 });
  }
  cut(execution, number);
  execution.ready.take('leave', number);
  execution.ready.push({ kind: 'raise', activation: number, error, origin: undefined });
}

function delegate(execution: Execution, { activation: number = NO_ACTIVATION, to = '' }: OperatedRecord): void {
  const { listen } = live(execution, number);
  if (listen === undefined) throw defect(execution, `activation ${number} is no approval`);
  listen.delegated = { to, number: (listen.delegated?.number ?? 0) + 1 };
}

function isWithin(execution: Execution, inner: Activation, number: number): boolean {
  for (let scope: Activation | undefined = inner; scope !== undefined; scope = execution.activations.get(scope.parent)) if (scope.parent === number) return true;
  return false;
}

/** The counter moves, what a `try` had kept for this place is used up, and the cursor that led here is done. */
function taken(execution: Execution, activation: number, node: number, parent: number): void {
  if (activation > execution.lastActivation) execution.lastActivation = activation;
  else {
    const retained = retainedFor(execution, node, parent);
    if (retained !== undefined) retained.guard.retained.delete(retained.path);
  }
  const scope = parent === NO_ACTIVATION ? undefined : live(execution, parent);
  if (scope?.fork === undefined) {
    execution.ready.takeEnter(node, parent);
    return;
  }
  execution.ready.take('open', parent);
  scope.fork.opened++;
  const fork = execution.program.nodes[scope.node];
  if (fork?.kind === 'fork' && !scope.fork.settled && scope.fork.opened < fork.branches.length) execution.ready.push({ kind: 'open', activation: parent });
}

/** The cursors that were about a scope which is left: its own, and errors of branches that came too late. */
function forget(execution: Execution, activation: Activation): void {
  if (activation.fork === undefined) execution.ready.take('leave', activation.number);
  else execution.ready.removeWhere((cursor) => (cursor.kind === 'leave' || cursor.kind === 'raise') && cursor.activation === activation.number);
}

/** Moves on from a task that is complete. */
function leaveTo(execution: Execution, node: number, parent: number, output: JsonValue, context: Payload | undefined, next: number, skipped = false): void {
  if (context !== undefined) execution.context = context.value;
  if (parent === NO_ACTIVATION) {
    execution.flow = output;
    execution.ready.push({ kind: 'complete' });
    return;
  }
  const scope = live(execution, parent);
  if (scope.fork !== undefined && next !== WORKFLOW_END) {
    finishBranch(execution, scope, scope.fork, node, skipped ? undefined : output);
    return;
  }
  scope.flow = output;
  if (next >= 0) execution.ready.push({ kind: 'enter', node: next, parent });
  else if (next === SCOPE_END) execution.ready.push({ kind: 'leave', activation: parent });
  else if (next === WORKFLOW_END) {
    execution.flow = output;
    // Branches that go on elsewhere end with the workflow.
    execution.activations.clear();
    execution.ready.clear();
    execution.ready.push({ kind: 'complete' });
  } else throw defect(execution, `next ${next} is nowhere`);
}

function openScope(execution: Execution, activation: Activation, first: number): void {
  if (first === NO_NODE) execution.ready.push({ kind: 'leave', activation: activation.number });
  else execution.ready.push({ kind: 'enter', node: first, parent: activation.number });
}

function fail(execution: Execution, record: FailedRecord): void {
  if (record.reused === true) useUp(execution, record.node, record.parent);
  const raised = execution.ready.take('raise', record.activation);
  const known = execution.activations.get(record.activation);
  // The path is that of the task itself, so it is worked out before its scopes go.
  const origin = raised?.origin !== undefined && record.error === undefined ? raised.origin : { path: pathOf(execution, record.node, record.parent), activation: record.activation, attempt: record.attempt };
  const error = record.error ?? raised?.error;
  if (error === undefined) throw defect(execution, `activation ${record.activation} failed without an error`);
  if (known === undefined) taken(execution, record.activation, record.node, record.parent);
  else {
    execution.activations.delete(record.activation);
    forget(execution, known);
  }
  const cursor: Cursor = { kind: 'raise', activation: record.parent, error, origin };
  const scope = record.parent === NO_ACTIVATION ? undefined : live(execution, record.parent);
  if (scope?.fork === undefined) execution.ready.push(cursor);
  else if (settleBranches(execution, scope, scope.fork)) execution.ready.pushFirst(cursor);
}

function takeRaise(execution: Execution, activation: number): Extract<Cursor, { kind: 'raise' }> {
  const cursor = execution.ready.take('raise', activation);
  if (cursor === undefined) throw defect(execution, `no error has reached activation ${activation}`);
  return cursor;
}

/** The value that flows into a task below `parent`. */
export function flowInto(execution: Execution, parent: number): JsonValue {
  return parent === NO_ACTIVATION ? execution.input : live(execution, parent).flow;
}

function live(execution: Execution, number: number): Activation {
  const activation = execution.activations.get(number);
  if (activation === undefined) throw defect(execution, `activation ${number} is not live`);
  return activation;
}

function guarded(execution: Execution, number: number): { readonly activation: Activation; readonly guard: Guard } {
  const activation = live(execution, number);
  if (activation.guard === undefined) throw defect(execution, `activation ${number} is not a try`);
  return { activation, guard: activation.guard };
}

function firstOf(execution: Execution, node: number): number {
  const found = execution.program.nodes[node];
  if (found?.kind === 'do' || found?.kind === 'for' || found?.kind === 'try' || found?.kind === 'listen') return found.first;
  throw defect(execution, `node ${node} is not a scope`);
}

function handlerOf(execution: Execution, node: number): number {
  const found = execution.program.nodes[node];
  if (found?.kind === 'try') return found.catch.first;
  throw defect(execution, `node ${node} is not a try`);
}

function defect(execution: Execution, detail: string): Error {
  return new Error(`journal of execution ${execution.id} does not fit its state: ${detail}`);
}
