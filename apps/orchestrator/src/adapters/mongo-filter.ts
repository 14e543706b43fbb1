/** Filters of executions as conditions of MongoDB: of the history, and of the checkpoints of those that sleep. */
import type { Filter } from '@millrace/lane';

type Condition = Readonly<Record<string, unknown>>;

/** How long the database may search, in milliseconds; the caller is then asked to narrow the filter. */
export const SEARCH_MS_MAX = 8_000;

const OPERATORS = { '<': '$lt', '<=': '$lte', '>': '$gt', '>=': '$gte' } as const;
const NOTHING: Condition = { _id: { $in: [] } };

/** Of documents of the history. */
export function historyCondition(filter: Filter): Condition {
  return withIndex(filter, conditionOf(filter, {
    text: (property, among) => ({ [property]: { $in: among } }),
    time: (property, test) => ({ [property === 'started' ? 'acceptedAt' : 'endedAt']: test }),
  }));
}

/** Of checkpoints of sleeping executions, which have not ended and wait or are suspended. */
export function sleeperCondition(filter: Filter): Condition {
  return withIndex(filter, conditionOf(filter, {
    text(property, among) {
      if (property !== 'status') return { [property]: { $in: among } };
      const states = [...(among.includes('waiting') ? [{ paused: { $exists: false } }] : []), ...(among.includes('suspended') ? [{ paused: true }] : [])];
      return states.length === 0 ? NOTHING : { $or: states };
    },
    time: (property, test) => (property === 'started' ? { acceptedAt: test } : NOTHING),
  }));
}

interface Properties {
  text(property: string, among: readonly string[]): Condition;
  time(property: 'started' | 'ended', test: Condition): Condition;
}

function conditionOf(filter: Filter, properties: Properties): Condition {
  switch (filter.kind) {
    case 'all':
      return { $and: filter.of.map((each) => conditionOf(each, properties)) };
    case 'any':
      return { $or: filter.of.map((each) => conditionOf(each, properties)) };
    case 'not':
      return { $nor: [conditionOf(filter.of, properties)] };
    case 'text':
      return properties.text(filter.property, filter.among);
    case 'time':
      return properties.time(filter.property, { [OPERATORS[filter.order]]: new Date(filter.atMs) });
    case 'field': {
      const { test } = filter;
      const value = test === 'exists' ? {} : { value: 'among' in test ? { $in: test.among } : { [OPERATORS[test.order]]: test.value } };
      return { fields: { $elemMatch: { name: filter.name, ...value } } };
    }
  }
}

/** The index over fields knows those that have some, and is used where the filter says that they must. */
function withIndex(filter: Filter, condition: Condition): Condition {
  return needsFields(filter) ? { $and: [{ fields: { $exists: true } }, condition] } : condition;
}

function needsFields(filter: Filter): boolean {
  return filter.kind === 'field' || (filter.kind === 'all' && filter.of.some(needsFields));
}
