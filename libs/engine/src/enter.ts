/**
 * Entering a task: condition, transformation of its input, and what its kind begins with.
 */
import { flowInto } from './apply.ts';
import type { Journal } from './decide.ts';
import { durationMs, evaluate, check, fill, holds, type Site } from './evaluate.ts';
import { retainedFor, type Execution } from './execution.ts';
import { nextOf, outcomeOf } from './leave.ts';
import { payloadOf } from './payload.ts';
import { boundedProblem, Fault, fault, type Problem } from './problem.ts';
import type { CallNode, ForNode, JsonValue, Node, RaiseNode, SwitchNode } from './program.ts';
import { NO_NODE } from './program.ts';
import type { PassedRecord } from './record.ts';
import { reusableAt } from './reused-place.ts';

/** Most items of one loop. */
export const LOOP_ITEMS_MAX = 1_000_000;

interface Place {
  readonly activation: number;
  readonly node: number;
  readonly parent: number;
  readonly attempt: number;
}

export function enterTask(execution: Execution, number: number, parent: number, journal: Journal): void {
  const node = execution.program.nodes[number];
  if (node === undefined) throw new Error(`execution ${execution.id}: program ${execution.program.hash} has no node ${number}`);
  const retained = retainedFor(execution, number, parent);
  const place: Place = { activation: retained?.activation ?? execution.lastActivation + 1, node: number, parent, attempt: retained?.attempt ?? 1 };
  const rawInput = flowInto(execution, parent);
  const before: Site = { execution, node, scope: parent, rawInput, input: rawInput, enteredAtMs: journal.nowMs, nowMs: journal.nowMs };
  try {
    if (node.if !== undefined && !holds(node.if, rawInput, before)) {
      journal.emit({ kind: 'skipped', activation: place.activation, node: number, parent, next: nextOf(node, { kind: 'continue' }) });
      return;
    }
    check(node.inputSchema, rawInput, 'the task\'s input does not fit its schema', before);
    const input = node.inputFrom === undefined ? rawInput : fill(node.inputFrom, rawInput, before);
    const site = input === rawInput ? before : { ...before, input };
    if (!takeOver(node, place, site, journal)) begin(node, place, site, journal);
  } catch (error) {
    if (!(error instanceof Fault)) throw error;
    journal.emit({ kind: 'failed', ...place, error: { instance: node.reference, ...error.problem } });
  }
}

/** Lets a task of an execution that was made from another take over what it came to there (U2); false when it does its work. */
function takeOver(node: Node, place: Place, site: Site, journal: Journal): boolean {
  if (node.kind !== 'call' && node.kind !== 'wait' && node.kind !== 'listen') return false;
  const found = reusableAt(site.execution, place.node, place.parent);
  if (found === undefined || (node.kind === 'listen' && node.first !== NO_NODE)) return false;
  // A decision is taken over by the task that asked for it alone (U4).
  if ((found.approval === true) !== (node.kind === 'listen' && node.approval !== undefined)) return false;
  if (found.arguments !== undefined && (node.kind !== 'call' || !isSame(found.arguments, argumentsOf(node, site)))) return false;
  if (found.error !== undefined) {
    journal.emit({ kind: 'failed', ...place, error: { ...found.error, instance: node.reference }, reused: true });
    return true;
  }
  const raw = node.kind === 'wait' || found.result === undefined ? undefined : payloadOf(found.result);
  const isDetached = node.kind === 'call' && node.isDetached === true;
  pass(node, place, raw === undefined || isDetached ? site.input : raw.value, node.then, site, journal, raw === undefined ? { reused: true } : { reused: true, raw });
  return true;
}

/** Whether two values are the same JSON, whatever the order of their members. */
function isSame(a: JsonValue, b: JsonValue): boolean {
  return canonical(a) === canonical(b);
}

function canonical(value: JsonValue): string {
  return JSON.stringify(value, (_key, each: JsonValue) => (typeof each === 'object' && each !== null && !Array.isArray(each) ? Object.fromEntries(Object.entries(each).sort(([a], [b]) => (a < b ? -1 : 1))) : each));
}

