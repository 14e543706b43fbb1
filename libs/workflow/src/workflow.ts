/**
 * Workflows: a head, and tasks whose types follow from one another.
 *
 * B1 The result is the document of the DSL, version 1.0.3, and nothing else: what is built needs no builder to run.
 * B2 A builder is a value: every step makes another one.
 */
import type { Duration, SchemaDefinition } from './dsl-types.ts';
import { isExpr, pathOf, plain, type Json, type Path, type Resolved, type Template } from './expression.ts';
import { Sequence, type Scope } from './sequence.ts';
import type { ContextAfter, JsonObject, Task } from './task.ts';

/** The version of the DSL that is written where none is stated. */
export const DSL_VERSION = '1.0.3';

export interface WorkflowHead {
  readonly namespace: string;
  readonly name: string;
  readonly version: string;
  readonly dsl?: string;
  readonly title?: string;
  readonly summary?: string;
  readonly tags?: { readonly [name: string]: string };
  readonly metadata?: { readonly [key: string]: Json };
}

/** A document of the DSL, with the types of what goes in and comes out. */
export interface WorkflowDocument<Input = unknown, Output = unknown> {
  readonly document: JsonObject;
  readonly do: readonly JsonObject[];
  readonly [property: string]: Json | undefined | { readonly input: Input; readonly output: Output };
  /** Never there. */
  readonly __types?: { readonly input: Input; readonly output: Output };
}

export class WorkflowBuilder<Input, Out, Ctx> {
  readonly #properties: JsonObject;
  readonly #tasks: Sequence<Input, Out, Ctx, Input>;

  constructor(properties: JsonObject, tasks: Sequence<Input, Out, Ctx, Input>) {
    this.#properties = properties;
    this.#tasks = tasks;
  }

  #with<I = Input, O = Out>(more: { readonly [key: string]: Template }): WorkflowBuilder<I, O, Ctx> {
    return new WorkflowBuilder<I, O, Ctx>({ ...this.#properties, ...(plain(more) as JsonObject) }, new Sequence(this.#tasks.items));
  }

  #within(group: string, more: { readonly [key: string]: Template }): { readonly [key: string]: Template } {
    const known = this.#properties[group];
    return { [group]: { ...(typeof known === 'object' && known !== null ? (known as JsonObject) : {}), ...more } };
  }

  /** `input.from`: what the first task sees. A function is given the path of the raw input. */
  from<const V extends Template>(from: V | ((input: Path<Input>) => V)): WorkflowBuilder<Input, Resolved<V>, Ctx> {
    return this.#with<Input, Resolved<V>>(this.#within('input', { from: given(from, pathOf<Input>('.')) }));
  }

  /** JSON Schemas that input or output must fit. */
  schema(place: 'input' | 'output', schema: SchemaDefinition): WorkflowBuilder<Input, Out, Ctx> {
    return this.#with(this.#within(place, { schema: schema as Template }));
  }

  /** `use`: what tasks refer to by name. */
  use(use: { readonly [group: string]: Template }): WorkflowBuilder<Input, Out, Ctx> {
    return this.#with({ use });
  }

  /** How long the workflow may take, or the name of a timeout under `use`. */
  timeout(after: Duration | { readonly named: string }): WorkflowBuilder<Input, Out, Ctx> {
    return this.#with({ timeout: typeof after === 'object' && 'named' in after ? after.named : { after: after as Template } });
  }

  /** When it starts by itself. */
  schedule(schedule: { readonly [key: string]: Template }): WorkflowBuilder<Input, Out, Ctx> {
    return this.#with({ schedule });
  }

  /** Any other properties, as they stand in the document. */
  also(properties: { readonly [key: string]: Template }): WorkflowBuilder<Input, Out, Ctx> {
    return this.#with(properties);
  }

  /** Adds a task. A function is given what its expressions can name. */
  task<O, C = never>(name: string, task: Task<O, C> | ((scope: Scope<Out, Ctx, Input>) => Task<O, C>)): WorkflowBuilder<Input, O, ContextAfter<Ctx, C>> {
    return new WorkflowBuilder<Input, O, ContextAfter<Ctx, C>>(this.#properties, this.#tasks.task(name, task));
  }

  /** `output.as`: the output of the workflow. A function is given the path of the last task's output. */
  as<const V extends Template>(as: V | ((output: Path<Out>) => V)): WorkflowBuilder<Input, Resolved<V>, Ctx> {
    return this.#with<Input, Resolved<V>>(this.#within('output', { as: given(as, pathOf<Out>('.')) }));
  }

  /** The document. */
  build(): WorkflowDocument<Input, Out> {
    const { document, input, use, ...rest } = this.#properties;
    return {
      document: document as JsonObject,
      ...(input === undefined ? {} : { input }),
      ...(use === undefined ? {} : { use }),
      do: this.#tasks.items,
      ...rest,
    };
  }
}

function given<V, P>(value: V | ((path: P) => V), path: P): V {
  return typeof value === 'function' && !isExpr(value) ? (value as (path: P) => V)(path) : (value as V);
}

/** Begins a workflow whose input is `Input`. */
export function workflow<Input = unknown>({ dsl = DSL_VERSION, ...head }: WorkflowHead): WorkflowBuilder<Input, Input, unknown> {
  return new WorkflowBuilder<Input, Input, unknown>({ document: plain({ dsl, ...head }) }, new Sequence<Input, Input, unknown, Input>());
}
