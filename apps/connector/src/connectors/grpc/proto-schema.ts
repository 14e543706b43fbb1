/**
 * Protos that a call is described by: read once, with what they import.
 *
 * An import is looked for in the folder of the proto that the call names; the well-known ones are there already.
 */
import protobuf from 'protobufjs';
import { PROTO_IMPORTS_MAX } from '../../limits.ts';
import type { JsonValue, OperationCall } from '../../manifest.ts';
import type { Resource, ResourceStore } from '../../resource-store.ts';
import { DescriptionInvalid } from '../structured-text.ts';

/** Reads protos; one proto is read once as long as its resource is kept. */
export class ProtoSchemas {
  readonly #resources: ResourceStore;
  readonly #roots = new WeakMap<Resource, Promise<protobuf.Root>>();

  constructor(resources: ResourceStore) {
    this.#resources = resources;
  }

  /** @throws DescriptionInvalid, ResourceFailed */
  async schemaOf(argument: JsonValue | undefined, call: OperationCall): Promise<protobuf.Root> {
    const resource = await this.#resources.get(argument, call);
    const known = this.#roots.get(resource);
    if (known !== undefined) return known;
    const root = this.#read(resource, argument, call);
    this.#roots.set(resource, root);
    root.catch(() => this.#roots.delete(resource));
    return root;
  }

  async #read(main: Resource, argument: JsonValue | undefined, call: OperationCall): Promise<protobuf.Root> {
    const root = new protobuf.Root();
    const seen = new Set<string>();
    const waiting: { readonly name: string; readonly resource: Resource }[] = [{ name: main.url.href, resource: main }];
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
      for (const imported of parsed(next.name, next.resource.text, root)) {
        if (seen.has(imported)) continue;
        seen.add(imported);
        if (seen.size > PROTO_IMPORTS_MAX) throw new DescriptionInvalid(`${main.url.href} imports more than ${PROTO_IMPORTS_MAX} protos`);
        if (addWellKnown(root, imported)) continue;
        waiting.push({ name: imported, resource: await this.#resources.beside(main, imported, argument, call) });
      }
    }
    try {
      root.resolveAll();
      return root;
    } catch (error) {
      throw new DescriptionInvalid(`${main.url.href}: ${reasonOf(error)}`);
    }
  }
}

/** Adds what a proto defines, and yields what it imports. */
function parsed(name: string, text: string, root: protobuf.Root): readonly string[] {
  try {
    const { imports = [], weakImports = [] } = protobuf.parse(text, root, { keepCase: false });
    return [...imports, ...weakImports];
  } catch (error) {
    throw new DescriptionInvalid(`${name} is no proto: ${reasonOf(error)}`);
  }
}

const WELL_KNOWN = ['any', 'duration', 'empty', 'field_mask', 'struct', 'timestamp', 'wrappers'];

function addWellKnown(root: protobuf.Root, name: string): boolean {
  const known = WELL_KNOWN.some((each) => name === `google/protobuf/${each}.proto`) ? protobuf.common.get(name) : null;
  if (known?.nested === undefined) return false;
  root.addJSON(known.nested);
  return true;
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? (error.message.split('\n')[0] ?? '') : String(error);
}

/** The method of a service. @throws DescriptionInvalid */
export function methodOf(root: protobuf.Root, service: string, method: string): protobuf.Method {
  let found: protobuf.Service;
  try {
    found = root.lookupService(service);
  } catch {
    throw new DescriptionInvalid(`the proto has no service ${service}`);
  }
  const chosen = Object.hasOwn(found.methods, method) ? found.methods[method] : undefined;
  if (chosen === undefined) throw new DescriptionInvalid(`the service ${service} has no method ${method}; it has ${Object.keys(found.methods).join(', ')}`);
  return chosen;
}
