/** The operations this service runs, by name, with their schemas compiled once. */
import { Ajv2020, type ErrorObject, type ValidateFunction } from 'ajv/dist/2020.js';
import { Defect } from '@millrace/errors';
import { operationName, type ConnectorManifest, type JsonObject, type JsonValue, type OperationManifest } from './manifest.ts';

/** An operation with its checks compiled. */
export interface CatalogueEntry {
  readonly name: string;
  readonly connector: ConnectorManifest;
  readonly operation: OperationManifest;
  /** A sentence that names every place where the arguments do not fit; nothing when they do. */
  check(args: JsonValue): string | undefined;
}

export interface Catalogue {
  find(name: string): CatalogueEntry | undefined;
  readonly entries: readonly CatalogueEntry[];
}

const PLACES_SHOWN = 5;

/** @throws Defect when two connectors have an operation of the same name, or a schema does not compile. */
export function compileCatalogue(connectors: readonly ConnectorManifest[]): Catalogue {
  const ajv = new Ajv2020({ allErrors: true, strict: true, strictRequired: false, allowUnionTypes: true });
  const byName = new Map<string, CatalogueEntry>();
  for (const connector of connectors) {
    for (const [id, operation] of Object.entries(connector.operations)) {
      const name = operationName(connector, id);
      if (byName.has(name)) throw new Defect(`two connectors describe ${name}`);
      const validate: ValidateFunction = ajv.compile(operation.arguments as JsonObject);
      byName.set(name, { name, connector, operation, check: (args) => (validate(args) ? undefined : describe(validate.errors ?? [])) });
    }
  }
  return { find: (name) => byName.get(name), entries: [...byName.values()] };
}

function describe(errors: readonly ErrorObject[]): string {
  const places = new Set(
    errors.map((error) => {
      const extra = error.keyword === 'additionalProperties' ? ` (${String(error.params['additionalProperty'])})` : '';
      const allowed = error.keyword === 'enum' ? `: ${JSON.stringify(error.params['allowedValues'])}` : '';
      return `${error.instancePath === '' ? '/' : error.instancePath} ${error.message ?? 'does not fit'}${extra}${allowed}`;
    }),
  );
  const shown = [...places].slice(0, PLACES_SHOWN).join('; ');
  return places.size > PLACES_SHOWN ? `${shown}; and ${places.size - PLACES_SHOWN} more` : shown;
}
