/**
 * Numbers the tasks of a document before any of them is compiled, so that directives can point forward.
 *
 * N1 Numbers follow the order of tasks in their lists, a task before those inside it; the root is 0. The
 *    block of a `try` comes before its handler. The order of properties in an object plays no part:
 *    documents of the same canonical content have the same numbers.
 * N2 A call of a function of the document is a block: first its input (`with`), then the function's own task, which
 *    is numbered anew for every call.
 */
import type { JsonValue } from '@millrace/engine';
import { childPointer } from '../json-pointer.ts';
import { isList, isObject, onlyEntry, property, type JsonObject } from '../json-value.ts';
import { PLANNED_TASKS_MAX } from '../limits.ts';
import { kindsOf, type TaskKind } from '../task-kinds.ts';

/** A task with its number. Its reference is also its pointer in the document. */
export interface PlannedTask {
  readonly number: number;
  readonly name: string;
  readonly reference: string;
  readonly kind: TaskKind;
  readonly definition: JsonObject;
  /** The tasks of `do` or `try`, the branches of `fork`, or what a call of a function of the document runs. */
  readonly block: readonly PlannedTask[];
  /** The tasks of `catch.do`. */
  readonly handler: readonly PlannedTask[];
  /** A function's task: it sees nothing that the tasks around its call declare. */
  readonly isFunction?: true;
}

/** The function of the document that a task calls, by name. */
export function functionCalledBy(definition: JsonObject, document: JsonObject): string | undefined {
  const called = definition['call'];
  const functions = property(document['use'], 'functions');
  return typeof called === 'string' && isObject(functions) && Object.hasOwn(functions, called) ? called : undefined;
}

/** Where the tasks inside a task stand. */
const BLOCKS: Readonly<Partial<Record<TaskKind, readonly string[]>>> = { do: ['do'], for: ['do'], try: ['try'], fork: ['fork', 'branches'], listen: ['foreach', 'do'] };

/** Plans the lists of tasks that this release runs; the content of others has no numbers. */
export function planTasks(document: JsonObject): readonly PlannedTask[] {
  let count = 1;
  const planTask = (name: string, definition: JsonObject, reference: string, within: readonly string[]): PlannedTask => {
    const number = count++;
    const kind = kindsOf(definition)[0] ?? 'do';
    const path = BLOCKS[kind];
    const block = path === undefined ? planFunction(definition, reference, within) : planList(path.reduce<JsonValue | undefined>(property, definition), path.reduce(childPointer, reference), within);
    const handler = kind === 'try' ? planList(property(definition['catch'], 'do'), `${reference}/catch/do`, within) : [];
    return { number, name, reference, kind, definition, block, handler };
  };
  const planList = (list: JsonValue | undefined, pointer: string, within: readonly string[]): readonly PlannedTask[] => {
    if (!isList(list)) return [];
    return list.map((item, index) => {
      const [name = '', value] = onlyEntry(item) ?? [];
      return planTask(name, (value ?? {}) as JsonObject, childPointer(childPointer(pointer, index), name), within);
    });
  };
  /** N2. A function that calls itself, or one too many, has no tasks here; the compiler then refuses the call. */
  const planFunction = (definition: JsonObject, reference: string, within: readonly string[]): readonly PlannedTask[] => {
    const name = functionCalledBy(definition, document);
    if (name === undefined || within.includes(name) || count > PLANNED_TASKS_MAX) return [];
    const given = definition['with'];
    const input: readonly PlannedTask[] = given === undefined ? [] : [{ number: count++, name: 'with', reference, kind: 'set', definition: { with: given }, block: [], handler: [] }];
    const body = property(property(document['use'], 'functions'), name);
    return [...input, { ...planTask(name, (body ?? {}) as JsonObject, childPointer('/use/functions', name), [...within, name]), isFunction: true }];
  };
  return planList(document['do'], '/do', []);
}
