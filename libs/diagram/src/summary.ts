/** What a task does, in a few words. */
import { isList, isObject, property, type Json, type JsonObject } from './json.ts';

/** Longest line of a vertex or an edge, in characters. */
export const LINE_CHARACTERS_MAX = 44;

/** The text on one line, cut off where it is long. */
export function shortened(text: string): string {
  const line = text.replace(/\s+/g, ' ').trim();
  const characters = [...line];
  return characters.length <= LINE_CHARACTERS_MAX ? line : `${characters.slice(0, LINE_CHARACTERS_MAX - 1).join('')}…`;
}

/** Lines without the task's name, none of them empty. */
export function summaryOf(kind: string, definition: JsonObject): readonly string[] {
  const condition = definition['if'];
  const timeout = property(definition['timeout'], 'after');
  return [
    whatOf(kind, definition),
    condition === undefined || kind === 'catch' ? '' : `if ${eventText(condition)}`,
    timeout === undefined ? '' : `at most ${durationText(timeout)}`,
  ].filter((line) => line !== '').map(shortened);
}

function whatOf(kind: string, definition: JsonObject): string {
  const stated = definition[kind];
  switch (kind) {
    case 'call':
      return callText(String(stated), definition['with']);
    case 'set':
      return `set ${isObject(stated) ? Object.keys(stated).join(', ') : eventText(stated ?? '')}`;
    case 'emit':
      return `emit ${String(property(property(property(stated, 'event'), 'with'), 'type') ?? 'an event')}`;
    case 'wait':
      return `wait ${durationText(stated ?? '')}`;
    case 'raise':
      return `raise ${errorText(property(stated, 'error'))}`;
    case 'listen':
      return `listen ${strategyText(property(stated, 'to'))}`;
    case 'for':
      return `for each ${String(property(stated, 'each') ?? 'item')} in ${eventText(property(stated, 'in') ?? '')}`;
    case 'fork':
      return property(stated, 'compete') === true ? 'fork, the first wins' : 'fork';
    case 'run':
      return runText(stated);
    case 'catch':
      return catchText(definition);
    case 'switch':
    case 'try':
    case 'do':
      return kind;
    default:
      return '';
  }
}

function callText(name: string, given: Json | undefined): string {
  const endpoint = property(given, 'endpoint');
  const uri = typeof endpoint === 'string' ? endpoint : property(endpoint, 'uri');
  switch (name) {
    case 'http':
      return `${String(property(given, 'method') ?? 'get').toUpperCase()} ${eventText(uri ?? '').replace(/^https?:\/\//, '')}`;
    case 'openapi':
      return `openapi ${String(property(given, 'operationId') ?? '')}`;
    case 'grpc':
      return `grpc ${String(property(property(given, 'service'), 'name') ?? '')}/${String(property(given, 'method') ?? '')}`;
    case 'asyncapi':
      return `asyncapi ${String(property(given, 'operation') ?? property(given, 'channel') ?? '')}`;
    case 'mcp':
      return `mcp ${String(property(given, 'method') ?? '')}`;
    default:
      return `call ${name}`;
  }
}

function runText(run: Json | undefined): string {
  const workflow = property(run, 'workflow');
  if (workflow !== undefined) return `run workflow ${String(property(workflow, 'name') ?? '')}`;
  const script = property(run, 'script');
  if (script !== undefined) return `run a script in ${String(property(script, 'language') ?? '')}`;
  const shell = property(run, 'shell');
  if (shell !== undefined) return `run ${eventText(property(shell, 'command') ?? '')}`;
  return `run container ${String(property(property(run, 'container'), 'image') ?? '')}`;
}

function catchText(clause: JsonObject): string {
  const filter = property(property(clause, 'errors'), 'with');
  const parts = isObject(filter) ? Object.entries(filter).map(([name, value]) => `${name} ${name === 'type' ? lastWord(String(value)) : eventText(value)}`) : [];
  const when = clause['when'];
  return [...parts, ...(when === undefined ? [] : [`when ${eventText(when)}`])].join(', ') || 'any error';
}

function errorText(error: Json | undefined): string {
  if (!isObject(error)) return String(error ?? '');
  return `${lastWord(String(error['type'] ?? ''))}${error['status'] === undefined ? '' : ` ${eventText(error['status'])}`}`;
}

function strategyText(to: Json | undefined): string {
  const one = property(to, 'one');
  if (one !== undefined) return `for ${filterText(one)}`;
  for (const mode of ['all', 'any']) {
    const filters = property(to, mode);
    if (isList(filters)) return filters.length === 0 ? `for ${mode}` : `for ${mode} of ${filters.map(filterText).join(', ')}`;
  }
  return '';
}

function filterText(filter: Json): string {
  const given = property(filter, 'with');
  return eventText(property(given, 'type') ?? property(given, 'source') ?? 'an event');
}

function durationText(value: Json): string {
  if (!isObject(value)) return eventText(value);
  return Object.entries(value).map(([unit, amount]) => `${String(amount)} ${amount === 1 ? unit.replace(/s$/, '') : unit}`).join(' ');
}

function lastWord(uri: string): string {
  return uri.split(/[/#]/).filter((part) => part !== '').at(-1) ?? uri;
}

/** A value as people read it: an expression without its braces. */
export function eventText(value: Json): string {
  if (typeof value !== 'string') return JSON.stringify(value);
  return (/^\s*\$\{([\s\S]*)\}\s*$/.exec(value)?.[1] ?? value).trim();
}
