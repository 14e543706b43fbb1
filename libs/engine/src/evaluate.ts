/**
 * Values of templates and expressions in the place where a task stands.
 *
 * Owns which runtime arguments an expression sees (DSL, "Runtime expression arguments"). Does not own
 * the expression language. Failures are thrown as `Fault` with the task's reference as instance.
 */
import { DURATION_MS_MAX, statedDurationMs } from './duration.ts';
import { NO_ACTIVATION, type Activation, type Execution } from './execution.ts';
import { EXTENDED_INPUT, NO_NODE, type Budget, type Duration, type Expression, type JsonValue, type Node, type Program, type SchemaCheck, type Template } from './program.ts';
import { fault, problemValue } from './problem.ts';

/** Most steps of one evaluation; 2 to 20 ms, for which everybody on the event loop waits. */
export const EXPRESSION_FUEL_MAX = 400_000;
/** Most units of memory (about bytes) that one evaluation may create. */
export const EXPRESSION_ALLOCATION_MAX = 16 * 1024 * 1024;
/** Deepest nesting of calls in one evaluation. */
export const EXPRESSION_DEPTH_MAX = 512;

/** Where an expression is evaluated. */
export interface Site {
  readonly execution: Execution;
  /** Undefined for the workflow's own expressions. */
  readonly node: Node | undefined;
  /** The innermost activation whose variables are visible. */
  readonly scope: number;
  readonly rawInput: JsonValue;
  readonly input: JsonValue;
  readonly output?: JsonValue;
  readonly rawOutput?: JsonValue;
  readonly enteredAtMs: number;
  readonly nowMs: number;
}

/** The site of a live activation. */
export function siteOf(execution: Execution, node: Node, activation: Activation, nowMs: number): Site {
  return { execution, node, scope: activation.number, rawInput: activation.rawInput, input: activation.input, enteredAtMs: activation.enteredAtMs, nowMs };
}

export function evaluate(expression: Expression, on: JsonValue, site: Site): JsonValue {
  const variables = expression.variables;
  let values: readonly JsonValue[] = NONE;
  if (variables.length > 0) values = variables.map((name) => variable(name, site));
  const result = expression.evaluate(on, values, budgetAt(site));
  if (result.kind === 'value') return result.value;
  if (result.kind === 'empty') return null;
  throw fault('expression', `${result.message} (in \`${shorten(expression.source)}\`)`, site.node?.reference ?? '/');
}

/** Truth as jq has it: everything but false and null. */
export function holds(expression: Expression, on: JsonValue, site: Site): boolean {
  const value = evaluate(expression, on, site);
  return value !== false && value !== null;
}

export function fill(template: Template, on: JsonValue, site: Site): JsonValue {
  switch (template.kind) {
    case 'literal':
      return template.value;
    case 'expression':
      return evaluate(template.expression, on, site);
    case 'array':
      return template.items.map((item) => fill(item, on, site));
    case 'object': {
      const object: Record<string, JsonValue> = {};
      for (const [key, value] of template.entries) {
        if (key === '__proto__') Object.defineProperty(object, key, { value: fill(value, on, site), enumerable: true, configurable: true, writable: true });
        else object[key] = fill(value, on, site);
      }
      return object;
    }
    case 'uri':
      return template.parts.map((part) => ('text' in part ? part.text : encodeURIComponent(uriText(part.name, on, site)))).join('');
  }
}

/** Faults with a validation error when the value does not fit. */
export function check(schema: SchemaCheck | undefined, value: JsonValue, what: string, site: Site): void {
  const problem = schema?.check(value);
  if (problem !== undefined) throw fault('validation', `${what}: ${problem}`, site.node?.reference ?? '/');
}

/** A duration in milliseconds; a computed one may be a duration object or an ISO 8601 string. */
export function durationMs(duration: Duration, on: JsonValue, site: Site): number {
  if (duration.kind === 'fixed') return duration.ms;
  const value = fill(duration.template, on, site);
  const ms = statedDurationMs(value);
  if (ms === undefined) throw fault('expression', `${JSON.stringify(value)} is not a duration; use an ISO 8601 text such as PT5S or an object such as {"seconds": 5}`, site.node?.reference ?? '/');
  if (ms > DURATION_MS_MAX) throw fault('expression', `${JSON.stringify(value)} is longer than the longest duration, 366 days`, site.node?.reference ?? '/');
  return ms;
}

const NONE: readonly JsonValue[] = [];

/** RFC 6570, section 3.2.2: a name without a value expands to nothing. */
function uriText(name: string, on: JsonValue, site: Site): string {
  const found = isObject(on) && Object.hasOwn(on, name) ? on[name] : null;
  if (found === null || found === undefined) return '';
  if (typeof found === 'string') return found;
  if (typeof found === 'number' || typeof found === 'boolean') return String(found);
  throw fault('expression', `the URI template names {${name}}, whose value in the task's input is not a text or a number`, site.node?.reference ?? '/');
}

