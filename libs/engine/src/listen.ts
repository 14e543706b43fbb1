/**
 * Listening: which events a task takes, what it makes of them, and when it has enough (DSL, Listen).
 *
 * H1 An event is taken once by a task, by its `source` and `id`; the same event may be taken by several tasks.
 * H2 A filter whose expression fails on an event does not match it: events come from anybody, and are no reason for
 *    an execution to fault. A correlation without an expectation expects what the first event had.
 * H3 With `foreach` events are gone through one after another; what comes meanwhile waits, LISTEN_EVENTS_MAX at most.
 */
import type { Journal } from './decide.ts';
import { check, evaluate, fill, holds, siteOf, type Site } from './evaluate.ts';
import { isApproval, nodeOf, type Activation, type Execution, type ListenState } from './execution.ts';
import { nextOf, outcomeOf } from './leave.ts';
import { payloadOf } from './payload.ts';
import { Fault, fault, type Problem } from './problem.ts';
import { NO_NODE, type EventFilter, type EventSelection, type JsonValue, type ListenNode } from './program.ts';
import type { CollectedRecord, HeardRecord } from './record.ts';

/** Most events that one task takes. */
export const LISTEN_EVENTS_MAX = 10_000;

/** A CloudEvent in its JSON form: attributes, and `data` or `data_base64`. */
export type CloudEvent = { readonly [attribute: string]: JsonValue };

/** Whether any task of the execution listens. */
export function isListening(execution: Execution): boolean {
  for (const activation of execution.activations.values()) if (activation.listen !== undefined && !activation.listen.done && !isApproval(execution, activation)) return true;
  return false;
}

/** An event has come; every task that listens for it takes it. True when one did. */
export function hearEvent(execution: Execution, event: CloudEvent, journal: Journal): boolean {
  if (execution.end !== undefined) return false;
  let heard = false;
  for (const activation of [...execution.activations.values()]) {
    const { listen } = activation;
    const node = nodeOf(execution, activation);
    if (listen === undefined || listen.done || node.kind !== 'listen' || node.approval !== undefined || execution.end !== undefined || !execution.activations.has(activation.number)) continue;
    if (take(execution, activation, listen, node, event, journal)) heard = true;
  }
  return heard;
}

function take(execution: Execution, activation: Activation, listen: ListenState, node: ListenNode, event: CloudEvent, journal: Journal): boolean {
  const key = `${String(event['source'] ?? '')} ${String(event['id'] ?? '')}`;
  if (listen.keys.has(key)) return false;
  const site = siteOf(execution, node, activation, journal.nowMs);
  const wanted = matchOf(node.to, listen.matched, listen.correlations, event, site);
  const ending = wanted === undefined && node.until?.kind === 'events' ? matchOf(node.until.selection, listen.untilMatched, listen.correlations, event, site) : undefined;
  const match = wanted ?? ending;
  if (match === undefined) return false;
  const failed = (error: Problem): void => journal.emit({ kind: 'failed', activation: activation.number, node: activation.node, parent: activation.parent, attempt: activation.attempt, error });
  if (listen.keys.size >= LISTEN_EVENTS_MAX) {
    failed(fault('runtime', `the task has taken ${LISTEN_EVENTS_MAX} events, the most that one may`, node.reference).problem);
    return true;
  }
  const { filter, correlations } = match;
  const head = { kind: 'heard', activation: activation.number, key, filter, ...(correlations === undefined ? {} : { correlations: payloadOf(correlations) }) } as const;
  try {
    if (wanted === undefined) {
      const selection = node.until?.kind === 'events' ? node.until.selection : node.to;
      journal.emit({ ...head, isUntil: true, done: isEnough(selection, listen.untilMatched, filter) });
    } else {
      const value = readOf(node, event);
      journal.emit({ ...head, event: payloadOf(value), done: isDone(node, listen, filter, value, site) });
    }
  } catch (error) {
    if (!(error instanceof Fault)) throw error;
    failed({ instance: node.reference, ...error.problem });
  }
  return true;
}

interface Match {
  readonly filter: number;
  /** What correlations expect from now on, where this event has added to it. */
  readonly correlations: { readonly [name: string]: JsonValue } | undefined;
}

/** The first filter that matches; with `all` one that has not matched yet. An empty `any` takes everything. */
function matchOf({ mode, filters }: EventSelection, matched: readonly number[], correlations: { readonly [name: string]: JsonValue }, event: CloudEvent, site: Site): Match | undefined {
  if (mode === 'any' && filters.length === 0) return { filter: 0, correlations: undefined };
  for (const [index, filter] of filters.entries()) {
    if (mode === 'all' && matched.includes(index)) continue;
    try {
      const found = matches(filter, correlations, event, site);
      if (found !== undefined) return { filter: index, correlations: found === correlations ? undefined : found };
    } catch (error) {
      if (!(error instanceof Fault)) throw error;
    }
  }
  return undefined;
}

