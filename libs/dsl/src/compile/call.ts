/**
 * Calls: HTTP as an operation of its own, and functions of the default catalog.
 *
 * L1 What a task calls is known when it is compiled: an operation, its version, and at most one connection.
 */
import type { JsonValue, Template } from '@millrace/engine';
import { closestName } from '../closest-name.ts';
import { isObject, property, type JsonObject } from '../json-value.ts';
import { NAME_PATTERN, NAME_RULE } from '../resource-name.ts';
import type { Compilation } from './compilation.ts';
import { expressionSource } from './expression.ts';
import type { PlannedTask } from './plan.ts';
import { compileTemplate, objectTemplate } from './template.ts';
import { compileUri } from './uri-template.ts';
import type { Visible } from './visible.ts';

/** The operation that `call: http` stands for. */
export const HTTP_OPERATION = 'http.request:1.0.0@default';

/** What a call comes to. */
export interface CompiledCall {
  readonly operation: string;
  readonly connection?: string;
  readonly arguments: Template;
}

const PROTOCOL_CALLS: readonly string[] = ['grpc', 'openapi', 'asyncapi', 'mcp', 'a2a'];
const CATALOGUED = /^[A-Za-z][\w-]*(?:\.[A-Za-z][\w-]*)*:\d+\.\d+\.\d+(?:-[0-9A-Za-z.-]+)?@default$/;
const NOTHING: CompiledCall = { operation: '', arguments: { kind: 'literal', value: {} } };

export function compileCall(compilation: Compilation, task: PlannedTask, visible: Visible): CompiledCall {
  const called = String(task.definition['call']);
  const given = task.definition['with'];
  const parameters = isObject(given) ? given : {};
  if (called === 'http') return compileHttp(compilation, parameters, `${task.reference}/with`, visible);
  if (CATALOGUED.test(called)) return compileCatalogued(compilation, called, parameters, `${task.reference}/with`, visible);
  refuse(compilation, called, `${task.reference}/call`);
  return NOTHING;
}

/** A function's connection is named by a parameter that the function itself never sees. */
function compileCatalogued(compilation: Compilation, operation: string, parameters: JsonObject, pointer: string, visible: Visible): CompiledCall {
  if (isObject(property(property(compilation.document.value['use'], 'catalogs'), 'default'))) {
    compilation.unsupported({ pointer: '/use/catalogs/default' }, 'a catalog in place of the default one');
  }
  const { connection, ...rest } = parameters;
  const template = compileTemplate(compilation, rest, pointer, visible);
  if (connection === undefined) return { operation, arguments: template };
  return { operation, connection: connectionName(compilation, connection, `${pointer}/connection`), arguments: template };
}

/** `call: http` (DSL reference, HTTP Call): every argument is stated, defaults too. */
function compileHttp(compilation: Compilation, parameters: JsonObject, pointer: string, visible: Visible): CompiledCall {
  const entries: (readonly [string, Template])[] = [];
  const add = (name: string): void => {
    const value = parameters[name];
    if (value !== undefined) entries.push([name, compileTemplate(compilation, value, `${pointer}/${name}`, visible)]);
  };
  add('method');
  const endpoint = parameters['endpoint'] ?? '';
  const shorthand = typeof endpoint === 'string';
  const uri = shorthand ? endpoint : String(property(endpoint, 'uri') ?? '');
  entries.push(['uri', compileUri(compilation, uri, shorthand ? `${pointer}/endpoint` : `${pointer}/endpoint/uri`, visible)]);
  for (const name of ['headers', 'query', 'body']) add(name);
  entries.push(['output', { kind: 'literal', value: parameters['output'] ?? 'content' }]);
  entries.push(['redirect', { kind: 'literal', value: parameters['redirect'] ?? false }]);
  const authentication = property(endpoint, 'authentication');
  const access = authentication === undefined ? {} : compileAuthentication(compilation, authentication, `${pointer}/endpoint/authentication`, visible);
  if (access.credentials) entries.push(['authentication', access.credentials]);
  return { operation: HTTP_OPERATION, ...(access.connection === undefined ? {} : { connection: access.connection }), arguments: objectTemplate(entries) };
}

