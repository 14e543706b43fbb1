/**
 * Subscriptions in memory, found by organisation and type: an event is shown to those that can take it alone.
 *
 * Exact types are looked up; beginnings are looked up too, one for each full stop in the event's type. So the cost of an
 * event does not grow with the number of subscriptions.
 */
import type { CloudEvent } from '@millrace/engine';

/** Entries of one process. */
export const SUBSCRIPTIONS_MAX = 100_000;
/** Above so many different types of an organisation all its events are read. */
export const TYPES_READ_MAX = 64;

/** Something that wants events of a type; `key` names it within its organisation. */
export interface TypedEntry<T> {
  readonly organisation: string;
  readonly key: string;
  /** A type, the beginning of types with `.*`, or `*`. */
  readonly types: readonly string[];
  readonly value: T;
}

export interface TypeIndex<T> {
  /** Replaces the entry of that key. False when there is no room. */
  set(entry: TypedEntry<T>): boolean;
  remove(organisation: string, key: string): void;
  /** Those that want events of the event's type, each once. */
  of(organisation: string, event: CloudEvent): readonly T[];
  list(organisation: string): readonly T[];
  /** Which types are wanted, by organisation: exact, beginnings with `.*`, and `*`. */
  wanted(): ReadonlyMap<string, ReadonlySet<string>>;
  readonly size: number;
}

export function createTypeIndex<T>(): TypeIndex<T> {
  const entries = new Map<string, TypedEntry<T>>();
  const byType = new Map<string, Map<string, Set<TypedEntry<T>>>>();

  function remove(organisation: string, key: string): void {
    const place = `${organisation}/${key}`;
    const entry = entries.get(place);
    if (entry === undefined) return;
    entries.delete(place);
    const types = byType.get(organisation);
    for (const type of entry.types) {
      const found = types?.get(type);
      found?.delete(entry);
      if (found?.size === 0) types?.delete(type);
    }
    if (types?.size === 0) byType.delete(organisation);
  }

  return {
    set(entry) {
      remove(entry.organisation, entry.key);
      if (entries.size >= SUBSCRIPTIONS_MAX) return false;
      entries.set(`${entry.organisation}/${entry.key}`, entry);
      const types = byType.get(entry.organisation) ?? new Map<string, Set<TypedEntry<T>>>();
      byType.set(entry.organisation, types);
      for (const type of entry.types) {
        const found = types.get(type);
        if (found === undefined) types.set(type, new Set([entry]));
        else found.add(entry);
      }
      return true;
    },
    remove,
    of(organisation, event) {
      const types = byType.get(organisation);
      if (types === undefined) return [];
      const found = new Set<TypedEntry<T>>();
      for (const pattern of patternsOf(String(event['type']))) for (const entry of types.get(pattern) ?? []) found.add(entry);
      return [...found].map(({ value }) => value);
    },
    list: (organisation) => [...entries.values()].filter((entry) => entry.organisation === organisation).map(({ value }) => value),
    wanted: () => new Map([...byType].map(([organisation, types]) => [organisation, new Set(types.keys())])),
    get size() {
      return entries.size;
    },
  };
}

/** What an entry may have written to get events of the type: the type, `*`, and each of its beginnings. */
export function patternsOf(type: string): readonly string[] {
  const patterns = [type, '*'];
  for (let at = type.indexOf('.'); at !== -1; at = type.indexOf('.', at + 1)) patterns.push(`${type.slice(0, at)}.*`);
  return patterns;
}

/** Subjects of EVENTS on which wanted events come. Lifecycle events come in batches on a subject of their own. */
export function subjectsOf(wanted: ReadonlyMap<string, ReadonlySet<string>>): readonly string[] {
  const subjects = new Set<string>();
  for (const [organisation, types] of wanted) {
    if (types.has('*') || types.size > TYPES_READ_MAX) {
      subjects.add(`events.${organisation}.>`);
      continue;
    }
    for (const type of types) {
      if (isLifecyclePattern(type)) subjects.add(`events.${organisation}.lifecycle`);
      const prefix = type.endsWith('.*') ? `${type.slice(0, -2)}.>` : type;
      if (!type.startsWith(LIFECYCLE)) subjects.add(`events.${organisation}.${prefix}`);
    }
  }
  return withoutCovered([...subjects]);
}

const LIFECYCLE = 'io.serverlessworkflow.';

/** Whether a pattern takes types of lifecycle events. */
function isLifecyclePattern(type: string): boolean {
  return type.startsWith(LIFECYCLE) || (type.endsWith('.*') && LIFECYCLE.startsWith(type.slice(0, -1)));
}

/** NATS refuses filters of one consumer that overlap. */
function withoutCovered(subjects: readonly string[]): readonly string[] {
  const covers = (wide: string, narrow: string): boolean => wide !== narrow && wide.endsWith('.>') && narrow.startsWith(wide.slice(0, -1));
  return subjects.filter((subject) => !subjects.some((other) => covers(other, subject))).sort();
}
