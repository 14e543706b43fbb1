/**
 * A task of a document as an expression that builds it.
 *
 * G1 What is written builds exactly what stood there: a form that a function does not make is written as `raw`,
 *    a property that no modifier makes as `also`.
 */
import type { Json } from './expression.ts';
import { literal, quoted } from './literal.ts';
import type { JsonObject } from './task.ts';

/** What the code imports. */
export interface Imports {
  add(name: string): string;
}

/** The head of a task as code, and the properties that it makes. */
interface Head {
  readonly code: string;
  readonly made: readonly string[];
}

const CALLS: Readonly<Record<string, { readonly name: string; readonly needed: readonly string[]; readonly known?: readonly string[] }>> = {
  http: { name: 'http', needed: ['method', 'endpoint'], known: ['method', 'endpoint', 'headers', 'query', 'body', 'output', 'redirect'] },
  openapi: { name: 'openapi', needed: ['document', 'operationId'], known: ['document', 'operationId', 'parameters', 'authentication', 'output', 'redirect'] },
  grpc: { name: 'grpc', needed: ['proto', 'service', 'method'], known: ['proto', 'service', 'method', 'arguments'] },
  asyncapi: { name: 'asyncapi', needed: [] },
  mcp: { name: 'mcp', needed: [] },
};

export function codeOfTask(definition: Json | undefined, imports: Imports, indent: string): string {
  if (!isObject(definition)) throw new TypeError('a task is no object: the document is not valid');
  const head = headOf(definition, imports, indent);
  if (head === undefined) return `${imports.add('raw')}(${literal(definition, indent)})`;
  const rest = Object.fromEntries(Object.entries(definition).filter(([name]) => !head.made.includes(name)));
  return head.code + modifiersOf(rest, indent);
}

/** Tasks one after another, as calls of `.task`. */
export function codeOfList(list: Json | undefined, imports: Imports, indent: string): string {
  if (!isList(list)) throw new TypeError('a list of tasks is no list: the document is not valid');
  return list
    .map((item) => {
      const entries = isObject(item) ? Object.entries(item) : [];
      const [entry] = entries;
      if (entry === undefined || entries.length > 1) throw new TypeError('an item of a list of tasks is no single task: the document is not valid');
      return `\n${indent}.task(${quoted(entry[0])}, ${codeOfTask(entry[1], imports, indent)})`;
    })
    .join('');
}

function inside(list: Json | undefined, imports: Imports, indent: string): string {
  return `(tasks) => tasks${codeOfList(list, imports, `${indent}  `)}`;
}

function headOf(task: JsonObject, imports: Imports, indent: string): Head | undefined {
  const form = FORMS.find(([kind]) => Object.hasOwn(task, kind));
  return form?.[1](task, imports, indent);
}

type Form = (task: JsonObject, imports: Imports, indent: string) => Head | undefined;

/** `for` and `listen` come before the properties that they have besides. */
const FORMS: readonly (readonly [kind: string, form: Form])[] = [
  ['for', forForm],
  ['listen', listenForm],
  ['try', tryForm],
  ['call', callForm],
  ['do', (task, imports, indent) => (isList(task['do']) ? { code: `${imports.add('block')}(${inside(task['do'], imports, indent)})`, made: ['do'] } : undefined)],
  ['set', (task, imports, indent) => ({ code: `${imports.add('set')}(${literal(task['set'] ?? null, indent)})`, made: ['set'] })],
  ['emit', emitForm],
  ['fork', forkForm],
  ['raise', (task, imports, indent) => only(task['raise'], ['error'], (raised) => ({ code: `${imports.add('raise')}(${literal(raised['error'] ?? null, indent)})`, made: ['raise'] }))],
  ['run', runForm],
  ['switch', switchForm],
  ['wait', (task, imports, indent) => ({ code: `${imports.add('wait')}(${literal(task['wait'] ?? null, indent)})`, made: ['wait'] })],
];

