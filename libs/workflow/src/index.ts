export { codeOf, exportNameOf } from './code-of-workflow.ts';
export type { Authentication, CallArguments, CatchClause, CaughtError, CloudEventAttributes, Duration, Endpoint, ErrorDefinition, EventFilter, EventStrategy, ExternalResource, FlowDirective, GrpcArguments, HttpArguments, OpenapiArguments, ProcessOptions, RetryPolicy, SchemaDefinition, Text, WorkflowProcess } from './dsl-types.ts';
export { isExpr, jq, pathOf, plain, sourceOf, type Expr, type Json, type Path, type Resolved, type Template } from './expression.ts';
export { Sequence, type Inside, type Scope } from './sequence.ts';
export { Task, type JsonObject } from './task.ts';
export { asyncapi, attempt, block, call, emit, forEach, fork, grpc, http, listen, mcp, openapi, raise, raw, runContainer, runScript, runShell, runWorkflow, set, switchOn, wait } from './tasks.ts';
export { DSL_VERSION, workflow, WorkflowBuilder, type WorkflowDocument, type WorkflowHead } from './workflow.ts';
