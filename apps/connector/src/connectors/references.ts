/** References within and between descriptions (`$ref`, RFC 6901 pointers in the fragment). */
import { REFERENCES_MAX } from '../limits.ts';
import type { JsonObject, JsonValue, OperationCall } from '../manifest.ts';
import type { Resource, ResourceStore } from '../resource-store.ts';
import { DescriptionInvalid, structuredDocument } from './structured-text.ts';

/** A description with the resource it came from, so that references in it can be followed. */
export interface Description {
  readonly resource: Resource;
  readonly root: JsonObject;
}

/** A value and the description it stands in. */
export interface Found {
  readonly value: JsonObject;
  readonly within: Description;
}

export function descriptionOf(resource: Resource): Description {
  return { resource, root: resource.read(structuredDocument) };
}

/** Follows references; `argument` is what the first description was fetched by. */
export class References {
  readonly #resources: ResourceStore;
  readonly #argument: JsonValue | undefined;
  readonly #call: OperationCall;

  constructor(resources: ResourceStore, argument: JsonValue | undefined, call: OperationCall) {
    this.#resources = resources;
    this.#argument = argument;
    this.#call = call;
  }

  /** The object that a value is or refers to. @throws DescriptionInvalid, ResourceFailed */
  async follow(value: JsonValue | undefined, within: Description): Promise<Found> {
    let found = { value, within };
    for (let steps = 0; steps < REFERENCES_MAX; steps += 1) {
      if (!isObject(found.value)) throw new DescriptionInvalid(`${found.within.resource.url.href} has no object where one is needed`);
      const reference = found.value['$ref'];
      if (typeof reference !== 'string') return { value: found.value, within: found.within };
      found = await this.#at(reference, found.within);
    }
    throw new DescriptionInvalid(`a reference in ${within.resource.url.href} leads to more than ${REFERENCES_MAX} others`);
  }

  async #at(reference: string, within: Description): Promise<{ value: JsonValue | undefined; within: Description }> {
    const [address = '', pointer = ''] = reference.split('#');
    const target = address === '' ? within : descriptionOf(await this.#resources.beside(within.resource, address, this.#argument, this.#call));
    const value = valueAt(target.root, decodeURIComponent(pointer));
    if (value === undefined) throw new DescriptionInvalid(`${within.resource.url.href} refers to ${reference.slice(0, 200)}, which is not there`);
    return { value, within: target };
  }
}

function valueAt(root: JsonValue, pointer: string): JsonValue | undefined {
  let value: JsonValue | undefined = root;
  for (const segment of pointer.split('/').slice(1)) {
    const key = segment.replaceAll('~1', '/').replaceAll('~0', '~');
    value = isObject(value) || Array.isArray(value) ? (value as JsonObject)[key] : undefined;
  }
  return value;
}

export function isObject(value: JsonValue | undefined): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

export function objectsIn(value: JsonValue | undefined): readonly JsonValue[] {
  return Array.isArray(value) ? (value as readonly JsonValue[]) : [];
}

export function textIn(value: JsonValue | undefined): string | undefined {
  return typeof value === 'string' ? value : undefined;
}
