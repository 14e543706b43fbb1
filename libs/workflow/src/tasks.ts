/** Every kind of task of the DSL, as a function that makes one. */
import type { CallArguments, CatchClause, CaughtError, CloudEventAttributes, Duration, ErrorDefinition, EventStrategy, FlowDirective, GrpcArguments, HttpArguments, OpenapiArguments, ProcessOptions, Text, WorkflowProcess } from './dsl-types.ts';
import { pathOf, type Expr, type Path, type Resolved, type Template } from './expression.ts';
import { insideOf, type Inside } from './sequence.ts';
import { Task } from './task.ts';

/** `set`: the output is this value, expressions evaluated. */
export function set<const V extends Template>(value: V): Task<Resolved<V>> {
  return new Task({ set: value });
}

/** `call: http`. Say with `.returns<T>()` what comes back. */
export function http<Out = unknown>(given: HttpArguments): Task<Out> {
  return new Task({ call: 'http', with: given as unknown as Template });
}

/** `call: openapi`. */
export function openapi<Out = unknown>(given: OpenapiArguments): Task<Out> {
  return new Task({ call: 'openapi', with: given as unknown as Template });
}

/** `call: grpc`. */
export function grpc<Out = unknown>(given: GrpcArguments): Task<Out> {
  return new Task({ call: 'grpc', with: given as unknown as Template });
}

/** `call: asyncapi`. */
export function asyncapi<Out = unknown>(given: CallArguments): Task<Out> {
  return new Task({ call: 'asyncapi', with: given });
}

/** `call: mcp`. */
export function mcp<Out = unknown>(given: CallArguments): Task<Out> {
  return new Task({ call: 'mcp', with: given });
}

/** A function: of the document, of a catalogue (`sql.query:1.0.0@default`), or at an address. */
export function call<Out = unknown>(name: string, given?: CallArguments): Task<Out> {
  return new Task({ call: name, with: given });
}

/** `do`: tasks as one task. */
export function block<In = unknown, Out = unknown>(inside: Inside<In, Out>): Task<Out> {
  return new Task({ do: insideOf(inside) });
}

/** `emit`: publishes an event, which is also the output. */
export function emit<const V extends CloudEventAttributes>(attributes: V): Task<Resolved<V>> {
  return new Task({ emit: { event: { with: attributes as Template } } });
}

/** `for`: the tasks for each element; `each` and `at` are the variables of the element and its index. */
export function forEach<Element = unknown, In = unknown, Out = unknown>(
  loop: { readonly in: Text | Expr<readonly Element[]>; readonly each?: string; readonly at?: string; readonly while?: Text | Expr },
  inside: (tasks: Parameters<Inside<In, Out>>[0], loop: { readonly each: Path<Element>; readonly at: Path<number> }) => ReturnType<Inside<In, Out>>,
): Task<Out> {
  const variables = { each: pathOf<Element>(`$${loop.each ?? 'item'}`), at: pathOf<number>(`$${loop.at ?? 'index'}`) };
  return new Task({ for: { each: loop.each, in: loop.in as Template, at: loop.at }, while: loop.while as Template, do: insideOf<In, Out>((tasks) => inside(tasks, variables)) });
}

/** `fork`: branches at the same time. Its output is theirs in order, or with `compete` that of the first that ends. */
export function fork<In = unknown, Out = readonly unknown[]>(inside: Inside<In, unknown>, { compete }: { readonly compete?: boolean } = {}): Task<Out> {
  return new Task({ fork: { branches: insideOf(inside), compete } });
}

/** `listen`: waits for events; its output is the list of what was read of them. */
export function listen<Event = unknown, In = unknown>(
  to: EventStrategy,
  { read, foreach }: { readonly read?: 'data' | 'envelope' | 'raw'; readonly foreach?: { readonly item?: string; readonly at?: string; readonly do?: Inside<In, unknown>; readonly output?: Template; readonly export?: Template } } = {},
): Task<readonly Event[]> {
  const each = foreach === undefined ? undefined : { ...foreach, do: foreach.do === undefined ? undefined : insideOf(foreach.do) };
  return new Task({ listen: { to: to as unknown as Template, read }, foreach: each as Template });
}

/** `raise`: faults with an error, or with one that `use.errors` names. */
export function raise(error: ErrorDefinition | string): Task<never> {
  return new Task({ raise: { error: error as Template } });
}

/** `run: workflow`. */
export function runWorkflow<Out = unknown>(workflow: WorkflowProcess, options: ProcessOptions = {}): Task<Out> {
  return new Task({ run: { workflow: workflow as unknown as Template, ...options } });
}

/** `run: script`. */
export function runScript<Out = unknown>(script: { readonly language: string; readonly code?: Text; readonly source?: Template; readonly arguments?: Template; readonly environment?: Template; readonly stdin?: Template }, options: ProcessOptions = {}): Task<Out> {
  return new Task({ run: { script: script as Template, ...options } });
}

/** `run: shell`. */
export function runShell<Out = unknown>(shell: { readonly command: Text; readonly arguments?: Template; readonly environment?: Template; readonly stdin?: Template }, options: ProcessOptions = {}): Task<Out> {
  return new Task({ run: { shell: shell as Template, ...options } });
}

/** `run: container`. */
export function runContainer<Out = unknown>(container: { readonly image: Text; readonly [property: string]: Template }, options: ProcessOptions = {}): Task<Out> {
  return new Task({ run: { container: container as Template, ...options } });
}

/** `switch`: goes on at the first case that holds. Its output is its input: say with `.returns<T>()` what that is. */
export function switchOn<Out = unknown>(cases: { readonly [name: string]: { readonly when?: Text | Expr; readonly then: FlowDirective } }): Task<Out> {
  return new Task({ switch: Object.entries(cases).map(([name, each]) => ({ [name]: each as Template })) });
}

/** `try` and `catch`: the handler, where there is one, is given the path of the error. */
export function attempt<In = unknown, Out = unknown, Handled = Out>(
  inside: Inside<In, Out>,
  clause: CatchClause,
  handler?: (tasks: Parameters<Inside<In, Handled>>[0], caught: { readonly error: Path<CaughtError> }) => ReturnType<Inside<In, Handled>>,
): Task<Out | Handled> {
  const error = pathOf<CaughtError>(`$${clause.as ?? 'error'}`);
  const handled = handler === undefined ? undefined : insideOf<In, Handled>((tasks) => handler(tasks, { error }));
  return new Task({ try: insideOf(inside), catch: { ...(clause as { readonly [key: string]: Template }), do: handled } });
}

/** `wait`. Its output is its input: say with `.returns<T>()` what that is. */
export function wait<Out = unknown>(duration: Duration): Task<Out> {
  return new Task({ wait: duration as Template });
}

/** A task exactly as it stands in a document. */
export function raw<Out = unknown>(definition: { readonly [key: string]: Template }): Task<Out> {
  return new Task(definition);
}
