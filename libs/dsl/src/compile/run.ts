/**
 * Processes that a task runs: scripts, shell commands and containers, each an operation of the default catalog
 * (DSL reference, Run). Whether this installation runs commands and containers is for its operator to say, so
 * they compile; the operation refuses them where they are not allowed.
 */
import { WORKFLOW_OPERATION, type JsonValue, type Template } from '@millrace/engine';
import { isObject, property, type JsonObject } from '../json-value.ts';
import type { CompiledCall } from './call.ts';
import type { Compilation } from './compilation.ts';
import { expressionSource } from './expression.ts';
import type { PlannedTask } from './plan.ts';
import { compileTemplate, objectTemplate } from './template.ts';
import { compileUri } from './uri-template.ts';
import type { Visible } from './visible.ts';

/** Names of the languages a script may be written in (DSL reference, Script Process), and how the reference's examples call them. */
const LANGUAGES: Readonly<Record<string, string>> = { js: 'javascript', javascript: 'javascript', python: 'python' };

export interface CompiledProcess extends CompiledCall {
  /** The task does not wait for the process: its output is its input. */
  readonly isDetached: boolean;
}

/** A workflow of the organisation, by name and version (DSL reference, Workflow Process). */
export function compileSubflow(compilation: Compilation, task: PlannedTask, visible: Visible): CompiledProcess | undefined {
  const run = task.definition['run'];
  const workflow = property(run, 'workflow');
  if (!isObject(workflow)) return undefined;
  const { name, version, input } = workflow;
  const pointer = `${task.reference}/run/workflow`;
  for (const part of ['name', 'version'] as const) {
    const text = workflow[part];
    if (typeof text === 'string' && expressionSource(text) !== undefined) compilation.unsupported({ pointer: `${pointer}/${part}`, side: 'value' }, 'a workflow named by an expression', 'write the name, and choose between several with `switch`');
  }
  const reference = version === undefined || version === 'latest' ? String(name) : `${String(name)}@${String(version)}`;
  const entries: (readonly [string, Template])[] = [
    ['workflow', { kind: 'literal', value: reference }],
    ['input', input === undefined ? { kind: 'literal', value: {} } : compileTemplate(compilation, input, `${pointer}/input`, visible)],
  ];
  return { operation: WORKFLOW_OPERATION, arguments: objectTemplate(entries), isDetached: property(run, 'await') === false };
}

/** What a `run` of a process comes to; nothing for a workflow, which is no process. */
export function compileProcess(compilation: Compilation, task: PlannedTask, visible: Visible): CompiledProcess | undefined {
  const run = task.definition['run'];
  const pointer = `${task.reference}/run`;
  const kind = (['script', 'shell', 'container'] as const).find((name) => property(run, name) !== undefined);
  if (kind === undefined || !isObject(run)) return undefined;
  const settings = run[kind];
  if (!isObject(settings)) return undefined;
  const entries: (readonly [string, Template])[] = kind === 'script' ? scriptEntries(compilation, settings, `${pointer}/script`, visible) : [];
  const taken = kind === 'script' ? ['language', 'code', 'source'] : [];
  // What is run is fixed in a script, where `${` is part of the language; a command may be put together.
  for (const [name, value] of Object.entries(settings)) {
    if (!taken.includes(name)) entries.push([name, compileTemplate(compilation, value, `${pointer}/${kind}/${name}`, visible)]);
  }
  const isDetached = property(run, 'await') === false;
  entries.push(['return', { kind: 'literal', value: property(run, 'return') ?? 'stdout' }]);
  if (isDetached) entries.push(['await', { kind: 'literal', value: false }]);
  return { operation: `${kind}.run:1.0.0@default`, arguments: objectTemplate(entries), isDetached };
}

function scriptEntries(compilation: Compilation, script: JsonObject, pointer: string, visible: Visible): (readonly [string, Template])[] {
  const literal = (value: JsonValue): Template => ({ kind: 'literal', value });
  const stated = String(script['language']);
  const language = LANGUAGES[stated];
  if (language === undefined) compilation.invalid({ pointer: `${pointer}/language` }, `there is no script language \`${stated}\``, 'write `js` or `python`');
  const entries: (readonly [string, Template])[] = [['language', literal(language ?? stated)]];
  const { code, source } = script;
  if (typeof code === 'string') {
    const whole = expressionSource(code) === undefined ? literal(code) : compileTemplate(compilation, code, `${pointer}/code`, visible);
    entries.push(['code', whole]);
  } else if (source !== undefined) {
    const endpoint = property(source, 'endpoint') ?? '';
    const shorthand = typeof endpoint === 'string';
    const uri = shorthand ? endpoint : String(property(endpoint, 'uri') ?? '');
    const at = `${pointer}/source/endpoint`;
    if (!shorthand && property(endpoint, 'authentication') !== undefined) compilation.unsupported({ pointer: `${at}/authentication` }, 'authentication for a script from elsewhere');
    entries.push(['source', objectTemplate([['uri', compileUri(compilation, uri, shorthand ? at : `${at}/uri`, visible)]])]);
  }
  return entries;
}
