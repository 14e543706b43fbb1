/**
 * Tasks, with the type of their output.
 *
 * T1 A task is a value: every modifier makes another one.
 * T2 What a task holds is exactly what stands in the document; nothing is added that the author has not said.
 */
import type { Duration, FlowDirective, SchemaDefinition, Text } from './dsl-types.ts';
import { isExpr, pathOf, plain, type Json, type Path, type Resolved, type Template } from './expression.ts';

export type JsonObject = { readonly [key: string]: Json };

/** A task whose output is `Out`; `Ctx` is the context after it, or `never` where it leaves that alone. */
export class Task<Out = unknown, Ctx = never> {
  readonly definition: JsonObject;
  /** Never there. */
  declare readonly types?: { readonly output: Out; readonly context: Ctx };

  constructor(definition: { readonly [key: string]: Template }) {
    this.definition = plain(definition) as JsonObject;
  }

  #with<O = Out, C = Ctx>(more: { readonly [key: string]: Template }): Task<O, C> {
    return new Task<O, C>({ ...this.definition, ...more });
  }

  #within(group: string, more: { readonly [key: string]: Template }): { readonly [key: string]: Template } {
    const known = this.definition[group];
    return { [group]: { ...(typeof known === 'object' && known !== null && !Array.isArray(known) ? (known as JsonObject) : {}), ...more } };
  }

  /** Says what the output is, where that cannot be known from the task. Nothing is written into the document. */
  returns<O>(): Task<O, Ctx> {
    return this.#with<O>({});
  }

  /** The task runs only where this holds. */
  if(condition: Text | Template): Task<Out, Ctx> {
    return this.#with({ if: condition });
  }

  /** Where control goes afterwards. */
  then(directive: FlowDirective): Task<Out, Ctx> {
    return this.#with({ then: directive });
  }

  /** `input.from`: what the task sees as its input. */
  from(from: Template): Task<Out, Ctx> {
    return this.#with(this.#within('input', { from }));
  }

  /** `output.as`: what the task hands on. A function is given the path of the raw output; paths of the input become `$input`. */
  as<const V extends Template>(as: V | ((output: Path<Out>) => V)): Task<Resolved<V>, Ctx> {
    return this.#with<Resolved<V>>(this.#within('output', { as: plain(given(as, pathOf<Out>('.')), '$input') }));
  }

  /** `export.as`: the context from now on. A function is given the path of the output. */
  exportAs<const V extends Template>(as: V | ((output: Path<Out>) => V)): Task<Out, Resolved<V>> {
    return this.#with<Out, Resolved<V>>(this.#within('export', { as: plain(given(as, pathOf<Out>('.')), '$input') }));
  }

  /** JSON Schemas that `input`, `output` or `export` must fit. */
  schema(place: 'input' | 'output' | 'export', schema: SchemaDefinition): Task<Out, Ctx> {
    return this.#with(this.#within(place, { schema: schema as Template }));
  }

  /** How long the task may take, or the name of a timeout under `use`. */
  timeout(after: Duration | { readonly named: string }): Task<Out, Ctx> {
    return this.#with({ timeout: typeof after === 'object' && 'named' in after ? after.named : { after } });
  }

  metadata(metadata: { readonly [key: string]: Json }): Task<Out, Ctx> {
    return this.#with({ metadata });
  }

  /** Any other properties, as they stand in the document. */
  also(properties: { readonly [key: string]: Template }): Task<Out, Ctx> {
    return this.#with(properties);
  }
}

function given<V, P>(value: V | ((path: P) => V), path: P): V {
  return typeof value === 'function' && !isExpr(value) ? (value as (path: P) => V)(path) : (value as V);
}

/** The context after a task. */
export type ContextAfter<Before, C> = [C] extends [never] ? Before : C;
