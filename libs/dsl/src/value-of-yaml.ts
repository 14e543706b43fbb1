/** A YAML text as a value, for files that describe workflows and are none. */
import { parse } from 'yaml';
import type { JsonValue } from '@millrace/engine';

/** The one document of a text. Throws with the line where it is no YAML. */
export function valueOfYaml(text: string): JsonValue {
  return parse(text, { logLevel: 'error' }) as JsonValue;
}
