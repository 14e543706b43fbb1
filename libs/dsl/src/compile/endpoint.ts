/** Endpoints and external resources (DSL reference, Endpoint, External Resource). */
import type { JsonValue, Template } from '@millrace/engine';
import { property } from '../json-value.ts';
import { compileAuthentication, type Access, type NamedOutside } from './authentication.ts';
import type { Compilation } from './compilation.ts';
import { objectTemplate } from './template.ts';
import { compileUri } from './uri-template.ts';
import type { Visible } from './visible.ts';

export interface CompiledEndpoint {
  readonly uri: Template;
  readonly access: Access;
}

/** An endpoint as text, expression or object. */
export function compileEndpoint(compilation: Compilation, endpoint: JsonValue, pointer: string, visible: Visible, outside: NamedOutside = 'connection'): CompiledEndpoint {
  if (typeof endpoint === 'string') return { uri: compileUri(compilation, endpoint, pointer, visible), access: {} };
  return {
    uri: compileUri(compilation, String(property(endpoint, 'uri') ?? ''), `${pointer}/uri`, visible),
    access: compileAuthentication(compilation, property(endpoint, 'authentication'), `${pointer}/authentication`, visible, outside),
  };
}

/** An external resource as an argument `{uri, authentication?}`. */
export function compileResource(compilation: Compilation, resource: JsonValue | undefined, pointer: string, visible: Visible): Template {
  const { uri, access } = compileEndpoint(compilation, property(resource, 'endpoint') ?? '', `${pointer}/endpoint`, visible, 'nothing');
  return objectTemplate([['uri', uri], ...(access.credentials === undefined ? [] : [['authentication', access.credentials] as const])]);
}
