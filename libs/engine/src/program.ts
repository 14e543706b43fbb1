/**
 * The compiled form of a workflow definition that the engine's core executes.
 *
 * Owns the shape of a program. Does not own how one is made: the language package compiles a
 * document into this form, and every process that runs the same document compiles it again.
 *
 * P1 Nodes are numbered in document order (pre-order over tasks, the root `do` is 0). Journal records
 *    name nodes by that number, so the numbering is part of the record format and never changes.
 * P2 A program is immutable and shared by all its executions.
 */

/** Any JSON value. Values are shared between states and never mutated. */
export type JsonValue = null | boolean | number | string | readonly JsonValue[] | { readonly [key: string]: JsonValue };

/** What one evaluation may consume; see the expression language's package for the units of each. */
export interface Budget {
  readonly fuel: number;
  readonly allocation: number;
  readonly depth: number;
  /** The clock as the expression sees it, in seconds since the Unix epoch. */
  readonly nowSeconds: number;
  /** What was spent of the fuel is added here. */
  readonly tally?: { fuel: number };
}

/** How an evaluation ended. Only the first output of an expression counts; none at all is `empty`. */
export type Evaluation =
  | { readonly kind: 'value'; readonly value: JsonValue }
  | { readonly kind: 'empty' }
  | { readonly kind: 'error'; readonly message: string };

/** A runtime expression, compiled. `variables` lists, in order, the values `evaluate` wants. */
export interface Expression {
  readonly source: string;
  /** Names without `$`: `context`, `input`, `output`, `task`, `workflow`, `runtime`, `secrets`, `authorization`, one declared by an enclosing task, or EXTENDED_INPUT. */
  readonly variables: readonly string[];
  evaluate(input: JsonValue, variables: readonly JsonValue[], budget: Budget): Evaluation;
}

/** A variable that no author can name: what flowed into the nearest node that stands around a task. */
export const EXTENDED_INPUT = '~extended';

/** A value with expressions inside, as it stands in a document. */
export type Template =
  | { readonly kind: 'literal'; readonly value: JsonValue }
  | { readonly kind: 'expression'; readonly expression: Expression }
  | { readonly kind: 'array'; readonly items: readonly Template[] }
  | { readonly kind: 'object'; readonly entries: readonly (readonly [key: string, value: Template])[] }
  /** A URI template (RFC 6570, level 1): literal text and the names of properties of the task's input. */
  | { readonly kind: 'uri'; readonly parts: readonly ({ readonly text: string } | { readonly name: string })[] };

/** Checks a value against a JSON Schema; yields a sentence that names the place, or nothing when it fits. */
export interface SchemaCheck {
  check(value: JsonValue): string | undefined;
}

/** Where control goes when a task has ended (DSL reference, Flow Directive). */
export type Flow =
  | { readonly kind: 'continue' }
  /** Completes the current scope. */
  | { readonly kind: 'exit' }
  /** Completes the workflow. */
  | { readonly kind: 'end' }
  | { readonly kind: 'goto'; readonly node: number };

/** A node number that stands for "none". */
export const NO_NODE = -1;

interface NodeHead {
  readonly number: number;
  readonly name: string;
  /** JSON pointer into the document, such as `/do/0/getPet`. */
  readonly reference: string;
  /** The enclosing node's number, or NO_NODE for the root. */
  readonly parent: number;
  /** The next task of the same list, or NO_NODE. */
  readonly next: number;
  readonly if?: Expression;
  readonly inputSchema?: SchemaCheck;
  readonly inputFrom?: Template;
  readonly outputAs?: Template;
  readonly outputSchema?: SchemaCheck;
  readonly exportAs?: Template;
  readonly exportSchema?: SchemaCheck;
  readonly then: Flow;
  /** How long the task may take, counted from its entering. The root's is the workflow's. */
  readonly timeoutMs?: Duration;
  /** The task as parsed, for `$task.definition`. */
  readonly definition: JsonValue;
  /** A task of an extension: the number of the node that stands around the task that it extends, which is its `$task`. */
  readonly extends?: number;
  /** Nodes inside may ask for what flowed into it, as EXTENDED_INPUT. */
  readonly isAround?: true;
}

