/** How single values of the contracts' messages appear in documents. */

/** A JSON value as `JSON.parse` gives it. */
export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };

/** ISO 8601 in UTC with milliseconds; null for 0, by which the messages say that it has not happened. */
export function isoTime(atMs: number): string | null {
  return atMs === 0 ? null : new Date(atMs).toISOString();
}

/** The value in a JSON-valued field; null for an empty one. Throws a SyntaxError on anything but JSON. */
export function jsonValue(text: string): Json {
  return text === '' ? null : (JSON.parse(text) as Json);
}
