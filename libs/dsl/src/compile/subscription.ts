/**
 * `foreach` of an AsyncAPI subscription: tasks for each message that it consumes (DSL reference, Subscription Iterator).
 *
 * Owns the nodes around the tasks. The call becomes a block: a step that consumes messages, a loop over them, and what
 * came of all.
 *
 * F1 A subscription with an end (`amount` or `for`) is consumed as one step, and gone through when it is over.
 * F2 One without is consumed in windows: a step gives what has come, its messages are gone through, and another step
 *    goes on, until `while` or `until` ends it. Each step subscribes anew.
 * F3 The tasks for a message have the call's input; what they come to, by `foreach.output`, is listed in the output.
 */
import { EXTENDED_INPUT, NO_NODE, type Expression, type JsonValue, type Node, type Template } from '@millrace/engine';
import { isList, isObject, property, type JsonObject } from '../json-value.ts';
import type { CompiledCall } from './call.ts';
import type { Compilation } from './compilation.ts';
import { eventVariablesOf } from './events.ts';
import type { PlannedTask } from './plan.ts';
import { compileData, type CompiledHead } from './task-head.ts';
import { objectTemplate } from './template.ts';
import { innerScope, taskScope } from './visible.ts';

/** Members of what flows within the block, of names that nobody's data has. */
const OVER = '~over';
const OUTPUTS = '~outputs';

/** What a planned task is in such a block. */
export type SubscriptionPart =
  | { readonly kind: 'consume' }
  | { readonly kind: 'subscribe'; readonly isWindowed: boolean }
  | { readonly kind: 'messages' }
  | { readonly kind: 'message' }
  /** `foreach.output` and `foreach.export`. */
  | { readonly kind: 'item' }
  /** Whether the subscription goes on, with the node `again`. */
  | { readonly kind: 'over'; readonly again: number }
  | { readonly kind: 'outputs' };

/** The subscription of an AsyncAPI call that has a `foreach`. */
export function iteratedSubscription(definition: JsonObject): JsonObject | undefined {
  const subscription = definition['call'] === 'asyncapi' ? property(definition['with'], 'subscription') : undefined;
  return isObject(subscription) && isObject(subscription['foreach']) ? subscription : undefined;
}

/** F2. */
export function isWindowed(subscription: JsonObject): boolean {
  return property(subscription['consume'], 'amount') === undefined && property(subscription['consume'], 'for') === undefined;
}

/** Names of the variables of the `foreach`, which stands in the definition's `with`. */
export function messageVariablesOf(task: PlannedTask): { readonly each: string; readonly at: string } {
  return eventVariablesOf({ ...task, definition: iteratedSubscription(task.definition) ?? {} });
}

/** The node of a part; `compileCall` compiles the step that subscribes. */
export function compileSubscriptionPart(compilation: Compilation, task: PlannedTask, part: SubscriptionPart, head: CompiledHead, compileCall: () => CompiledCall): Node {
  const first = task.block[0]?.number ?? NO_NODE;
  switch (part.kind) {
    case 'consume':
      return { ...head, kind: 'do', first, outputAs: computed(['task'], (result, [around]) => ({ messages: isObject(result) ? (result['messages'] ?? []) : result, [OVER]: isObject(result) ? (result['over'] ?? true) : true, [OUTPUTS]: outputsOf(property(around, 'input')) })) };
    case 'subscribe': {
      const call = compileCall();
      const window: Template = { kind: 'literal', value: true };
      return { ...head, kind: 'call', inputFrom: CALLS_INPUT, ...call, ...(part.isWindowed ? { arguments: withEntry(call.arguments, 'window', window) } : {}) };
    }
    case 'messages':
      return { ...head, kind: 'for', ...messageVariablesOf(task), in: expressionOf([], (value) => property(value, 'messages') ?? []), first, outputAs: computed(['input'], (flow, [given]) => ({ [OVER]: property(given, OVER) ?? true, [OUTPUTS]: [...outputsOf(given ?? null), ...(isList(flow) ? flow : [])] })) };
    case 'message':
      // What flows into the first is what was consumed, and from then on the list of what the others came to.
      return { ...head, kind: 'do', first, inputFrom: CALLS_INPUT, outputAs: computed(['task'], (output, [around]) => [...listOf(property(around, 'input')), output]) };
    case 'item': {
      const names = messageVariablesOf(task);
      const scope = innerScope(taskScope([]), [names.each, names.at]);
      const foreach = iteratedSubscription(task.definition)?.['foreach'];
      return { ...head, kind: 'do', first, ...compileData(compilation, isObject(foreach) ? foreach : {}, `${task.reference}/with/subscription/foreach`, { from: scope.before, as: scope.during, export: scope.after }) };
    }
    case 'over':
      return { ...head, kind: 'switch', cases: [{ name: 'over', when: expressionOf([], (value) => property(value, OVER) ?? true), then: { kind: 'continue' } }, { name: 'again', then: { kind: 'goto', node: part.again } }] };
    case 'outputs':
      return { ...head, kind: 'set', value: computed([], outputsOf) };
  }
}

type Compute = (input: JsonValue, variables: readonly JsonValue[]) => JsonValue;

function expressionOf(variables: readonly string[], compute: Compute): Expression {
  return { source: '…', variables, evaluate: (input, values) => ({ kind: 'value', value: compute(input, values) }) };
}

function computed(variables: readonly string[], compute: Compute): Template {
  return { kind: 'expression', expression: expressionOf(variables, compute) };
}

const CALLS_INPUT = computed([EXTENDED_INPUT], (_, [input]) => input ?? null);

function listOf(value: JsonValue | undefined): readonly JsonValue[] {
  return isList(value) ? value : [];
}

/** What windows before came to. */
function outputsOf(value: JsonValue | undefined): readonly JsonValue[] {
  return listOf(property(value, OUTPUTS));
}

function withEntry(template: Template, name: string, value: Template): Template {
  if (template.kind === 'object') return { ...template, entries: [...template.entries, [name, value]] };
  const known = template.kind === 'literal' && isObject(template.value) ? template.value : {};
  return objectTemplate([...Object.entries(known).map(([key, each]) => [key, { kind: 'literal', value: each }] as const), [name, value]]);
}