function begin(node: Node, place: Place, site: Site, journal: Journal): void {
  const input = site.input === site.rawInput ? undefined : payloadOf(site.input);
  const deadline = node.timeoutMs === undefined ? undefined : { deadlineMs: journal.nowMs + durationMs(node.timeoutMs, site.input, site) };
  const entered = { kind: 'entered', ...place, ...(input === undefined ? {} : { input }), ...deadline } as const;
  switch (node.kind) {
    case 'call':
      journal.emit({ ...entered, arguments: payloadOf(argumentsOf(node, site)) });
      return;
    case 'wait':
      journal.emit({ ...entered, dueMs: journal.nowMs + durationMs(node.durationMs, site.input, site) });
      return;
    case 'for':
      journal.emit({ ...entered, items: payloadOf(itemsOf(node, site)) });
      return;
    case 'listen':
      // What cannot be worked out faults now: nobody could see what to decide.
      if (node.approval !== undefined) fill(node.approval, site.input, site);
      journal.emit(entered);
      return;
    case 'do':
    case 'fork':
      journal.emit(entered);
      return;
    case 'try': {
      const attemptMs = node.catch.retry?.attemptMs;
      journal.emit(attemptMs === undefined ? entered : { ...entered, attemptDeadlineMs: journal.nowMs + durationMs(attemptMs, site.input, site) });
      return;
    }
    case 'set':
      pass(node, place, fill(node.value, site.input, site), node.then, site, journal);
      return;
    case 'switch':
      pass(node, place, site.input, chosen(node, site), site, journal);
      return;
    case 'raise':
      throw new Fault(raisedProblem(node, site));
  }
}

function pass(node: Node, place: Place, rawOutput: JsonValue, flow: Parameters<typeof nextOf>[1], site: Site, journal: Journal, taken: Pick<PassedRecord, 'reused' | 'raw'> = {}): void {
  const outcome = outcomeOf(node, rawOutput, site);
  const output = outcome.output ?? (rawOutput === site.rawInput ? undefined : payloadOf(rawOutput));
  journal.emit({
    kind: 'passed',
    activation: place.activation,
    node: place.node,
    parent: place.parent,
    ...(output === undefined ? {} : { output }),
    ...(outcome.context === undefined ? {} : { context: outcome.context }),
    next: nextOf(node, flow),
    ...taken,
  });
}

function argumentsOf(node: CallNode, site: Site): JsonValue {
  const value = fill(node.arguments, site.input, site);
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw fault('validation', `the arguments of ${node.operation} must be an object, not ${JSON.stringify(value)?.slice(0, 80)}`, node.reference);
  return value;
}

function itemsOf(node: ForNode, site: Site): JsonValue {
  const value = evaluate(node.in, site.input, site);
  if (!Array.isArray(value)) throw fault('expression', `\`for.in\` must yield an array; \`${node.in.source}\` yielded ${value === null ? 'null' : typeof value}`, node.reference);
  if (value.length > LOOP_ITEMS_MAX) throw fault('runtime', `the loop has ${value.length} items; the most is ${LOOP_ITEMS_MAX}`, node.reference);
  return value;
}

function chosen(node: SwitchNode, site: Site) {
  for (const option of node.cases) if (option.when !== undefined && holds(option.when, site.input, site)) return option.then;
  return node.cases.find((option) => option.when === undefined)?.then ?? node.then;
}

function raisedProblem(node: RaiseNode, site: Site): Problem {
  const value = fill(node.error, site.input, site);
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw fault('configuration', 'the error to raise is not an object', node.reference);
  const { type, status, title, detail, instance } = value as Record<string, JsonValue>;
  if (typeof type !== 'string' || typeof status !== 'number') throw fault('configuration', 'an error needs a `type` (a URI) and a `status` (a number)', node.reference);
  return boundedProblem({
    type,
    status,
    ...(typeof title === 'string' ? { title } : {}),
    ...(typeof detail === 'string' ? { detail } : {}),
    instance: typeof instance === 'string' ? instance : node.reference,
  });
}
