/** Lists of tasks: what flows from one to the next, by type. */
import { inputPath, pathOf, type Json, type Path } from './expression.ts';
import type { ContextAfter, JsonObject, Task } from './task.ts';

/** What expressions of a task can name. */
export interface Scope<In, Ctx, WorkflowIn> {
  /** The task's input: the output of the task before it. A path is of the task it was given to; tasks inside have their own. */
  readonly input: Path<In>;
  /** `$context`: what tasks have exported. */
  readonly context: Path<Ctx>;
  /** `$workflow.input`. */
  readonly workflowInput: Path<WorkflowIn>;
  /** `$secrets`: handles that only the worker opens. */
  readonly secrets: Path<{ readonly [name: string]: string }>;
}

/** Tasks one after another. Every addition makes another list. */
export class Sequence<In, Out, Ctx, WorkflowIn> {
  readonly items: readonly JsonObject[];
  /** Never there. */
  declare readonly types?: { readonly input: In; readonly output: Out; readonly context: Ctx };

  constructor(items: readonly JsonObject[] = []) {
    this.items = items;
  }

  /** Adds a task. A function is given what its expressions can name. */
  task<O, C = never>(name: string, task: Task<O, C> | ((scope: Scope<Out, Ctx, WorkflowIn>) => Task<O, C>)): Sequence<In, O, ContextAfter<Ctx, C>, WorkflowIn> {
    const made = typeof task === 'function' ? task(scopeOf<Out, Ctx, WorkflowIn>()) : task;
    return new Sequence<In, O, ContextAfter<Ctx, C>, WorkflowIn>([...this.items, { [name]: made.definition }]);
  }
}

/** Makes the tasks inside a task. */
export type Inside<In, Out> = (tasks: Sequence<In, In, unknown, unknown>) => { readonly items: readonly JsonObject[]; readonly types?: { readonly input: In; readonly output: Out; readonly context: unknown } };

export function scopeOf<In, Ctx, WorkflowIn>(): Scope<In, Ctx, WorkflowIn> {
  return { input: inputPath<In>(), context: pathOf('$context'), workflowInput: pathOf('$workflow.input'), secrets: pathOf('$secrets') };
}

/** The list of an inner block. */
export function insideOf<In, Out>(inside: Inside<In, Out>): readonly Json[] {
  return inside(new Sequence<In, In, unknown, unknown>()).items;
}
