/** Compares values as tests need it, and says the first thing that differs, with its place. */
import type { JsonValue } from '@millrace/engine';

/** Longest value that is shown, in characters. */
const SHOWN_CHARACTERS_MAX = 200;

/** A sentence about the first difference, or nothing. With `isPartial`, objects may have more than is expected. */
export function differenceOf(actual: JsonValue | undefined, expected: JsonValue, { isPartial = false }: { readonly isPartial?: boolean } = {}, place = ''): string | undefined {
  const where = place === '' ? '' : `at ${place}: `;
  if (actual === undefined) return `${where}expected ${shown(expected)}, and there is nothing`;
  if (isList(expected)) {
    if (!isList(actual)) return `${where}expected ${shown(expected)}, got ${shown(actual)}`;
    for (let index = 0; index < Math.max(actual.length, expected.length); index++) {
      if (index >= expected.length) return `at ${place}[${index}]: expected no more elements, got ${shown(actual[index])}`;
      const found = differenceOf(actual[index], expected[index] as JsonValue, { isPartial }, `${place}[${index}]`);
      if (found !== undefined) return found;
    }
    return undefined;
  }
  if (isObject(expected)) {
    if (!isObject(actual)) return `${where}expected ${shown(expected)}, got ${shown(actual)}`;
    for (const [name, value] of Object.entries(expected)) {
      const found = differenceOf(Object.hasOwn(actual, name) ? actual[name] : undefined, value, { isPartial }, `${place}.${name}`);
      if (found !== undefined) return found;
    }
    const more = isPartial ? undefined : Object.keys(actual).find((name) => !Object.hasOwn(expected, name));
    return more === undefined ? undefined : `at ${place}.${more}: expected nothing, got ${shown(actual[more])}`;
  }
  return actual === expected ? undefined : `${where}expected ${shown(expected)}, got ${shown(actual)}`;
}

/** A value as text, cut off where it is long. */
export function shown(value: JsonValue | undefined): string {
  const text = JSON.stringify(value) ?? 'nothing';
  return text.length <= SHOWN_CHARACTERS_MAX ? text : `${text.slice(0, SHOWN_CHARACTERS_MAX - 1)}…`;
}

function isObject(value: JsonValue): value is { readonly [key: string]: JsonValue } {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isList(value: JsonValue): value is readonly JsonValue[] {
  return Array.isArray(value);
}
