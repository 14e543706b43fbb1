/**
 * Calls: the protocols of the DSL, and functions of the default catalog.
 *
 * L1 What a task calls is known when it is compiled: an operation, its version, and at most one connection.
 */
import type { Template } from '@millrace/engine';
import { closestName } from '../closest-name.ts';
import { isObject, property, type JsonObject } from '../json-value.ts';
import { PLANNED_TASKS_MAX } from '../limits.ts';
import { connectionName } from './authentication.ts';
import type { Compilation } from './compilation.ts';
import type { PlannedTask } from './plan.ts';
import { PROTOCOL_CALLS } from './protocol-calls.ts';
import { secretsArgument } from './secrets.ts';
import { compileTemplate, objectTemplate } from './template.ts';
import type { Visible } from './visible.ts';

/** What a call comes to. */
export interface CompiledCall {
  readonly operation: string;
  readonly connection?: string;
  /** The scheme that `$authorization` names. */
  readonly authorization?: string;
  readonly arguments: Template;
}

const CATALOGUED = /^[A-Za-z][\w-]*(?:\.[A-Za-z][\w-]*)*:\d+\.\d+\.\d+(?:-[0-9A-Za-z.-]+)?@default$/;
const NOTHING: CompiledCall = { operation: '', arguments: { kind: 'literal', value: {} } };

export function compileCall(compilation: Compilation, task: PlannedTask, visible: Visible): CompiledCall {
  const compiled = compileTarget(compilation, task, visible);
  const secrets = secretsArgument(compilation);
  return secrets.length === 0 ? compiled : { ...compiled, arguments: objectTemplate([...entriesOf(compiled.arguments), ...secrets]) };
}

function compileTarget(compilation: Compilation, task: PlannedTask, visible: Visible): CompiledCall {
  const called = String(task.definition['call']);
  const given = task.definition['with'];
  const parameters = isObject(given) ? given : {};
  const protocol = Object.hasOwn(PROTOCOL_CALLS, called) ? PROTOCOL_CALLS[called] : undefined;
  if (protocol !== undefined) return protocol(compilation, parameters, `${task.reference}/with`, visible);
  if (CATALOGUED.test(called)) return compileCatalogued(compilation, called, parameters, `${task.reference}/with`, visible);
  refuse(compilation, called, `${task.reference}/call`);
  return NOTHING;
}

/** The members of an object template, whichever form it took. */
function entriesOf(template: Template): readonly (readonly [string, Template])[] {
  if (template.kind === 'object') return template.entries;
  return template.kind === 'literal' && isObject(template.value) ? Object.entries(template.value).map(([name, value]) => [name, { kind: 'literal', value }] as const) : [];
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

/** Says why a call cannot be made, as far as its name shows what was meant. */
function refuse(compilation: Compilation, called: string, pointer: string): void {
  const at = { pointer, side: 'value' } as const;
  const functions = property(compilation.document.value['use'], 'functions');
  const defined = isObject(functions) ? Object.keys(functions) : [];
  const catalog = /@([^@]+)$/.exec(called)?.[1];
  if (defined.includes(called)) return compilation.invalid(at, `\`${called}\` cannot be called here: it calls itself, or the document comes to more than ${PLANNED_TASKS_MAX} tasks`, 'take the call out of the function, or loop with `for`');
  if (/^[a-z][a-z0-9+.-]*:\/\//i.test(called)) return compilation.unsupported(at, 'a function that is not within the document', 'apply it with `millrace apply`, which fetches the function into the document');
  if (catalog !== undefined && catalog !== 'default') return compilation.unsupported(at, `a function of the catalog \`${catalog}\` that is not within the document`, 'apply it with `millrace apply`, which fetches the function into the document');
  if (catalog === 'default') return compilation.invalid(at, `\`${called}\` is no function of a catalog`, 'write the name, a full version and the catalog, as in `http.request:1.0.0@default`');
  const meant = closestName(called, [...Object.keys(PROTOCOL_CALLS), ...defined]);
  const suggestion = meant !== undefined ? `did you mean \`${meant}\`?` : /:\d/.test(called) ? `write \`${called}@default\` for a function of the default catalog` : 'write `http`, or a function of the default catalog such as `http.request:1.0.0@default`';
  compilation.invalid(at, `there is no function \`${called}\``, suggestion);
}
