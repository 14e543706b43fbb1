/** What an execution still has to take over: found when a task is entered, used up by the record that says so. */
import type { Execution } from './execution.ts';
import type { JsonValue } from './program.ts';
import type { Reusable } from './reuse.ts';

/** Where a task stands in any version of its workflow: its reference, and the iterations around it. */
export function reusePath(execution: Execution, node: number, parent: number): string {
  let path = execution.program.nodes[node]?.reference ?? '';
  for (let scope = execution.activations.get(parent); scope !== undefined; scope = execution.activations.get(scope.parent)) {
    if (scope.loop !== undefined) path += `.${scope.loop.index}`;
    else if (scope.listen !== undefined && scope.listen.index >= 0) path += `.${scope.listen.index}`;
  }
  return path;
}

/** What the task about to be entered can take over; undefined when it does its work. */
export function reusableAt(execution: Execution, node: number, parent: number): Reusable | undefined {
  return execution.reuse.size === 0 ? undefined : execution.reuse.get(reusePath(execution, node, parent))?.[0];
}

/** The task has taken it over. */
export function useUp(execution: Execution, node: number, parent: number): void {
  const path = reusePath(execution, node, parent);
  const list = execution.reuse.get(path);
  if (list === undefined || list.length <= 1) execution.reuse.delete(path);
  else execution.reuse.set(path, list.slice(1));
}

/** The table of a start's record. */
export function reuseOf(value: JsonValue | undefined): Map<string, readonly Reusable[]> {
  return new Map((value ?? []) as unknown as readonly (readonly [string, readonly Reusable[]])[]);
}
