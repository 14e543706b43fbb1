/**
 * Numbers the tasks of a document before any of them is compiled, so that directives can point forward.
 *
 * N1 Numbers follow the order of tasks in their lists, a task before those inside it; the root is 0. The
 *    block of a `try` comes before its handler. The order of properties in an object plays no part:
 *    documents of the same canonical content have the same numbers.
 */
import type { JsonValue } from '@millrace/engine';
import { childPointer } from '../json-pointer.ts';
import { isList, onlyEntry, property, type JsonObject } from '../json-value.ts';
import { kindsOf, type TaskKind } from '../task-kinds.ts';

/** A task with its number. Its reference is also its pointer in the document. */
export interface PlannedTask {
  readonly number: number;
  readonly name: string;
  readonly reference: string;
  readonly kind: TaskKind;
  readonly definition: JsonObject;
  /** The tasks of `do` or `try`, or the branches of `fork`. */
  readonly block: readonly PlannedTask[];
  /** The tasks of `catch.do`. */
  readonly handler: readonly PlannedTask[];
}

/** Where the tasks inside a task stand. */
const BLOCKS: Readonly<Partial<Record<TaskKind, readonly string[]>>> = { do: ['do'], for: ['do'], try: ['try'], fork: ['fork', 'branches'] };

/** Plans the lists of tasks that this release runs; the content of others has no numbers. */
export function planTasks(document: JsonObject): readonly PlannedTask[] {
  let count = 1;
  const planList = (list: JsonValue | undefined, pointer: string): readonly PlannedTask[] => {
    if (!isList(list)) return [];
    return list.map((item, index) => {
      const [name = '', value] = onlyEntry(item) ?? [];
      const definition = (value ?? {}) as JsonObject;
      const reference = childPointer(childPointer(pointer, index), name);
      const number = count++;
      const kind = kindsOf(definition)[0] ?? 'do';
      const path = BLOCKS[kind];
      const block = path === undefined ? [] : planList(path.reduce<JsonValue | undefined>(property, definition), path.reduce(childPointer, reference));
      const handler = kind === 'try' ? planList(property(definition['catch'], 'do'), `${reference}/catch/do`) : [];
      return { number, name, reference, kind, definition, block, handler };
    });
  };
  return planList(document['do'], '/do');
}
