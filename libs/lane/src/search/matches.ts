/** Whether an execution in memory is one that a filter means; the database decides the same in its own way. */
import type { FieldValue, FieldValues } from '@millrace/engine';
import type { Filter, Order } from './filter.ts';

export interface Searched {
  readonly organisation: string;
  readonly workflow: string;
  readonly version: string;
  readonly status: string;
  readonly startedAtMs: number;
  /** 0: not yet. */
  readonly endedAtMs: number;
}

/** Undefined when that depends on fields, and they are not given. */
export function matches(filter: Filter, searched: Searched, fields?: FieldValues): boolean | undefined {
  switch (filter.kind) {
    case 'all':
      return every(filter.of.map((each) => matches(each, searched, fields)));
    case 'any':
      return not(every(filter.of.map((each) => not(matches(each, searched, fields)))));
    case 'not':
      return not(matches(filter.of, searched, fields));
    case 'text':
      return filter.among.includes(searched[filter.property]);
    case 'time': {
      const atMs = filter.property === 'started' ? searched.startedAtMs : searched.endedAtMs;
      return atMs !== 0 && isOrdered(atMs - filter.atMs, filter.order);
    }
    case 'field':
      return fields === undefined ? undefined : fieldMatches(filter.test, Object.hasOwn(fields, filter.name) ? fields[filter.name] : undefined);
  }
}

function fieldMatches(test: Extract<Filter, { readonly kind: 'field' }>['test'], value: FieldValue | undefined): boolean {
  if (value === undefined) return false;
  if (test === 'exists') return true;
  if ('among' in test) return test.among.includes(value);
  if (typeof value === 'number' && typeof test.value === 'number') return isOrdered(value - test.value, test.order);
  return typeof value === 'string' && typeof test.value === 'string' && isOrdered(Buffer.compare(Buffer.from(value), Buffer.from(test.value)), test.order);
}

function isOrdered(difference: number, order: Order): boolean {
  if (difference === 0) return order === '<=' || order === '>=';
  return difference < 0 === order.startsWith('<');
}

function every(found: readonly (boolean | undefined)[]): boolean | undefined {
  return found.includes(false) ? false : found.includes(undefined) ? undefined : true;
}

function not(found: boolean | undefined): boolean | undefined {
  return found === undefined ? undefined : !found;
}
