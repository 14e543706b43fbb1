/**
 * What every task has: its number and place, its condition, what happens to its data, and where control
 * goes after it; and the same for a workflow's own input and output.
 */
import { NO_NODE, type Duration, type Expression, type Flow, type JsonValue, type SchemaCheck, type Template } from '@millrace/engine';
import { childPointer } from '../json-pointer.ts';
import { property, type JsonObject } from '../json-value.ts';
import type { Compilation } from './compilation.ts';
import { compileDuration } from './duration.ts';
import { compileCondition } from './expression.ts';
import type { PlannedTask } from './plan.ts';
import { compileSchemaCheck } from './schema-check.ts';
import { compileTransformation } from './template.ts';
import type { TaskScope, Visible } from './visible.ts';

/** Where the directives of a list can lead: its tasks' numbers, by name. */
export type Targets = ReadonlyMap<string, number>;

/** A task among the tasks of its list. */
export interface Position {
  readonly task: PlannedTask;
  /** The next task of the list, if any. */
  readonly next: PlannedTask | undefined;
  /** The numbers of the list's tasks, by name. */
  readonly targets: Targets;
  readonly parent: number;
}

/** The part of a node that does not depend on its kind. */
export interface CompiledHead extends CompiledData {
  readonly number: number;
  readonly name: string;
  readonly reference: string;
  readonly parent: number;
  readonly next: number;
  readonly if?: Expression;
  readonly then: Flow;
  readonly timeoutMs?: Duration;
  readonly definition: JsonValue;
  readonly extends?: number;
}

const CONTINUE: Flow = { kind: 'continue' };

/** What happens to the data around a task or a workflow. */
interface CompiledData {
  readonly inputSchema?: SchemaCheck;
  readonly inputFrom?: Template;
  readonly outputAs?: Template;
  readonly outputSchema?: SchemaCheck;
  readonly exportAs?: Template;
  readonly exportSchema?: SchemaCheck;
}

export function compileHead(compilation: Compilation, position: Position, scope: TaskScope): CompiledHead {
  const { task, next, targets, parent } = position;
  const { definition, reference, part, isInner } = task;
  const place = { number: task.number, name: task.name, reference, parent, next: next?.number ?? NO_NODE, definition, ...(task.extends === undefined ? {} : { extends: task.extends }) };
  const condition = isInner ? undefined : definition['if'];
  const guarded = typeof condition === 'string' ? { if: compileCondition(compilation, condition, `${reference}/if`, scope.before) } : {};
  const then = isInner ? CONTINUE : flowOf(definition['then'], targets);
  if (part !== undefined) return { ...place, ...guarded, then: part.kind === 'branch' || (part.kind === 'around' && part.isBeside) ? CONTINUE : then };
  return {
    ...place,
    then,
    ...compileTimeout(compilation, definition['timeout'], `${reference}/timeout`, scope.during),
    ...guarded,
    ...compileData(compilation, definition, reference, { from: scope.before, as: scope.during, export: scope.after }),
  };
}

/** `timeout`, stated or named from `use.timeouts` (DSL reference, Timeout). */
export function compileTimeout(compilation: Compilation, timeout: JsonValue | undefined, pointer: string, visible: Visible): { readonly timeoutMs?: Duration } {
  if (timeout === undefined) return {};
  const named = typeof timeout === 'string';
  const stated = named ? property(property(compilation.document.value['use'], 'timeouts'), timeout) : timeout;
  const after = property(stated, 'after');
  return after === undefined ? {} : { timeoutMs: compileDuration(compilation, after, `${named ? childPointer('/use/timeouts', timeout) : pointer}/after`, visible) };
}

/** Compiles `input`, `output` and `export` of a task, or of the workflow at the pointer ''. */
export function compileData(compilation: Compilation, owner: JsonObject, pointer: string, visible: { readonly from: Visible; readonly as: Visible; readonly export: Visible }): CompiledData {
  const part = <K extends keyof CompiledData>(name: K, group: string, key: string, compile: (value: JsonValue, pointer: string) => CompiledData[K]): Pick<CompiledData, K> | undefined => {
    const value = property(owner[group], key);
    if (value === undefined) return undefined;
    const compiled = compile(value, `${pointer}/${group}/${key}`);
    return compiled === undefined ? undefined : ({ [name]: compiled } as Pick<CompiledData, K>);
  };
  const schema = (value: JsonValue, at: string): SchemaCheck | undefined => compileSchema(compilation, value, at);
  const transformation = (seen: Visible) => (value: JsonValue, at: string): Template => compileTransformation(compilation, value, at, seen);
  return {
    ...part('inputSchema', 'input', 'schema', schema),
    ...part('inputFrom', 'input', 'from', transformation(visible.from)),
    ...part('outputAs', 'output', 'as', transformation(visible.as)),
    ...part('outputSchema', 'output', 'schema', schema),
    ...part('exportAs', 'export', 'as', transformation(visible.export)),
    ...part('exportSchema', 'export', 'schema', schema),
  };
}

/** Where a directive leads; the rules have made sure that its target is in the list. */
export function flowOf(then: JsonValue | undefined, targets: Targets): Flow {
  if (then === undefined || then === 'continue') return { kind: 'continue' };
  if (then === 'exit') return { kind: 'exit' };
  if (then === 'end') return { kind: 'end' };
  return { kind: 'goto', node: targets.get(String(then)) ?? NO_NODE };
}

function compileSchema(compilation: Compilation, value: JsonValue, pointer: string): SchemaCheck | undefined {
  const format = property(value, 'format');
  if (typeof format === 'string' && !/^json(:|$)/.test(format)) {
    compilation.unsupported({ pointer: `${pointer}/format`, side: 'value' }, `the schema format \`${format}\``, 'write the schema as a JSON Schema, with `format: json`');
    return undefined;
  }
  if (property(value, 'resource') !== undefined) {
    compilation.unsupported({ pointer: `${pointer}/resource` }, 'a schema that is not within the document', 'apply the document with `millrace apply`, which fetches the schema into it, or write it there under `document`');
    return undefined;
  }
  const result = compileSchemaCheck(property(value, 'document') ?? null);
  if (result.kind === 'compiled') return result.check;
  compilation.invalid({ pointer: `${childPointer(pointer, 'document')}${result.pointer}` }, result.message, result.suggestion);
  return undefined;
}
