/** The forms of the Serverless Workflow DSL 1.0.3 that tasks are made from; the names are those of its reference. */
import type { Expr, Json, Template } from './expression.ts';

/** A text, or an expression that comes to one. */
export type Text = string | Expr<string>;

/** At least one unit, or an ISO 8601 text. */
export type Duration = Text | { readonly days?: number; readonly hours?: number; readonly minutes?: number; readonly seconds?: number; readonly milliseconds?: number };

export type Authentication = { readonly use: string } | { readonly [scheme: string]: Template };
export type Endpoint = Text | { readonly uri: Text; readonly authentication?: Authentication };
export interface ExternalResource {
  readonly name?: string;
  readonly endpoint: Endpoint;
}

/** Where control goes: the name of a task of the same list, or a word of the DSL. */
export type FlowDirective = 'continue' | 'exit' | 'end' | (string & {});

export interface HttpArguments {
  readonly method: string;
  readonly endpoint: Endpoint;
  readonly headers?: { readonly [name: string]: Text } | Text | Expr;
  readonly query?: { readonly [name: string]: Template } | Text | Expr;
  readonly body?: Template;
  readonly output?: 'content' | 'response' | 'raw';
  readonly redirect?: boolean;
}
export interface OpenapiArguments {
  readonly document: ExternalResource;
  readonly operationId: string;
  readonly parameters?: { readonly [name: string]: Template };
  readonly authentication?: Authentication;
  readonly output?: 'content' | 'response' | 'raw';
  readonly redirect?: boolean;
}
export interface GrpcArguments {
  readonly proto: ExternalResource;
  readonly service: { readonly name: string; readonly host: string; readonly port?: number; readonly authentication?: Authentication };
  readonly method: string;
  readonly arguments?: { readonly [name: string]: Template };
}
/** Arguments of a call whose parts are not spelled out here. */
export type CallArguments = { readonly [name: string]: Template };

export interface RetryPolicy {
  readonly when?: Text;
  readonly exceptWhen?: Text;
  readonly delay?: Duration;
  readonly backoff?: { readonly [kind: string]: Json };
  readonly limit?: { readonly attempt?: { readonly count?: number; readonly duration?: Duration }; readonly duration?: Duration };
  readonly jitter?: { readonly from: Duration; readonly to: Duration };
}
export interface CatchClause {
  readonly errors?: { readonly with?: { readonly [property: string]: Template } };
  readonly as?: string;
  readonly when?: Text;
  readonly exceptWhen?: Text;
  readonly retry?: string | RetryPolicy;
}

/** An error as `raise` and handlers have it. */
export interface ErrorDefinition {
  readonly type: Text;
  readonly status: number | Expr<number>;
  readonly title?: Text;
  readonly detail?: Text;
  readonly instance?: Text;
}
export interface CaughtError {
  readonly type: string;
  readonly status: number;
  readonly title: string;
  readonly detail: string;
  readonly instance: string;
}

export interface SchemaDefinition {
  readonly format?: string;
  readonly document?: Json;
  readonly resource?: ExternalResource;
}

export interface CloudEventAttributes {
  readonly type?: Text;
  readonly source?: Text;
  readonly [attribute: string]: Template;
}
export interface EventFilter {
  readonly with: { readonly [attribute: string]: Template };
  readonly correlate?: { readonly [name: string]: { readonly from: Text; readonly expect?: Template } };
}
/** Which events are waited for. */
export type EventStrategy =
  | { readonly one: EventFilter }
  | { readonly all: readonly EventFilter[] }
  | { readonly any: readonly EventFilter[]; readonly until?: Text | EventStrategy };

/** A reference to a workflow that is run. */
export interface WorkflowProcess {
  readonly namespace: string;
  readonly name: string;
  readonly version: string;
  readonly input?: Template;
}
/** Whether a process is waited for, and what it yields. */
export interface ProcessOptions {
  readonly await?: boolean;
  readonly return?: 'stdout' | 'stderr' | 'code' | 'all' | 'none';
}
