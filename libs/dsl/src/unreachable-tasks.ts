/** Finds tasks of a list that control can never reach. */
import { isList, onlyEntry, property } from './json-value.ts';
import type { TaskPlace } from './task-lists.ts';

/** The tasks that no path from the list's first task leads to, in their order. */
export function unreachableTasks(tasks: readonly TaskPlace[]): readonly TaskPlace[] {
  const indexOf = new Map(tasks.map((task, index) => [task.name, index]));
  const reached = new Set<number>();
  const open = tasks.length > 0 ? [0] : [];
  for (let index = open.pop(); index !== undefined; index = open.pop()) {
    const task = tasks[index];
    if (task === undefined || reached.has(index)) continue;
    reached.add(index);
    for (const target of targetsOf(task)) {
      const next = target === 'continue' ? index + 1 : target === 'exit' || target === 'end' ? undefined : indexOf.get(target);
      if (next !== undefined) open.push(next);
    }
  }
  return tasks.filter((_, index) => !reached.has(index));
}

/** Every directive that may be followed when a task has ended. */
function targetsOf(task: TaskPlace): readonly string[] {
  const { definition } = task;
  const targets = new Set<string>();
  const own = property(definition, 'then');
  // A task that is skipped does not follow its own directive.
  if (Object.hasOwn(definition, 'if')) targets.add('continue');
  const cases = property(definition, 'switch');
  if (isList(cases)) {
    let total = false;
    for (const item of cases) {
      const definitionOfCase = onlyEntry(item)?.[1];
      const then = property(definitionOfCase, 'then');
      if (typeof then === 'string') targets.add(then);
      if (property(definitionOfCase, 'when') === undefined) total = true;
    }
    if (total) return [...targets];
  }
  if (Object.hasOwn(definition, 'raise')) return [...targets];
  targets.add(typeof own === 'string' ? own : 'continue');
  return [...targets];
}
