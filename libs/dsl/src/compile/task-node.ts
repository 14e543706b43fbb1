/** One task as a node of the program, by its kind. */
import { NO_NODE, type Node, type SwitchNode, type Template } from '@millrace/engine';
import { childPointer } from '../json-pointer.ts';
import { isList, onlyEntry, property, type JsonObject } from '../json-value.ts';
import { compileCall } from './call.ts';
import { compileCatch } from './catch-clause.ts';
import type { Compilation } from './compilation.ts';
import { APPROVAL_OPERATION, compileApproval, compileEmit, compileListen } from './events.ts';
import { compileDuration } from './duration.ts';
import { compilePart, isExtensionPart } from './extensions.ts';
import { compileSubscriptionPart, iteratedSubscription } from './subscription.ts';
import { compileCondition } from './expression.ts';
import type { PlannedTask } from './plan.ts';
import { compileProcess, compileSubflow } from './run.ts';
import { compileHead, flowOf, type CompiledHead, type Position, type Targets } from './task-head.ts';
import { compileTemplate, compileTransformation, objectTemplate } from './template.ts';
import { compileUri } from './uri-template.ts';
import { innerScope, type TaskScope, type Visible } from './visible.ts';

/** What the variables of a loop are called where it does not say (DSL reference, For). */
export const ITEM_VARIABLE = 'item';
export const INDEX_VARIABLE = 'index';

/** Names of the variables of a loop. */
export function loopVariablesOf(task: PlannedTask): { readonly each: string; readonly at: string } {
  const loop = task.definition['for'];
  const each = property(loop, 'each');
  const at = property(loop, 'at');
  return { each: typeof each === 'string' ? each : ITEM_VARIABLE, at: typeof at === 'string' ? at : INDEX_VARIABLE };
}

/** The task's node, or nothing for one that this release does not run; that is then reported. */
export function compileTask(compilation: Compilation, position: Position, scope: TaskScope): Node | undefined {
  const { task, targets } = position;
  const { definition, reference } = task;
  const head = compileHead(compilation, position, scope);
  if (task.part !== undefined) return isExtensionPart(task.part) ? compilePart(compilation, task, task.part, head) : compileSubscriptionPart(compilation, task, task.part, head, () => compileCall(compilation, task, scope.during));
  const first = task.block[0]?.number ?? NO_NODE;
  switch (task.kind) {
    case 'do':
      return { ...head, kind: 'do', first };
    case 'set':
      return { ...head, kind: 'set', value: compileSetValue(compilation, task, scope.during) };
    case 'switch':
      return { ...head, kind: 'switch', cases: compileCases(compilation, task, targets, scope.during) };
    case 'for':
      return compileFor(compilation, task, head, first, scope);
    case 'try':
      return { ...head, kind: 'try', first, catch: compileCatch(compilation, task, scope) };
    case 'raise':
      return { ...head, kind: 'raise', error: compileError(compilation, task, scope.during) };
    case 'wait':
      return { ...head, kind: 'wait', durationMs: compileDuration(compilation, definition['wait'] ?? null, `${reference}/wait`, scope.during) };
    case 'call':
      if (task.block.length > 0) return { ...head, kind: 'do', first, ...(iteratedSubscription(definition) === undefined ? {} : { isAround: true }) };
      if (definition['call'] === APPROVAL_OPERATION) return compileApproval(compilation, task, head, scope.during);
      return { ...head, kind: 'call', ...compileCall(compilation, task, scope.during) };
    case 'fork':
      return { ...head, kind: 'fork', compete: property(definition['fork'], 'compete') === true, branches: task.block.map((branch) => branch.number) };
    case 'run': {
      const process = compileSubflow(compilation, task, scope.during) ?? compileProcess(compilation, task, scope.during);
      if (process === undefined) break;
      const { isDetached, ...call } = process;
      return { ...head, kind: 'call', ...call, ...(isDetached ? { isDetached } : {}) };
    }
    case 'emit':
      return { ...head, kind: 'call', ...compileEmit(compilation, task, scope.during) };
    case 'listen':
      return compileListen(compilation, task, head, scope);
  }
  compilation.unsupported({ pointer: `${reference}/${task.kind}` }, `the task \`${task.kind}\``);
  return undefined;
}

/** The value of a `set`, or the input of a function's call, which is set before the function runs. */
function compileSetValue(compilation: Compilation, { definition, reference }: PlannedTask, visible: Visible): Template {
  const given = definition['with'];
  if (given !== undefined) return compileTemplate(compilation, given, `${reference}/with`, visible);
  return compileTransformation(compilation, definition['set'] ?? null, `${reference}/set`, visible);
}

function compileCases(compilation: Compilation, task: PlannedTask, targets: Targets, visible: Visible): SwitchNode['cases'] {
  const cases = task.definition['switch'];
  if (!isList(cases)) return [];
  return cases.map((item, index) => {
    const [name = '', definition = {}] = onlyEntry(item) ?? [];
    const pointer = childPointer(childPointer(`${task.reference}/switch`, index), name);
    const when = property(definition, 'when');
    const then = flowOf(property(definition, 'then'), targets);
    return typeof when === 'string' ? { name, when: compileCondition(compilation, when, `${pointer}/when`, visible), then } : { name, then };
  });
}

function compileFor(compilation: Compilation, task: PlannedTask, head: CompiledHead, first: number, scope: TaskScope): Node {
  const { definition, reference } = task;
  const { each, at } = loopVariablesOf(task);
  const collection = property(definition['for'], 'in');
  const condition = definition['while'];
  return {
    ...head,
    kind: 'for',
    each,
    at,
    in: compileCondition(compilation, typeof collection === 'string' ? collection : '', `${reference}/for/in`, scope.during),
    ...(typeof condition === 'string' ? { while: compileCondition(compilation, condition, `${reference}/while`, innerScope(scope, [each, at]).during) } : {}),
    first,
  };
}

/** The error of a `raise`, written there or named from `use.errors`. */
function compileError(compilation: Compilation, task: PlannedTask, visible: Visible): Template {
  const stated = property(task.definition['raise'], 'error') ?? {};
  const named = typeof stated === 'string';
  const error = (named ? property(property(compilation.document.value['use'], 'errors'), stated) : stated) as JsonObject | undefined;
  const pointer = named ? childPointer('/use/errors', stated) : `${task.reference}/raise/error`;
  return objectTemplate(
    Object.entries(error ?? {}).map(([name, value]) => {
      const at = childPointer(pointer, name);
      return [name, name === 'type' && typeof value === 'string' ? compileUri(compilation, value, at, visible) : compileTemplate(compilation, value, at, visible)] as const;
    }),
  );
}
