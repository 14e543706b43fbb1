/**
 * Finds every list of tasks in a workflow document, wherever the DSL allows one.
 *
 * The document may be wrong in any way: whatever is not as expected is passed over.
 */
import type { JsonValue } from '@millrace/engine';
import { childPointer } from './json-pointer.ts';
import { isList, isObject, onlyEntry, property, type JsonObject } from './json-value.ts';

/** A task where it stands. */
export interface TaskPlace {
  readonly name: string;
  readonly pointer: string;
  readonly definition: JsonObject;
}

/** One scope: the tasks that flow directives of one another can name. */
export interface TaskList {
  readonly pointer: string;
  readonly tasks: readonly TaskPlace[];
  /** The tasks run at the same time: none leads to another. */
  readonly areBranches: boolean;
}

/** Every list of the document, outer ones before those inside. */
export function taskListsOf(document: JsonValue): readonly TaskList[] {
  const found: TaskList[] = [];
  const enterList = (value: JsonValue | undefined, pointer: string, areBranches: boolean): void => {
    if (!isList(value)) return;
    const tasks = value.flatMap((item, index): readonly TaskPlace[] => {
      const [name, definition] = onlyEntry(item) ?? [];
      return name !== undefined && isObject(definition) ? [{ name, definition, pointer: childPointer(childPointer(pointer, index), name) }] : [];
    });
    found.push({ pointer, tasks, areBranches });
    for (const task of tasks) enterTask(task.definition, task.pointer);
  };
  const enterAt = (value: JsonValue | undefined, pointer: string, path: readonly string[]): void => {
    enterList(path.reduce(property, value), path.reduce(childPointer, pointer), path === BRANCHES);
  };
  const enterTask = (task: JsonObject, pointer: string): void => {
    for (const path of LISTS_OF_A_TASK) enterAt(task, pointer, path);
  };

  enterAt(document, '', ['do']);
  const use = property(document, 'use');
  const functions = property(use, 'functions');
  if (isObject(functions)) {
    for (const [name, task] of Object.entries(functions)) if (isObject(task)) enterTask(task, childPointer('/use/functions', name));
  }
  const extensions = property(use, 'extensions');
  if (isList(extensions)) {
    extensions.forEach((item, index) => {
      const [name, extension] = onlyEntry(item) ?? [];
      if (name === undefined) return;
      const pointer = childPointer(childPointer('/use/extensions', index), name);
      enterAt(extension, pointer, ['before']);
      enterAt(extension, pointer, ['after']);
    });
  }
  return found;
}

const BRANCHES = ['fork', 'branches'] as const;
const LISTS_OF_A_TASK: readonly (readonly string[])[] = [['do'], ['try'], ['catch', 'do'], BRANCHES, ['foreach', 'do'], ['with', 'subscription', 'foreach', 'do']];
