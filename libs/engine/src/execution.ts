/**
 * The state of one execution: what its journal amounts to.
 *
 * Owns the state's shape and the questions asked of it. `apply.ts` is the only writer.
 *
 * X1 Everything here follows from the journal; nothing is kept that the journal does not say.
 * X2 `ready` holds what can be decided without waiting. An execution that has not ended and has nothing
 *    ready waits for a step, a timer or its permit to begin.
 */
import type { Payload } from './payload.ts';
import type { JsonValue, Program } from './program.ts';
import type { Problem } from './problem.ts';
import type { RerunOrigin, Reusable } from './reuse.ts';
import type { ReadyQueue } from './ready-queue.ts';

/** The parent of the root activation. */
export const NO_ACTIVATION = 0;

export interface Activation {
  readonly number: number;
  readonly node: number;
  readonly parent: number;
  readonly attempt: number;
  readonly enteredAtMs: number;
  readonly rawInput: JsonValue;
  readonly input: JsonValue;
  /** Scopes: the value that flows from task to task. */
  flow: JsonValue;
  /** `call`: the outstanding step's arguments. */
  arguments?: Payload;
  /** When the earliest of its times is over: the end of a `wait`, the next attempt of a `try`, a limit. */
  dueMs?: number;
  /** When the task's own time is over. */
  readonly deadlineMs?: number;
  /** `for`. */
  loop?: { readonly items: readonly JsonValue[]; index: number };
  /** `try`. */
  guard?: Guard;
  /** `fork`. */
  fork?: ForkState;
  /** `listen`. */
  listen?: ListenState;
}

export interface ListenState {
  /** What was read of the events taken, in order. */
  readonly events: JsonValue[];
  /** Source and id of every event taken. */
  readonly keys: Set<string>;
  /** Filters that have matched; those of `until` on their own. */
  readonly matched: number[];
  readonly untilMatched: number[];
  correlations: { readonly [name: string]: JsonValue };
  /** It takes no more. */
  done: boolean;
  /** `foreach`: the event that has, or had, its turn last. */
  index: number;
  /** `foreach`: what each event's tasks came to. */
  readonly outputs: JsonValue[];
  /** An approval: to whom it was given on last, and how often it was. */
  delegated?: { readonly to: string; readonly number: number };
}

export interface ForkState {
  /** Branches begun so far; they begin in the order of the document. */
  opened: number;
  /** Branches that are over, however they ended. */
  done: number;
  /** What the fork comes to is known: it waits for no branch. */
  settled: boolean;
  /** Outputs by branch, null where there is none yet. Empty when the branches compete, and once the fork is settled. */
  outputs: JsonValue[];
}

export interface Guard {
  phase: 'trying' | 'delaying' | 'handling';
  retries: number;
  firstFailureAtMs: number;
  error?: Problem;
  /** Failed tasks by path: their activation and the attempt they will have when entered again (E5). */
  /** When the time of the attempt is over. */
  deadlineMs?: number;
  readonly retained: Map<string, { readonly activation: number; readonly attempt: number }>;
}

export interface Execution {
  readonly organisation: string;
  readonly id: string;
  readonly program: Program;
  readonly workflow: string;
  readonly version: string;
  readonly rawInput: Payload;
  readonly acceptedAtMs: number;
  readonly acceptedBy: string;
  readonly key: string | undefined;
  readonly traceparent: string | undefined;
  readonly replyTo: string | undefined;
  readonly run: number;
  /** Fuel that its expressions have spent since the host looked: no state, and in no snapshot. */
  readonly cost: { fuel: number };
  begun: boolean;
  beganAtMs: number;
  /** The transformed workflow input. */
  input: JsonValue;
  /** What the root task has produced; the input until then. */
  flow: JsonValue;
  context: JsonValue;
  lastActivation: number;
  readonly activations: Map<number, Activation>;
  readonly ready: ReadyQueue;
  /** The execution that it was made from by hand, and what it still takes over from that by place. */
  readonly origin: RerunOrigin | undefined;
  readonly reuse: Map<string, readonly Reusable[]>;
  /** What was done to it by hand so far. */
  operations: number;
  /** An operator has stopped it: what runs goes on to its result, timers run, and nothing new is entered. */
  paused: Pause | undefined;
  end: { readonly status: 'completed' | 'faulted' | 'cancelled'; readonly output: Payload | undefined; readonly error: Problem | undefined; readonly atMs: number } | undefined;
}

