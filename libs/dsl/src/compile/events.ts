/**
 * Events: what a task emits, and what it listens for (DSL reference, Emit, Listen, Event Filter, Correlation).
 *
 * V1 An attribute in a filter is an expression on the attribute's value, or a text that is the value or, where it has
 *    the signs of one, a regular expression for the whole of it. Either becomes one expression, within jq's budgets.
 */
import { NO_NODE, type EventFilter, type EventSelection, type JsonValue, type ListenNode, type Template } from '@millrace/engine';
import { childPointer } from '../json-pointer.ts';
import { isList, isObject, property } from '../json-value.ts';
import type { CompiledCall } from './call.ts';
import type { Compilation } from './compilation.ts';
import { compileCondition, compileExpression, compileSource, expressionSource } from './expression.ts';
import type { PlannedTask } from './plan.ts';
import { compileData, type CompiledHead } from './task-head.ts';
import { compileTemplate, objectTemplate } from './template.ts';
import { compileUri } from './uri-template.ts';
import { innerScope, type TaskScope, type Visible } from './visible.ts';

/** The operation that an `emit` comes to; what it yields is the event. */
export const EMIT_OPERATION = 'event.emit:1.0.0@default';

const ITEM = 'item';
const INDEX = 'index';
/** More than a name: a text with one of these is taken for a regular expression too. A full stop alone is not enough. */
const PATTERN_SIGNS = /[\\^$*+?()[\]{}|]/;

export function compileEmit(compilation: Compilation, task: PlannedTask, visible: Visible): CompiledCall {
  const given = property(property(task.definition['emit'], 'event'), 'with');
  const pointer = `${task.reference}/emit/event/with`;
  const entries: (readonly [string, Template])[] = Object.entries(isObject(given) ? given : {}).map(([name, value]) => {
    const at = childPointer(pointer, name);
    return [name, name === 'source' && typeof value === 'string' ? compileUri(compilation, value, at, visible) : compileTemplate(compilation, value, at, visible)];
  });
  return { operation: EMIT_OPERATION, arguments: objectTemplate([['event', objectTemplate(entries)]]) };
}

/** The function that waits for a person's decision. No worker performs it: the execution waits by itself. */
export const APPROVAL_OPERATION = 'approval:1.0.0@default';

/** What the function may be told; more would not be shown. */
const APPROVAL_PARAMETERS = ['title', 'description', 'assignee', 'data'];

export function compileApproval(compilation: Compilation, task: PlannedTask, head: CompiledHead, visible: Visible): ListenNode {
  const given = task.definition['with'];
  const pointer = `${task.reference}/with`;
  for (const name of isObject(given) ? Object.keys(given) : []) {
    if (!APPROVAL_PARAMETERS.includes(name)) compilation.invalid({ pointer: childPointer(pointer, name) }, `an approval has no \`${name}\``, `it has ${APPROVAL_PARAMETERS.join(', ')}; how long it may take is the task's \`timeout\``);
  }
  return { ...head, kind: 'listen', to: { mode: 'one', filters: [] }, read: 'data', each: ITEM, at: INDEX, first: NO_NODE, approval: compileTemplate(compilation, given ?? {}, pointer, visible) };
}

/** Names of the variables of a `foreach`. */
export function eventVariablesOf(task: PlannedTask): { readonly each: string; readonly at: string } {
  const foreach = task.definition['foreach'];
  const each = property(foreach, 'item');
  const at = property(foreach, 'at');
  return { each: typeof each === 'string' ? each : ITEM, at: typeof at === 'string' ? at : INDEX };
}