function variable(name: string, site: Site): JsonValue {
  for (let scope = site.execution.activations.get(site.scope); scope !== undefined; scope = scope.parent === NO_ACTIVATION ? undefined : site.execution.activations.get(scope.parent)) {
    const declared = declaredBy(name, scope, site.execution);
    if (declared !== undefined) return declared;
  }
  switch (name) {
    case 'context':
      return site.execution.context;
    case 'input':
      return site.input;
    case 'output':
      return site.output ?? null;
    case 'task':
      return taskDescriptor(site);
    case 'workflow':
      return { id: site.execution.id, definition: site.execution.program.document, input: site.execution.rawInput.value, startedAt: moment(site.execution.acceptedAtMs) };
    case 'secrets':
      return secretHandles(site.execution.program);
    case 'authorization':
      return site.node?.kind === 'call' && site.node.authorization !== undefined ? { scheme: site.node.authorization, parameter: HIDDEN } : null;
    case EXTENDED_INPUT:
      return around(site, (node) => node.isAround === true)?.input ?? null;
    case 'runtime':
      return { name: 'millrace', version: '0.1.0', metadata: { organisation: site.execution.organisation } };
    default:
      // The compiler lets no name through that is not declared; one that is not bound here reads as null.
      return null;
  }
}

/** Stands for a credential: it never enters an expression. */
const HIDDEN = '***';
/** Digits of the program's hash within a handle; who does not know the document cannot make one up. */
const SEAL_DIGITS = 32;
const handlesOf = new WeakMap<Program, JsonValue>();

/** `$secrets`: a text a secret, which only the worker replaces by its value, in the arguments of a call. */
function secretHandles(program: Program): JsonValue {
  const known = handlesOf.get(program);
  if (known !== undefined) return known;
  const use = isObject(program.document) ? (program.document['use'] ?? null) : null;
  const names = isObject(use) && Array.isArray(use['secrets']) ? use['secrets'].map(String) : [];
  const handles = Object.fromEntries(names.map((name) => [name, `~secret.${program.hash.slice(0, SEAL_DIGITS)}.${name}~`]));
  handlesOf.set(program, handles);
  return handles;
}

function declaredBy(name: string, scope: Activation, execution: Execution): JsonValue | undefined {
  if (scope.loop !== undefined) {
    const node = execution.program.nodes[scope.node];
    if (node?.kind === 'for') {
      if (node.each === name) return scope.loop.items[scope.loop.index] ?? null;
      if (node.at === name) return scope.loop.index;
    }
  }
  if (scope.listen !== undefined && scope.listen.index >= 0) {
    const node = execution.program.nodes[scope.node];
    if (node?.kind === 'listen' && node.first !== NO_NODE) {
      if (node.each === name) return scope.listen.events[scope.listen.index] ?? null;
      if (node.at === name) return scope.listen.index;
    }
  }
  if (scope.guard?.error !== undefined && scope.guard.phase === 'handling') {
    const node = execution.program.nodes[scope.node];
    if (node?.kind === 'try' && node.catch.as === name) return problemValue(scope.guard.error);
  }
  return undefined;
}

function taskDescriptor(site: Site): JsonValue {
  if (site.node === undefined) return null;
  const extended = site.node.extends === undefined ? undefined : site.execution.program.nodes[site.node.extends];
  if (extended !== undefined) return extendedDescriptor(extended, site);
  return {
    name: site.node.name,
    reference: site.node.reference,
    definition: site.node.definition,
    input: site.rawInput,
    output: site.rawOutput ?? null,
    startedAt: moment(site.enteredAtMs),
  };
}

/** In an extension `$task` is the task that is extended; the properties of its definition can be read directly, as in the reference's examples. */
function extendedDescriptor(extended: Node, site: Site): JsonValue {
  const scope = around(site, (node) => node.number === extended.number);
  const definition = isObject(extended.definition) ? extended.definition : {};
  return {
    ...definition,
    name: extended.name,
    reference: extended.reference,
    definition,
    input: scope?.rawInput ?? site.rawInput,
    output: null,
    startedAt: moment(scope?.enteredAtMs ?? site.enteredAtMs),
  };
}

/** The nearest live activation around this place whose node is such a one. */
function around({ execution, scope: from }: Site, isIt: (node: Node) => boolean): Activation | undefined {
  for (let scope = execution.activations.get(from); scope !== undefined; scope = execution.activations.get(scope.parent)) {
    const node = execution.program.nodes[scope.node];
    if (node !== undefined && isIt(node)) return scope;
  }
  return undefined;
}

/** DSL, "DateTime Descriptor". */
function moment(ms: number): JsonValue {
  return { iso8601: isoOf(ms), epoch: { seconds: Math.floor(ms / 1000), milliseconds: ms } };
}

function budgetAt({ nowMs, execution }: Site): Budget {
  return { fuel: EXPRESSION_FUEL_MAX, allocation: EXPRESSION_ALLOCATION_MAX, depth: EXPRESSION_DEPTH_MAX, nowSeconds: nowMs / 1000, tally: execution.cost };
}

function isObject(value: JsonValue): value is { readonly [key: string]: JsonValue } {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function shorten(source: string): string {
  return source.length <= 80 ? source : `${source.slice(0, 77)}...`;
}

/** A pure rendering of the moment: no clock is read. */
function isoOf(ms: number): string {
  return new Date(ms).toISOString();
}
