/**
 * Branches of a fork: how many have begun, what they come to, and what becomes of the others.
 *
 * K1 The first branch that ends decides a competing fork, whether with an output or an error; the first error
 *    decides any other. A branch that was skipped does not compete.
 * K2 Once a fork is settled no branch begins, and what the others still bring counts for nothing.
 * K3 `cut` ends all that is inside a scope without a result. Steps that are out are then cancelled by the owner.
 */
import type { Activation, Execution, ForkState } from './execution.ts';
import type { ForkNode, JsonValue } from './program.ts';

/** A branch has ended; `output` is undefined when it was skipped. */
export function finishBranch(execution: Execution, scope: Activation, fork: ForkState, branch: number, output: JsonValue | undefined): void {
  const node = forkNodeOf(execution, scope);
  const last = fork.done + 1 === node.branches.length;
  if (node.compete) {
    // Where every branch was skipped the fork's input flows through.
    if (output === undefined && !last) fork.done++;
    else if (settleBranches(execution, scope, fork)) leaveWith(execution, scope, output ?? scope.input);
    return;
  }
  if (fork.settled) {
    fork.done++;
    return;
  }
  fork.outputs[placeOf(node.branches, branch)] = output ?? scope.input;
  if (!last) fork.done++;
  else {
    const { outputs } = fork;
    if (settleBranches(execution, scope, fork)) leaveWith(execution, scope, outputs);
  }
}

/** A branch that ended decides the fork: true for the first that does. */
export function settleBranches(execution: Execution, scope: Activation, fork: ForkState): boolean {
  fork.done++;
  if (fork.settled) return false;
  fork.settled = true;
  fork.outputs = [];
  execution.ready.take('open', scope.number);
  return true;
}

/** Whether branches are under way that nobody waits for. */
export function hasOthers(activation: Activation): boolean {
  return activation.fork !== undefined && activation.fork.opened > activation.fork.done;
}

/** Forgets whatever is inside the activation; the activation itself, and an error that has reached it, stay. */
export function cut(execution: Execution, number: number): void {
  const inside = new Set<number>();
  // A scope is always entered before what is inside it, so one pass finds all.
  for (const activation of execution.activations.values()) if (activation.parent === number || inside.has(activation.parent)) inside.add(activation.number);
  for (const each of inside) execution.activations.delete(each);
  execution.ready.removeWhere((cursor) => {
    switch (cursor.kind) {
      case 'enter':
        return cursor.parent === number || inside.has(cursor.parent);
      case 'open':
        return cursor.activation === number || inside.has(cursor.activation);
      case 'leave':
      case 'raise':
        return inside.has(cursor.activation);
      case 'complete':
        return false;
    }
  });
}

function leaveWith(execution: Execution, scope: Activation, output: JsonValue): void {
  scope.flow = output;
  execution.ready.pushFirst({ kind: 'leave', activation: scope.number });
}

function forkNodeOf(execution: Execution, scope: Activation): ForkNode {
  const node = execution.program.nodes[scope.node];
  if (node?.kind !== 'fork') throw new Error(`journal of execution ${execution.id} does not fit its state: activation ${scope.number} is not a fork`);
  return node;
}

/** The place of a branch among the branches, which are in ascending order. */
function placeOf(branches: readonly number[], branch: number): number {
  let low = 0;
  let high = branches.length - 1;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((branches[middle] as number) < branch) low = middle + 1;
    else high = middle;
  }
  return low;
}