export function compileListen(compilation: Compilation, task: PlannedTask, head: CompiledHead, scope: TaskScope): ListenNode {
  const { definition, reference } = task;
  const listen = definition['listen'];
  const to = property(listen, 'to');
  const pointer = `${reference}/listen/to`;
  const until = property(to, 'until');
  const read = property(listen, 'read');
  const foreach = definition['foreach'];
  const names = eventVariablesOf(task);
  const inner = innerScope(scope, [names.each, names.at]);
  const item = isObject(foreach) ? compileData(compilation, foreach, `${reference}/foreach`, { from: inner.before, as: inner.during, export: inner.after }) : {};
  return {
    ...head,
    kind: 'listen',
    to: compileSelection(compilation, to, pointer, scope.during),
    ...(property(to, 'any') === undefined || until === undefined ? {} : { until: compileUntil(compilation, until, `${pointer}/until`, scope.during) }),
    read: read === 'envelope' || read === 'raw' ? read : 'data',
    ...names,
    first: task.block[0]?.number ?? NO_NODE,
    ...(item.outputAs === undefined ? {} : { itemOutputAs: item.outputAs }),
    ...(item.outputSchema === undefined ? {} : { itemOutputSchema: item.outputSchema }),
    ...(item.exportAs === undefined ? {} : { itemExportAs: item.exportAs }),
  };
}

export function compileUntil(compilation: Compilation, until: JsonValue, pointer: string, visible: Visible): NonNullable<ListenNode['until']> {
  if (typeof until === 'string') return { kind: 'condition', expression: compileCondition(compilation, until, pointer, visible) };
  return { kind: 'events', selection: compileSelection(compilation, until, pointer, visible) };
}

export function compileSelection(compilation: Compilation, strategy: JsonValue | undefined, pointer: string, visible: Visible): EventSelection {
  const mode = (['one', 'all', 'any'] as const).find((name) => property(strategy, name) !== undefined) ?? 'any';
  const stated = property(strategy, mode);
  if (mode === 'one') return { mode, filters: [compileFilter(compilation, stated, `${pointer}/one`, visible)] };
  return { mode, filters: (isList(stated) ? stated : []).map((filter, index) => compileFilter(compilation, filter, childPointer(`${pointer}/${mode}`, index), visible)) };
}

function compileFilter(compilation: Compilation, filter: JsonValue | undefined, pointer: string, visible: Visible): EventFilter {
  const attributes = property(filter, 'with');
  const correlate = property(filter, 'correlate');
  const type = property(attributes, 'type');
  return {
    ...(typeof type === 'string' && expressionSource(type) === undefined && !PATTERN_SIGNS.test(type) ? { type } : {}),
    with: Object.entries(isObject(attributes) ? attributes : {}).map(([attribute, wanted]) => ({ attribute, expression: compileAttribute(compilation, wanted, `${pointer}/with/${attribute}`, visible) })),
    correlate: Object.entries(isObject(correlate) ? correlate : {}).map(([name, stated]) => {
      const at = childPointer(`${pointer}/correlate`, name);
      const expect = property(stated, 'expect');
      return {
        name,
        from: compileCondition(compilation, String(property(stated, 'from') ?? ''), `${at}/from`, visible),
        ...(expect === undefined ? {} : { expect: compileTemplate(compilation, expect, `${at}/expect`, visible) }),
      };
    }),
  };
}

/** V1. */
function compileAttribute(compilation: Compilation, wanted: JsonValue, pointer: string, visible: Visible): EventFilter['with'][number]['expression'] {
  const source = typeof wanted === 'string' ? expressionSource(wanted) : undefined;
  if (source !== undefined) return compileExpression(compilation, source, pointer, visible);
  const equals = `. == ${JSON.stringify(wanted)}`;
  const pattern = typeof wanted === 'string' && PATTERN_SIGNS.test(wanted) ? ` or (type == "string" and (try test(${JSON.stringify(`^(?:${wanted})$`)}) catch false))` : '';
  const compiled = compileSource(equals + pattern, []);
  if (compiled.kind === 'refused') throw new TypeError(`the filter ${equals}${pattern} is no jq: ${compiled.refusal.message}`);
  return compiled.expression;
}
