/** The `catch` of a try: which errors, and what then (DSL reference, Catch and Retry). */
import { NO_NODE, type CatchClause, type Expression, type JsonValue, type RetryPolicy } from '@millrace/engine';
import { isObject, property, type JsonObject } from '../json-value.ts';
import type { Compilation } from './compilation.ts';
import { compileDuration } from './duration.ts';
import { compileCondition, expressionSource } from './expression.ts';
import type { PlannedTask } from './plan.ts';
import { innerScope, type TaskScope, type Visible } from './visible.ts';

/** What the error is called where the clause does not say (DSL reference, Catch). */
export const ERROR_VARIABLE = 'error';

/** The name of the variable that holds the caught error. */
export function errorVariableOf(task: PlannedTask): string {
  const name = property(task.definition['catch'], 'as');
  return typeof name === 'string' ? name : ERROR_VARIABLE;
}

/** Compiles the clause; its tasks are compiled with the others. */
export function compileCatch(compilation: Compilation, task: PlannedTask, scope: TaskScope): CatchClause {
  const clause = task.definition['catch'] ?? {};
  const pointer = `${task.reference}/catch`;
  const as = errorVariableOf(task);
  const visible = innerScope(scope, [as]).during;
  const filter = property(property(clause, 'errors'), 'with');
  const retry = property(clause, 'retry');
  return {
    as,
    first: task.handler[0]?.number ?? NO_NODE,
    ...(isObject(filter) ? { with: compileFilter(compilation, filter, `${pointer}/errors/with`) } : {}),
    ...conditions(compilation, clause, pointer, visible),
    ...(retry === undefined ? {} : { retry: compileRetry(compilation, retry, `${pointer}/retry`, visible) }),
  };
}

/** Properties to compare; the schema's `details` and the error's own `detail` are the same thing. */
function compileFilter(compilation: Compilation, filter: JsonObject, pointer: string): NonNullable<CatchClause['with']> {
  const compiled: Record<string, JsonValue> = {};
  for (const [name, value] of Object.entries(filter)) {
    if (typeof value === 'string' && expressionSource(value) !== undefined) {
      compilation.invalid({ pointer: `${pointer}/${name}` }, 'errors are filtered by fixed values, and this is an expression', 'put the condition into `when`');
    }
    compiled[name === 'details' ? 'detail' : name] = value;
  }
  return compiled;
}

function compileRetry(compilation: Compilation, retry: JsonValue, pointer: string, visible: Visible): RetryPolicy {
  const named = typeof retry === 'string';
  const policy = named ? (property(property(compilation.document.value['use'], 'retries'), retry) ?? {}) : retry;
  const at = named ? `/use/retries/${retry}` : pointer;
  const limit = property(policy, 'limit');
  const count = property(property(limit, 'attempt'), 'count');
  const total = property(limit, 'duration');
  const jitter = property(policy, 'jitter');
  const duration = (value: JsonValue | undefined, path: string): RetryPolicy['delay'] => (value === undefined ? { kind: 'fixed', ms: 0 } : compileDuration(compilation, value, at + path, visible));
  const attempt = property(property(limit, 'attempt'), 'duration');
  if (typeof count === 'number' && count < 0) compilation.invalid({ pointer: `${at}/limit/attempt/count` }, 'the number of attempts is negative', 'write how many retries there may be, at least 0');
  return {
    ...conditions(compilation, policy, at, visible),
    delay: duration(property(policy, 'delay'), '/delay'),
    backoff: compileBackoff(compilation, property(policy, 'backoff'), `${at}/backoff`),
    // The specification counts retries ("retrying 5 times", DSL, Retries); the engine counts attempts.
    ...(typeof count === 'number' ? { attemptsMax: count + 1 } : {}),
    ...(attempt === undefined ? {} : { attemptMs: duration(attempt, '/limit/attempt/duration') }),
    ...(total === undefined ? {} : { totalMs: duration(total, '/limit/duration') }),
    ...(jitter === undefined ? {} : { jitterFromMs: duration(property(jitter, 'from'), '/jitter/from'), jitterToMs: duration(property(jitter, 'to'), '/jitter/to') }),
  };
}

function compileBackoff(compilation: Compilation, backoff: JsonValue | undefined, pointer: string): RetryPolicy['backoff'] {
  const kind = (['constant', 'linear', 'exponential'] as const).find((name) => property(backoff, name) !== undefined) ?? 'constant';
  const settings = property(backoff, kind);
  const setting = isObject(settings) ? Object.keys(settings)[0] : undefined;
  if (setting !== undefined) compilation.unsupported({ pointer: `${pointer}/${kind}/${setting}` }, `a setting of the ${kind} backoff`, 'write `{}`: the specification names no settings');
  return kind;
}

function conditions(compilation: Compilation, owner: JsonValue, pointer: string, visible: Visible): { readonly when?: Expression; readonly exceptWhen?: Expression } {
  const when = property(owner, 'when');
  const exceptWhen = property(owner, 'exceptWhen');
  return {
    ...(typeof when === 'string' ? { when: compileCondition(compilation, when, `${pointer}/when`, visible) } : {}),
    ...(typeof exceptWhen === 'string' ? { exceptWhen: compileCondition(compilation, exceptWhen, `${pointer}/exceptWhen`, visible) } : {}),
  };
}