interface Access {
  readonly credentials?: Template;
  readonly connection?: string;
}

/** Credentials written in the document, or the name of a connection of the organisation. */
function compileAuthentication(compilation: Compilation, authentication: JsonValue, pointer: string, visible: Visible): Access {
  const name = property(authentication, 'use');
  if (typeof name !== 'string') return compilePolicy(compilation, authentication, pointer, visible);
  const policies = property(compilation.document.value['use'], 'authentications');
  const policy = property(policies, name);
  if (policy !== undefined) return compilePolicy(compilation, policy, `/use/authentications/${name}`, visible);
  const meant = closestName(name, isObject(policies) ? Object.keys(policies) : []);
  if (meant !== undefined) compilation.warn({ pointer: `${pointer}/use` }, `\`${name}\` is taken for a connection of the organisation`, `if you mean the authentication in \`use\`, write \`${meant}\``);
  return { connection: connectionName(compilation, name, `${pointer}/use`) };
}

function compilePolicy(compilation: Compilation, policy: JsonValue, pointer: string, visible: Visible): Access {
  const [scheme = '', settings = null] = isObject(policy) ? (Object.entries(policy)[0] ?? []) : [];
  if (scheme !== 'basic' && scheme !== 'bearer') {
    compilation.unsupported({ pointer: `${pointer}/${scheme}` }, `\`${scheme}\` authentication`, 'use `basic` or `bearer`, or name a connection with `authentication: { use: NAME }`');
    return {};
  }
  if (property(settings, 'use') !== undefined) {
    compilation.unsupported({ pointer: `${pointer}/${scheme}/use` }, 'authentication from a secret', 'name a connection of the organisation with `authentication: { use: NAME }`');
    return {};
  }
  const names = scheme === 'basic' ? ['username', 'password'] : ['token'];
  const parts = names.map((name) => [name, compileTemplate(compilation, property(settings, name) ?? '', `${pointer}/${scheme}/${name}`, visible)] as const);
  return { credentials: objectTemplate([['kind', { kind: 'literal', value: scheme }], ...parts]) };
}

function connectionName(compilation: Compilation, name: JsonValue, pointer: string): string {
  if (typeof name === 'string' && expressionSource(name) !== undefined) {
    compilation.unsupported({ pointer, side: 'value' }, 'a connection named by an expression', 'write the name of a connection of the organisation');
  } else if (typeof name !== 'string' || !NAME_PATTERN.test(name)) {
    compilation.invalid({ pointer }, `a connection's name must be ${NAME_RULE}`, 'write the name of a connection of the organisation');
  }
  return String(name);
}

/** Says why a call cannot be made, as far as its name shows what was meant. */
function refuse(compilation: Compilation, called: string, pointer: string): void {
  const at = { pointer, side: 'value' } as const;
  const functions = property(compilation.document.value['use'], 'functions');
  const defined = isObject(functions) ? Object.keys(functions) : [];
  const catalog = /@([^@]+)$/.exec(called)?.[1];
  if (PROTOCOL_CALLS.includes(called)) return compilation.unsupported(at, `\`call: ${called}\``);
  if (defined.includes(called)) return compilation.unsupported(at, `a function defined in the document (\`${called}\`)`);
  if (/^[a-z][a-z0-9+.-]*:\/\//i.test(called)) return compilation.unsupported(at, 'a function fetched from a URI', 'call a function of the default catalog: `name:1.0.0@default`');
  if (catalog !== undefined && catalog !== 'default') return compilation.unsupported(at, `the catalog \`${catalog}\``, 'call a function of the default catalog: `name:1.0.0@default`');
  if (catalog === 'default') return compilation.invalid(at, `\`${called}\` is no function of a catalog`, 'write the name, a full version and the catalog, as in `http.request:1.0.0@default`');
  const meant = closestName(called, ['http', ...PROTOCOL_CALLS, ...defined]);
  const suggestion = meant !== undefined ? `did you mean \`${meant}\`?` : /:\d/.test(called) ? `write \`${called}@default\` for a function of the default catalog` : 'write `http`, or a function of the default catalog such as `http.request:1.0.0@default`';
  compilation.invalid(at, `there is no function \`${called}\``, suggestion);
}
