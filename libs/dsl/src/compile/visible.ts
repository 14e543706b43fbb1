/**
 * Which variables an expression sees, by where it stands (DSL, Runtime expression arguments).
 */

/** Names without `$`, in the order in which expressions are given them. */
export type Visible = readonly string[];

/** What the parts of one task see; the names declared by enclosing tasks come last. */
export interface TaskScope {
  /** `if` and `input.from`. */
  readonly before: Visible;
  /** The definition of the task and `output.as`. */
  readonly during: Visible;
  /** `export.as`. */
  readonly after: Visible;
  /** Declared by enclosing tasks: the item and index of loops, the error of a catch. */
  readonly declared: readonly string[];
}

/** Workflow `input.from`. */
export const WORKFLOW_INPUT: Visible = ['workflow', 'runtime', 'secrets'];
/** Workflow `output.as`. */
export const WORKFLOW_OUTPUT: Visible = ['context', 'workflow', 'runtime', 'secrets'];

/** The scope of tasks that see what enclosing tasks have declared. */
export function taskScope(declared: readonly string[]): TaskScope {
  return {
    before: ['context', 'task', 'workflow', 'runtime', 'secrets', ...declared],
    during: ['context', 'input', 'task', 'workflow', 'runtime', 'secrets', 'authorization', ...declared],
    after: ['context', 'input', 'output', 'task', 'workflow', 'runtime', 'secrets', 'authorization', ...declared],
    declared,
  };
}

/** The scope inside a task that declares names of its own; an inner name hides an outer one. */
export function innerScope(scope: TaskScope, names: readonly string[]): TaskScope {
  return taskScope([...new Set([...scope.declared, ...names])]);
}
