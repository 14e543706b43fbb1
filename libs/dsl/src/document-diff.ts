/**
 * What differs between two documents, by path.
 *
 * Owns how their parts are matched: properties by name, entries of a task list by the task's name, wherever it
 * stands; entries of other lists by their place.
 */
import { isObject, type JsonObject } from './json-value.ts';
import type { JsonValue } from '@millrace/engine';

export type DocumentChange =
  | { readonly path: string; readonly kind: 'added'; readonly before?: undefined; readonly after: JsonValue }
  | { readonly path: string; readonly kind: 'removed'; readonly before: JsonValue; readonly after?: undefined }
  | { readonly path: string; readonly kind: 'changed'; readonly before: JsonValue; readonly after: JsonValue }
  /** Of a task that stands elsewhere among those that both documents have; its places in the lists, from 0. */
  | { readonly path: string; readonly kind: 'moved'; readonly before: number; readonly after: number };

/** In the order of the documents; a task stands in a path by its name, such as `/do/charge/with/uri` (RFC 6901 escapes). */
export function diffDocuments(before: JsonValue, after: JsonValue): readonly DocumentChange[] {
  const changes: DocumentChange[] = [];
  compare(before, after, '', changes);
  return changes;
}

function compare(before: JsonValue, after: JsonValue, path: string, changes: DocumentChange[]): void {
  if (isObject(before) && isObject(after)) {
    compareObjects(before, after, path, changes);
    return;
  }
  if (Array.isArray(before) && Array.isArray(after)) {
    const tasksBefore = taskList(before);
    const tasksAfter = taskList(after);
    if (tasksBefore !== undefined && tasksAfter !== undefined) {
      compareObjects(Object.fromEntries(tasksBefore), Object.fromEntries(tasksAfter), path, changes);
      changes.push(...movedTasks([...tasksBefore.keys()], [...tasksAfter.keys()], path));
    } else {
      compareObjects(byPlace(before), byPlace(after), path, changes);
    }
    return;
  }
  if (before !== after) changes.push({ path, kind: 'changed', before, after });
}

function compareObjects(before: JsonObject, after: JsonObject, path: string, changes: DocumentChange[]): void {
  for (const [name, value] of Object.entries(before)) {
    const at = `${path}/${escaped(name)}`;
    const now = Object.hasOwn(after, name) ? after[name] : undefined;
    if (now === undefined) changes.push({ path: at, kind: 'removed', before: value as JsonValue });
    else compare(value as JsonValue, now, at, changes);
  }
  for (const [name, value] of Object.entries(after)) if (!Object.hasOwn(before, name)) changes.push({ path: `${path}/${escaped(name)}`, kind: 'added', after: value as JsonValue });
}

/** A list whose entries have one property each, no two the same; undefined when it is another. */
function taskList(values: readonly JsonValue[]): ReadonlyMap<string, JsonValue> | undefined {
  const tasks = new Map<string, JsonValue>();
  for (const value of values) {
    const entries = isObject(value) ? Object.entries(value) : [];
    const [entry] = entries;
    if (entry === undefined || entries.length > 1 || tasks.has(entry[0])) return undefined;
    tasks.set(entry[0], entry[1] as JsonValue);
  }
  return tasks;
}

function byPlace(values: readonly JsonValue[]): JsonObject {
  return Object.fromEntries(values.entries());
}

/** The fewest of the common tasks that have to be moved to bring one order into the other. */
function movedTasks(before: readonly string[], after: readonly string[], path: string): readonly DocumentChange[] {
  const placeAfter = new Map(after.map((name, place) => [name, place]));
  const placeBefore = new Map(before.map((name, place) => [name, place]));
  const common = before.filter((name) => placeAfter.has(name));
  const kept = new Set(longestRise(common.map((name) => placeAfter.get(name) ?? 0)));
  return common.filter((name) => !kept.has(placeAfter.get(name) ?? 0)).map((name) => ({ path: `${path}/${escaped(name)}`, kind: 'moved', before: placeBefore.get(name) ?? 0, after: placeAfter.get(name) ?? 0 }));
}

/** The longest rising subsequence, by the lowest last number of each length (patience sorting). */
function longestRise(numbers: readonly number[]): readonly number[] {
  const lasts: number[] = [];
  const previous = new Map<number, number | undefined>();
  for (const number of numbers) {
    let low = 0;
    let high = lasts.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((lasts[middle] ?? 0) < number) low = middle + 1;
      else high = middle;
    }
    previous.set(number, lasts[low - 1]);
    lasts[low] = number;
  }
  const rise: number[] = [];
  for (let number = lasts.at(-1); number !== undefined; number = previous.get(number)) rise.push(number);
  return rise;
}

function escaped(name: string): string {
  return name.replaceAll('~', '~0').replaceAll('/', '~1');
}
