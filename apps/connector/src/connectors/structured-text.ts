/** Documents that describe interfaces, in JSON or YAML 1.2. */
import { parse } from 'yaml';
import { DESCRIPTION_ALIASES_MAX, YAML_CHARACTERS_MAX } from '../limits.ts';
import type { JsonObject } from '../manifest.ts';
import type { Resource } from '../resource-store.ts';

/** A description that cannot be used; a sentence that says where and why. */
export class DescriptionInvalid extends Error {}

/** The document of a resource. YAML is slow to read, so that it may be less long. @throws DescriptionInvalid */
export function structuredDocument({ text, url }: Resource): JsonObject {
  const value = /^\s*[[{]/.test(text) ? jsonOf(text, url) : yamlOf(text, url);
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new DescriptionInvalid(`${url.href} is not a JSON or YAML object`);
  return value as JsonObject;
}

function jsonOf(text: string, url: URL): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // A flow mapping of YAML begins like JSON.
    return yamlOf(text, url);
  }
}

function yamlOf(text: string, url: URL): unknown {
  if (text.length > YAML_CHARACTERS_MAX) throw new DescriptionInvalid(`${url.href} is YAML of more than ${YAML_CHARACTERS_MAX} characters; offer it as JSON`);
  try {
    return parse(text, { maxAliasCount: DESCRIPTION_ALIASES_MAX, logLevel: 'error' });
  } catch (error) {
    throw new DescriptionInvalid(`${url.href} is neither JSON nor YAML: ${error instanceof Error ? (error.message.split('\n')[0] ?? '') : ''}`);
  }
}