function callForm(task: JsonObject, imports: Imports, indent: string): Head | undefined {
  const { call, with: given } = task;
  if (typeof call !== 'string') return undefined;
  const made = given === undefined ? ['call'] : ['call', 'with'];
  const known = Object.hasOwn(CALLS, call) ? CALLS[call] : undefined;
  if (known !== undefined && isObject(given) && known.needed.every((name) => Object.hasOwn(given, name)) && Object.keys(given).every((name) => known.known?.includes(name) ?? true)) {
    return { code: `${imports.add(known.name)}(${literal(given, indent)})`, made };
  }
  return { code: `${imports.add('call')}(${quoted(call)}${given === undefined ? '' : `, ${literal(given, indent)}`})`, made };
}

function forForm(task: JsonObject, imports: Imports, indent: string): Head | undefined {
  return only(task['for'], ['each', 'in', 'at'], (loop) => {
    if (!isList(task['do']) || typeof loop['in'] !== 'string' || (task['while'] !== undefined && typeof task['while'] !== 'string')) return undefined;
    const settings = { ...loop, ...(task['while'] === undefined ? {} : { while: task['while'] }) };
    return { code: `${imports.add('forEach')}(${literal(settings, indent)}, ${inside(task['do'], imports, indent)})`, made: ['for', 'while', 'do'] };
  });
}

function listenForm(task: JsonObject, imports: Imports, indent: string): Head | undefined {
  return only(task['listen'], ['to', 'read'], ({ to, read }) => {
    const { foreach } = task;
    if (to === undefined || (foreach !== undefined && only(foreach, ['item', 'at', 'do', 'output', 'export'], () => YES) === undefined)) return undefined;
    const options: string[] = read === undefined ? [] : [`read: ${literal(read, indent)}`];
    if (isObject(foreach)) {
      const { do: tasks, ...settings } = foreach;
      const parts = Object.entries(settings).map(([name, value]) => `${name}: ${literal(value, `${indent}  `)}`);
      if (tasks !== undefined) parts.push(`do: ${inside(tasks, imports, indent)}`);
      options.push(`foreach: { ${parts.join(', ')} }`);
    }
    return { code: `${imports.add('listen')}(${literal(to, indent)}${options.length === 0 ? '' : `, { ${options.join(', ')} }`})`, made: ['listen', 'foreach'] };
  });
}

const YES: Head = { code: '', made: [] };

function tryForm(task: JsonObject, imports: Imports, indent: string): Head | undefined {
  return only(task['catch'], ['errors', 'as', 'when', 'exceptWhen', 'retry', 'do'], ({ do: handler, ...clause }) => {
    if (!isList(task['try'])) return undefined;
    const parts = [inside(task['try'], imports, indent), literal(clause, indent), ...(handler === undefined ? [] : [inside(handler, imports, indent)])];
    return { code: `${imports.add('attempt')}(${parts.join(', ')})`, made: ['try', 'catch'] };
  });
}

function emitForm(task: JsonObject, imports: Imports, indent: string): Head | undefined {
  return only(task['emit'], ['event'], ({ event }) => only(event, ['with'], (given) => (isObject(given['with']) ? { code: `${imports.add('emit')}(${literal(given['with'], indent)})`, made: ['emit'] } : undefined)));
}

function forkForm(task: JsonObject, imports: Imports, indent: string): Head | undefined {
  return only(task['fork'], ['branches', 'compete'], ({ branches, compete }) => {
    if (!isList(branches)) return undefined;
    return { code: `${imports.add('fork')}(${inside(branches, imports, indent)}${compete === undefined ? '' : `, { compete: ${literal(compete, indent)} }`})`, made: ['fork'] };
  });
}

const PROCESSES = { workflow: 'runWorkflow', script: 'runScript', shell: 'runShell', container: 'runContainer' } as const;