export interface DoNode extends NodeHead {
  readonly kind: 'do';
  readonly first: number;
}
export interface SetNode extends NodeHead {
  readonly kind: 'set';
  readonly value: Template;
}
export interface SwitchNode extends NodeHead {
  readonly kind: 'switch';
  /** In document order; the case without `when` is the default and is tried last wherever it stands. */
  readonly cases: readonly { readonly name: string; readonly when?: Expression; readonly then: Flow }[];
}
export interface ForNode extends NodeHead {
  readonly kind: 'for';
  readonly each: string;
  readonly at: string;
  readonly in: Expression;
  readonly while?: Expression;
  readonly first: number;
}
export interface TryNode extends NodeHead {
  readonly kind: 'try';
  readonly first: number;
  readonly catch: CatchClause;
}
/** Runs its branches at the same time. */
export interface ForkNode extends NodeHead {
  readonly kind: 'fork';
  /** The branches' tasks, in ascending order. Each is a scope of its own: none has a next one. */
  readonly branches: readonly number[];
  /** The first branch that ends decides; the others are cancelled. */
  readonly compete: boolean;
}
/** Which attribute of an event a filter looks at: a condition on its value, or what the value must be. */
export interface EventFilter {
  /** The one type that it takes, where the document names it as a plain text: events are found by it. */
  readonly type?: string;
  readonly with: readonly { readonly attribute: string; readonly expression: Expression }[];
  /** `from` is worked out on the event, `expect` on the task's input. */
  readonly correlate: readonly { readonly name: string; readonly from: Expression; readonly expect?: Template }[];
}
export interface EventSelection {
  readonly mode: 'one' | 'all' | 'any';
  readonly filters: readonly EventFilter[];
}
/** Waits for events (DSL reference, Listen). */
export interface ListenNode extends NodeHead {
  readonly kind: 'listen';
  readonly to: EventSelection;
  /** When an `any` has enough: a condition on the events taken so far, or other events. */
  readonly until?: { readonly kind: 'condition'; readonly expression: Expression } | { readonly kind: 'events'; readonly selection: EventSelection };
  readonly read: 'data' | 'envelope' | 'raw';
  /** `foreach`: the variables of the tasks for each event, and the first of them, or NO_NODE. */
  readonly each: string;
  readonly at: string;
  readonly first: number;
  readonly itemOutputAs?: Template;
  readonly itemOutputSchema?: SchemaCheck;
  readonly itemExportAs?: Template;
  /** It waits for a person's decision in place of events: what there is to say of it, an object. */
  readonly approval?: Template;
}
export interface RaiseNode extends NodeHead {
  readonly kind: 'raise';
  /** Evaluates to `{type, status, title?, detail?, instance?}`. */
  readonly error: Template;
}
export interface WaitNode extends NodeHead {
  readonly kind: 'wait';
  readonly durationMs: Duration;
}
/** The operation that stands for running a workflow: no worker performs it, the lane does. Its arguments are `{workflow, input}`. */
export const WORKFLOW_OPERATION = 'workflow.run:1.0.0@default';

export interface CallNode extends NodeHead {
  readonly kind: 'call';
  /** Connector, operation, version and catalog, such as `http.request:1.0.0@default`. */
  readonly operation: string;
  /** The name of the organisation's connection whose credentials the worker uses. */
  readonly connection?: string;
  /** The scheme of the call's authentication, for `$authorization`. */
  readonly authorization?: string;
  /** Evaluates to the operation's arguments, an object. */
  readonly arguments: Template;
  /** The operation answers once it has begun; the task's output is its input. */
  readonly isDetached?: boolean;
}
export type Node = DoNode | SetNode | SwitchNode | ForNode | ForkNode | ListenNode | TryNode | RaiseNode | WaitNode | CallNode;

/** A duration in milliseconds, fixed, or worked out when the task is entered (an ISO 8601 string or a duration object). */
export type Duration = { readonly kind: 'fixed'; readonly ms: number } | { readonly kind: 'computed'; readonly template: Template };

export interface CatchClause {
  /** Properties of the error that must be equal; a property left out matches any. */
  readonly with?: { readonly type?: string; readonly status?: number; readonly instance?: string; readonly title?: string; readonly detail?: string };
  readonly as: string;
  readonly when?: Expression;
  readonly exceptWhen?: Expression;
  readonly retry?: RetryPolicy;
  /** The first task of the handler, or NO_NODE. */
  readonly first: number;
}

export interface RetryPolicy {
  readonly when?: Expression;
  readonly exceptWhen?: Expression;
  readonly delay: Duration;
  readonly backoff: 'constant' | 'linear' | 'exponential';
  /** Most attempts, the first one included. */
  readonly attemptsMax?: number;
  /** How long one attempt may take. */
  readonly attemptMs?: Duration;
  /** How long after the first failure the last retry may begin. */
  readonly totalMs?: Duration;
  readonly jitterFromMs?: Duration;
  readonly jitterToMs?: Duration;
}

/** A compiled definition. */
export interface Program {
  /** SHA-256 of the canonical document, lower-case hexadecimal. */
  readonly hash: string;
  readonly namespace: string;
  readonly name: string;
  readonly version: string;
  /** The document as parsed, for `$workflow.definition`. */
  readonly document: JsonValue;
  readonly inputSchema?: SchemaCheck;
  readonly inputFrom?: Template;
  readonly outputAs?: Template;
  readonly outputSchema?: SchemaCheck;
  /** Business fields by which executions are found, in the document's order; their expressions see the input alone. */
  readonly fields?: readonly { readonly name: string; readonly expression: Expression }[];
  readonly nodes: readonly Node[];
}