function matches(filter: EventFilter, correlations: { readonly [name: string]: JsonValue }, event: CloudEvent, site: Site): { readonly [name: string]: JsonValue } | undefined {
  for (const { attribute, expression } of filter.with) {
    const value = attribute === 'data' ? dataOf(event) : (event[attribute] ?? null);
    const verdict = evaluate(expression, value, site);
    // A condition decides by itself; any other value is what the attribute must be.
    if (typeof verdict === 'boolean' ? !verdict : verdict === null || JSON.stringify(verdict) !== JSON.stringify(value)) return undefined;
  }
  let expected = correlations;
  for (const { name, from, expect } of filter.correlate) {
    const value = evaluate(from, event, site);
    const wanted = expect === undefined ? expected[name] : fill(expect, site.input, site);
    if (wanted === undefined) expected = { ...expected, [name]: value };
    else if (JSON.stringify(wanted) !== JSON.stringify(value)) return undefined;
  }
  return expected;
}

function isEnough({ mode, filters }: EventSelection, matched: readonly number[], filter: number): boolean {
  return mode !== 'all' || new Set([...matched, filter]).size >= filters.length;
}

function isDone(node: ListenNode, listen: ListenState, filter: number, value: JsonValue, site: Site): boolean {
  switch (node.until?.kind) {
    case undefined:
      return isEnough(node.to, listen.matched, filter);
    case 'events':
      return false;
    case 'condition':
      return holds(node.until.expression, [...listen.events, value], site);
  }
}

/** DSL reference, Listen, `read`. */
function readOf(node: ListenNode, event: CloudEvent): JsonValue {
  switch (node.read) {
    case 'envelope':
      return event;
    case 'data':
      return dataOf(event);
    case 'raw': {
      const raw = event['data_base64'] ?? event['data'] ?? null;
      return typeof raw === 'string' || raw === null ? raw : JSON.stringify(raw);
    }
  }
}

function dataOf(event: CloudEvent): JsonValue {
  return event['data'] ?? event['data_base64'] ?? null;
}

/** What is next for a listening task: the turn of an event that waits, the end of one that has had its turn, or its own. */
export function listenOn(execution: Execution, activation: Activation, listen: ListenState, node: ListenNode, journal: Journal): void {
  const site = siteOf(execution, node, activation, journal.nowMs);
  if (node.first !== NO_NODE) {
    if (listen.outputs.length <= listen.index) {
      journal.emit(collected(execution, activation, node, site));
      return;
    }
    if (listen.index + 1 < listen.events.length) {
      journal.emit({ kind: 'iterated', activation: activation.number, index: listen.index + 1 });
      return;
    }
  }
  const outcome = outcomeOf(node, activation.flow, site);
  journal.emit({ kind: 'exited', activation: activation.number, ...outcome, next: nextOf(node, node.then) });
}

/** The tasks for one event are done: `foreach.output` and `foreach.export`. */
function collected(execution: Execution, activation: Activation, node: ListenNode, site: Site): CollectedRecord {
  const { itemOutputAs, itemExportAs } = node;
  const raw = activation.flow;
  const output = itemOutputAs === undefined ? raw : fill(itemOutputAs, raw, { ...site, rawOutput: raw });
  check(node.itemOutputSchema, output, 'the item\'s output does not fit its schema', site);
  const context = itemExportAs === undefined ? undefined : fill(itemExportAs, output, { ...site, rawOutput: raw, output });
  return { kind: 'collected', activation: activation.number, ...(itemOutputAs === undefined ? {} : { output: payloadOf(output) }), ...(context === undefined ? {} : { context: payloadOf(context) }) };
}

export function newListenState(): ListenState {
  return { events: [], keys: new Set(), matched: [], untilMatched: [], correlations: {}, done: false, index: -1, outputs: [] };
}

export function applyHeard(execution: Execution, activation: Activation, listen: ListenState, record: HeardRecord): void {
  const node = nodeOf(execution, activation);
  const hasForeach = node.kind === 'listen' && node.first !== NO_NODE;
  const isIdle = listen.index + 1 === listen.events.length && listen.outputs.length === listen.events.length;
  listen.keys.add(record.key);
  if (record.correlations !== undefined) listen.correlations = record.correlations.value as { readonly [name: string]: JsonValue };
  (record.isUntil === true ? listen.untilMatched : listen.matched).push(record.filter);
  if (record.event !== undefined) listen.events.push(record.event.value);
  if (record.done) listen.done = true;
  if (!hasForeach) {
    if (!listen.done) return;
    activation.flow = isApproval(execution, activation) ? (listen.events[0] ?? null) : [...listen.events];
    execution.ready.push({ kind: 'leave', activation: activation.number });
    return;
  }
  // While an event has its turn the end of that turn goes on with the next.
  if (!isIdle) return;
  if (listen.index + 1 === listen.events.length) activation.flow = [...listen.outputs];
  execution.ready.push({ kind: 'leave', activation: activation.number });
}

export function applyCollected(execution: Execution, activation: Activation, listen: ListenState, record: CollectedRecord): void {
  if (record.context !== undefined) execution.context = record.context.value;
  listen.outputs.push(record.output === undefined ? activation.flow : record.output.value);
  activation.flow = activation.input;
  execution.ready.take('leave', activation.number);
  const isLast = listen.index + 1 === listen.events.length;
  if (isLast && !listen.done) return;
  if (isLast) activation.flow = [...listen.outputs];
  execution.ready.push({ kind: 'leave', activation: activation.number });
}