function runForm(task: JsonObject, imports: Imports, indent: string): Head | undefined {
  const { run } = task;
  if (!isObject(run)) return undefined;
  const kinds = (Object.keys(PROCESSES) as readonly (keyof typeof PROCESSES)[]).filter((kind) => Object.hasOwn(run, kind));
  const [kind] = kinds;
  if (kind === undefined || kinds.length > 1) return undefined;
  return only(run, [kind, 'await', 'return'], ({ [kind]: process = null, ...options }) => ({
    code: `${imports.add(PROCESSES[kind])}(${literal(process, indent)}${Object.keys(options).length === 0 ? '' : `, ${literal(options, indent)}`})`,
    made: ['run'],
  }));
}

/** Names that an object would put into another order, or only once, are written as they stand. */
function switchForm(task: JsonObject, imports: Imports, indent: string): Head | undefined {
  const cases = task['switch'];
  if (!isList(cases)) return undefined;
  const entries = cases.map((each) => (isObject(each) ? Object.entries(each) : []));
  const names = entries.map(([entry]) => entry?.[0] ?? '');
  if (entries.some((each) => each.length !== 1) || new Set(names).size < names.length || names.some((name) => /^\d+$/.test(name))) return undefined;
  return { code: `${imports.add('switchOn')}(${literal(Object.fromEntries(entries.flat()), indent)})`, made: ['switch'] };
}

/** Modifiers, in the order of the document. */
function modifiersOf(rest: JsonObject, indent: string): string {
  const also: [string, Json][] = [];
  const code = Object.entries(rest).flatMap(([name, value]) => {
    const calls = modifierOf(name, value, indent);
    if (calls === undefined) also.push([name, value]);
    return calls ?? [];
  });
  if (also.length > 0) code.push(`.also(${literal(Object.fromEntries(also), indent)})`);
  return code.join('');
}

function modifierOf(name: string, value: Json, indent: string): readonly string[] | undefined {
  switch (name) {
    case 'if':
    case 'then':
      return typeof value === 'string' ? [`.${name}(${quoted(value)})`] : undefined;
    case 'metadata':
      return isObject(value) ? [`.metadata(${literal(value, indent)})`] : undefined;
    case 'timeout':
      return timeoutCode(value, indent);
    case 'input':
      return dataCode(value, 'input', 'from', 'from', indent);
    case 'output':
      return dataCode(value, 'output', 'as', 'as', indent);
    case 'export':
      return dataCode(value, 'export', 'as', 'exportAs', indent);
    default:
      return undefined;
  }
}

/** `timeout`, of a task or of the workflow. */
export function timeoutCode(value: Json, indent: string): readonly string[] | undefined {
  if (typeof value === 'string') return [`.timeout({ named: ${quoted(value)} })`];
  const after = isObject(value) && Object.keys(value).length === 1 ? value['after'] : undefined;
  return typeof after !== 'string' && (!isObject(after) || Object.hasOwn(after, 'named')) ? undefined : [`.timeout(${literal(after, indent)})`];
}

/** `input`, `output` and `export`, of a task or of the workflow. An empty one has no modifier. */
export function dataCode(value: Json, place: string, property: string, method: string, indent: string): readonly string[] | undefined {
  if (!isObject(value) || Object.keys(value).length === 0 || Object.keys(value).some((name) => name !== property && name !== 'schema')) return undefined;
  return Object.entries(value).map(([name, each]) => (name === 'schema' ? `.schema('${place}', ${literal(each, indent)})` : `.${method}(${literal(each, indent)})`));
}

/** What `make` makes of an object that has only these properties. */
function only(value: Json | undefined, names: readonly string[], make: (value: JsonObject) => Head | undefined): Head | undefined {
  return isObject(value) && Object.keys(value).every((name) => names.includes(name)) ? make(value) : undefined;
}

export function isObject(value: Json | undefined): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isList(value: Json | undefined): value is readonly Json[] {
  return Array.isArray(value);
}
