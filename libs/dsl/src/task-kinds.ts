/** The kinds of tasks that the DSL has, each named by the property that makes it one. */
import { isObject } from './json-value.ts';
import type { JsonValue } from '@millrace/engine';

/** In the order of the DSL reference. */
export const TASK_KINDS = ['call', 'do', 'emit', 'for', 'fork', 'listen', 'raise', 'run', 'set', 'switch', 'try', 'wait'] as const;

export type TaskKind = (typeof TASK_KINDS)[number];

/** Every kind a task claims to be; exactly one when it is well formed. A `for` has a `do` of its own. */
export function kindsOf(task: JsonValue | undefined): readonly TaskKind[] {
  if (!isObject(task)) return [];
  const kinds = TASK_KINDS.filter((kind) => Object.hasOwn(task, kind));
  return kinds.includes('for') ? kinds.filter((kind) => kind !== 'do') : kinds;
}
