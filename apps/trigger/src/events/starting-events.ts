/**
 * Workflows that start by events of their own `schedule.on` (DSL reference, Schedule, Event Consumption Strategy).
 *
 * Owns what a set of events is and when it is complete. Pure: a set is a value, and taking an event gives another.
 *
 * V1 `one`, and `any` without `until`: every event that matches is a set of its own.
 * V2 `all`: one event for each filter. `any` with `until`: every event that matches, up to and with the one that ends it.
 * V3 Events that correlate otherwise belong to other sets. An event belongs to a set once, and not to the next one of
 *    the same correlation, so that a repeated event changes nothing.
 * V4 What a filter's expression fails on does not match it.
 */
import { DEPTH_DEFAULT } from '@millrace/jq';
import type { StartingEvents } from '@millrace/dsl';
import type { CloudEvent, EventFilter, EventSelection, Expression, JsonValue } from '@millrace/engine';
import { eventKey } from './subscription.ts';

/** Most events of a set. */
export const SET_EVENTS_MAX = 1_000;
/** Keys of events of the last set that are remembered (V3). */
const REMEMBERED_MAX = SET_EVENTS_MAX;
const BUDGET = { fuel: 100_000, allocation: 4 * 1024 * 1024, depth: DEPTH_DEFAULT } as const;

export interface EventSet {
  readonly taken: readonly { readonly filter: number; readonly key: string; readonly event: CloudEvent }[];
  /** Filters of `until` that have matched. */
  readonly until: readonly number[];
  /** Keys of the events of the set before. */
  readonly before: readonly string[];
  /** The events of the set before, until the start that they are for is durable. */
  readonly pending?: readonly CloudEvent[];
}

export const EMPTY_SET: EventSet = { taken: [], until: [], before: [] };

/** A filter that matched, and what the event is correlated by: `[]` when it is not. */
export interface EventMatch {
  readonly filter: number;
  readonly isUntil: boolean;
  /** Name and value of each correlation, in the order of their names. */
  readonly correlation: readonly (readonly [string, JsonValue])[];
}

/** Whether sets are made of several events, and so have to be kept. */
export function isCollecting({ to, until }: StartingEvents): boolean {
  return until !== undefined || (to.mode === 'all' && to.filters.length > 1);
}

/** Types that are wanted; `*` when a filter does not name one. */
export function typesOf({ to, until }: StartingEvents): readonly string[] {
  const selections = until?.kind === 'events' ? [to, until.selection] : [to];
  const filters = selections.flatMap(({ filters: each }) => each);
  if (to.filters.length === 0 || filters.some(({ type }) => type === undefined)) return ['*'];
  return [...new Set(filters.map(({ type }) => type as string))];
}

/** The filters that the event matches. */
export function matchesOf({ to, until }: StartingEvents, event: CloudEvent, nowMs: number): readonly EventMatch[] {
  const matches = inSelection(to, event, nowMs).map((match) => ({ ...match, isUntil: false }));
  if (until?.kind !== 'events' || matches.length > 0) return matches;
  return inSelection(until.selection, event, nowMs).map((match) => ({ ...match, isUntil: true }));
}

/** What a set becomes with the event, `pending` when it is complete. Undefined: the set does not take it. */
export function take(starting: StartingEvents, set: EventSet, event: CloudEvent, match: EventMatch, nowMs: number): EventSet | undefined {
  const key = eventKey(event);
  if (set.before.includes(key) || set.taken.some((each) => each.key === key)) return undefined;
  if (match.isUntil) {
    const next = { ...set, until: [...new Set([...set.until, match.filter])] };
    return complete(starting, next, nowMs, key);
  }
  if (starting.to.mode === 'all' && set.taken.some(({ filter }) => filter === match.filter)) return undefined;
  if (set.taken.length >= SET_EVENTS_MAX) return undefined;
  return complete(starting, { ...set, taken: [...set.taken, { filter: match.filter, key, event }] }, nowMs);
}

function complete({ to, until }: StartingEvents, set: EventSet, nowMs: number, last?: string): EventSet {
  const events = set.taken.map(({ event }) => event);
  if (!isComplete()) return set;
  const keys = set.taken.map(({ key }) => key);
  return { taken: [], until: [], before: [...keys, ...(last === undefined ? [] : [last])].slice(-REMEMBERED_MAX), pending: events };

  function isComplete(): boolean {
    if (until === undefined) return to.mode !== 'all' ? events.length > 0 : to.filters.every((_, index) => set.taken.some(({ filter }) => filter === index));
    if (until.kind === 'condition') return isTrue(until.expression, events, nowMs);
    return until.selection.mode === 'all' ? until.selection.filters.every((_, index) => set.until.includes(index)) : set.until.length > 0;
  }
}

function inSelection({ mode, filters }: EventSelection, event: CloudEvent, nowMs: number): readonly Omit<EventMatch, 'isUntil'>[] {
  if (mode === 'any' && filters.length === 0) return [{ filter: 0, correlation: [] }];
  const found: Omit<EventMatch, 'isUntil'>[] = [];
  for (const [filter, each] of filters.entries()) {
    const correlation = correlationOf(each, event, nowMs);
    if (correlation !== undefined) found.push({ filter, correlation });
    if (found.length > 0 && mode !== 'all') break;
  }
  return found;
}

/** Undefined when the filter does not match. */
function correlationOf(filter: EventFilter, event: CloudEvent, nowMs: number): EventMatch['correlation'] | undefined {
  if (filter.type !== undefined && filter.type !== event['type']) return undefined;
  for (const { attribute, expression } of filter.with) {
    const value = attribute === 'data' ? (event['data'] ?? event['data_base64'] ?? null) : (event[attribute] ?? null);
    const verdict = valueOf(expression, value, nowMs);
    if (verdict === undefined || (typeof verdict === 'boolean' ? !verdict : verdict === null || JSON.stringify(verdict) !== JSON.stringify(value))) return undefined;
  }
  const correlation: [string, JsonValue][] = [];
  for (const { name, from, expect } of filter.correlate) {
    const value = valueOf(from, event, nowMs);
    if (value === undefined) return undefined;
    if (expect !== undefined && expect.kind === 'literal' && JSON.stringify(expect.value) !== JSON.stringify(value)) return undefined;
    correlation.push([name, value]);
  }
  return correlation.sort(([a], [b]) => (a < b ? -1 : 1));
}

function isTrue(expression: Expression, input: JsonValue, nowMs: number): boolean {
  const value = valueOf(expression, input, nowMs);
  return value !== undefined && value !== false && value !== null;
}

/** Undefined when the expression fails or gives nothing (V4). */
function valueOf(expression: Expression, input: JsonValue, nowMs: number): JsonValue | undefined {
  const outcome = expression.evaluate(input, [], { ...BUDGET, nowSeconds: nowMs / 1000 });
  return outcome.kind === 'value' ? outcome.value : undefined;
}