export interface Pause {
  readonly atMs: number;
  readonly by: string;
  readonly reason?: string;
}

export type ExecutionStatus = 'pending' | 'running' | 'waiting' | 'suspended' | 'cancelled' | 'faulted' | 'completed';

/** The status as every interface shows it (DSL, "Status Phases"). */
export function statusOf(execution: Execution): ExecutionStatus {
  if (execution.end !== undefined) return execution.end.status;
  if (execution.paused !== undefined) return 'suspended';
  if (!execution.begun) return 'pending';
  if (execution.ready.length > 0) return 'running';
  for (const activation of execution.activations.values()) if (activation.arguments !== undefined) return 'running';
  return 'waiting';
}

/**
 * When the execution next goes on by itself, where it waits for nothing else: its earliest timer, or Infinity where
 * only something addressed to it wakes it. Undefined while it has anything to do (a paused one has not), a step outstanding, or not begun.
 */
export function restingUntil(execution: Execution): number | undefined {
  if (execution.end !== undefined || !execution.begun || (execution.ready.length > 0 && execution.paused === undefined)) return undefined;
  let dueMs = Infinity;
  for (const activation of execution.activations.values()) {
    // Events find only those that are in memory.
    if (activation.arguments !== undefined || (activation.listen !== undefined && !isApproval(execution, activation))) return undefined;
    if (activation.dueMs !== undefined && activation.dueMs < dueMs) dueMs = activation.dueMs;
  }
  return dueMs;
}

/** Whether a task waits for a person's decision, which is addressed to the execution. */
export function isApproval(execution: Execution, activation: Activation): boolean {
  const node = execution.program.nodes[activation.node];
  return node?.kind === 'listen' && node.approval !== undefined;
}

/** The node of an activation. */
export function nodeOf(execution: Execution, activation: Activation) {
  const node = execution.program.nodes[activation.node];
  if (node === undefined) throw new Error(`program ${execution.program.hash} has no node ${activation.node}`);
  return node;
}

/** Where a task stands, loops included: the same place in a later attempt of a block has the same path. */
export function pathOf(execution: Execution, node: number, parent: number): string {
  let path = String(node);
  let scope = execution.activations.get(parent);
  while (scope !== undefined) {
    if (scope.loop !== undefined) path += `.${scope.loop.index}`;
    else if (scope.listen !== undefined) path += `.${scope.listen.index}`;
    scope = execution.activations.get(scope.parent);
  }
  return path;
}

/** The activation and attempt that entering `node` below `parent` will have when a `try` kept them (E5). */
export function retainedFor(execution: Execution, node: number, parent: number): { readonly guard: Guard; readonly path: string; readonly activation: number; readonly attempt: number } | undefined {
  let scope = execution.activations.get(parent);
  let path: string | undefined;
  while (scope !== undefined) {
    if (scope.guard !== undefined && scope.guard.retained.size > 0) {
      path ??= pathOf(execution, node, parent);
      const found = scope.guard.retained.get(path);
      if (found !== undefined) return { guard: scope.guard, path, ...found };
    }
    scope = execution.activations.get(scope.parent);
  }
  return undefined;
}

/** Index of the innermost loop around an activation whose parent is `parent`. */
export function iterationOf(execution: Execution, parent: number): number | undefined {
  let scope = execution.activations.get(parent);
  while (scope !== undefined) {
    if (scope.loop !== undefined) return scope.loop.index;
    if (scope.listen !== undefined) return scope.listen.index;
    scope = execution.activations.get(scope.parent);
  }
  return undefined;
}
