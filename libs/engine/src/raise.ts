/**
 * An error on its way up: each scope ends with it until a `try` catches it or the workflow faults.
 */
import type { Journal } from './decide.ts';
import { durationMs, holds, siteOf, type Site } from './evaluate.ts';
import { NO_ACTIVATION, nodeOf, type Activation, type Execution, type Guard } from './execution.ts';
import { hasOthers } from './fork.ts';
import { Fault, problemValue, type Problem } from './problem.ts';
import { NO_NODE, type CatchClause, type Expression, type JsonValue, type RetryPolicy } from './program.ts';
import type { Cursor } from './ready-queue.ts';

/** Longest delay between two attempts of a block. */
export const RETRY_DELAY_MS_MAX = 24 * 3_600_000;

export function raise(execution: Execution, cursor: Extract<Cursor, { kind: 'raise' }>, journal: Journal): void {
  if (cursor.activation === NO_ACTIVATION) {
    journal.emit({ kind: 'ended', status: 'faulted', error: cursor.error });
    return;
  }
  const activation = execution.activations.get(cursor.activation);
  if (activation === undefined) throw new Error(`execution ${execution.id}: an error reached activation ${cursor.activation}, which is not live`);
  const failed = { kind: 'failed', activation: activation.number, node: activation.node, parent: activation.parent, attempt: activation.attempt } as const;
  try {
    const answer = activation.guard === undefined ? 'pass' : handle(execution, activation, activation.guard, cursor.error, journal);
    if (answer !== 'pass') return;
    if (hasOthers(activation)) journal.emit({ kind: 'cut', activation: activation.number });
    journal.emit(failed);
  } catch (error) {
    // An error in the clause itself replaces the one it was asked about.
    if (!(error instanceof Fault)) throw error;
    journal.emit({ ...failed, error: { instance: nodeOf(execution, activation).reference, ...error.problem } });
  }
}

function handle(execution: Execution, activation: Activation, guard: Guard, error: Problem, journal: Journal): 'handled' | 'pass' {
  const node = nodeOf(execution, activation);
  if (node.kind !== 'try' || guard.phase !== 'trying') return 'pass';
  const clause = node.catch;
  const site = siteOf(execution, node, activation, journal.nowMs);
  const asks = (expression: Expression): boolean => withError(guard, error, () => holds(expression, activation.input, site));
  if (!catches(clause, error, asks)) return 'pass';
  if (clause.retry !== undefined) {
    const dueMs = retryAt(clause.retry, execution, activation, guard, error, asks, site);
    if (dueMs !== undefined) {
      journal.emit({ kind: 'retrying', activation: activation.number, retry: guard.retries + 1, dueMs });
      return 'handled';
    }
    if (clause.first === NO_NODE) return 'pass';
  }
  journal.emit({ kind: 'caught', activation: activation.number });
  return 'handled';
}

/** The clause's expressions see the error under the name the clause gives it. */
function withError<T>(guard: Guard, error: Problem, ask: () => T): T {
  const { phase, error: before } = guard;
  guard.phase = 'handling';
  guard.error = error;
  try {
    return ask();
  } finally {
    guard.phase = phase;
    if (before === undefined) delete guard.error;
    else guard.error = before;
  }
}

function catches(clause: CatchClause, error: Problem, asks: (expression: Expression) => boolean): boolean {
  const filter = clause.with;
  if (filter !== undefined) {
    const value = problemValue(error) as Record<string, JsonValue>;
    for (const [name, wanted] of Object.entries(filter)) if (wanted !== undefined && value[name] !== wanted) return false;
  }
  if (clause.when !== undefined && !asks(clause.when)) return false;
  return clause.exceptWhen === undefined || !asks(clause.exceptWhen);
}

/** When the next attempt begins, or undefined when the policy allows none. */
function retryAt(policy: RetryPolicy, execution: Execution, activation: Activation, guard: Guard, error: Problem, asks: (expression: Expression) => boolean, site: Site): number | undefined {
  const nowMs = site.nowMs;
  if (policy.when !== undefined && !asks(policy.when)) return undefined;
  if (policy.exceptWhen !== undefined && asks(policy.exceptWhen)) return undefined;
  if (policy.attemptsMax !== undefined && guard.retries + 1 >= policy.attemptsMax) return undefined;
  const on = problemValue(error);
  const base = durationMs(policy.delay, on, site);
  const growth = policy.backoff === 'exponential' ? 2 ** Math.min(guard.retries, 40) : policy.backoff === 'linear' ? guard.retries + 1 : 1;
  const from = policy.jitterFromMs === undefined ? 0 : durationMs(policy.jitterFromMs, on, site);
  const to = policy.jitterToMs === undefined ? from : durationMs(policy.jitterToMs, on, site);
  const jitter = from + (to - from) * fraction(execution.id, activation.number, guard.retries);
  const dueMs = nowMs + Math.min(Math.round(base * growth + jitter), RETRY_DELAY_MS_MAX);
  if (policy.totalMs !== undefined) {
    const since = guard.firstFailureAtMs === 0 ? nowMs : guard.firstFailureAtMs;
    if (dueMs - since > durationMs(policy.totalMs, on, site)) return undefined;
  }
  return dueMs;
}

/** A number in [0, 1) that the same execution, task and attempt always get (D1); FNV-1a over their text. */
function fraction(id: string, activation: number, retry: number): number {
  let hash = 0x811c9dc5;
  const text = `${id}/${activation}/${retry}`;
  for (let index = 0; index < text.length; index++) hash = Math.imul(hash ^ text.charCodeAt(index), 0x01000193);
  return (hash >>> 0) / 2 ** 32;
}
