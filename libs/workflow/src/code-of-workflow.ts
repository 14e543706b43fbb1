/**
 * From a document back to the code that builds it.
 *
 * G2 The code builds a document with the same values in the same lists. Comments and the order of properties are
 *    the text's, not the document's, and are not in it.
 */
import { codeOfList, dataCode, isObject, timeoutCode, type Imports } from './code-of-task.ts';
import type { Json } from './expression.ts';
import { literal } from './literal.ts';
import { typeOfSchema } from './schema-type.ts';
import type { JsonObject } from './task.ts';
import { DSL_VERSION } from './workflow.ts';

const HEAD: readonly string[] = ['dsl', 'namespace', 'name', 'version', 'title', 'summary', 'tags', 'metadata'];
const RESERVED: ReadonlySet<string> = new Set(['await', 'break', 'case', 'catch', 'class', 'const', 'continue', 'debugger', 'default', 'delete', 'do', 'else', 'enum', 'export', 'extends', 'false', 'finally', 'for', 'function', 'if', 'implements', 'import', 'in', 'instanceof', 'interface', 'let', 'new', 'null', 'package', 'private', 'protected', 'public', 'return', 'static', 'super', 'switch', 'this', 'throw', 'true', 'try', 'typeof', 'var', 'void', 'while', 'with', 'yield', 'arguments', 'eval', 'undefined']);

/** The name that the code gives to the document of a workflow of this name. */
export function exportNameOf(name: string): string {
  const camel = name.split(/[^A-Za-z0-9]+/).filter((part) => part !== '').map((part, index) => (index === 0 ? part.charAt(0).toLowerCase() : part.charAt(0).toUpperCase()) + part.slice(1)).join('');
  // What the package exports must not be hidden by it.
  return camel === '' || /^\d/.test(camel) || RESERVED.has(camel) || FUNCTIONS.has(camel) ? `${/^\d|^$/.test(camel) ? 'workflow' : ''}${camel}Document` : camel;
}

const FUNCTIONS: ReadonlySet<string> = new Set(['workflow', 'set', 'http', 'openapi', 'grpc', 'asyncapi', 'mcp', 'call', 'block', 'emit', 'forEach', 'fork', 'listen', 'raise', 'runWorkflow', 'runScript', 'runShell', 'runContainer', 'switchOn', 'attempt', 'wait', 'raw']);

/**
 * TypeScript that builds the document and exports it.
 * @throws TypeError when the document is no valid workflow
 */
export function codeOf(document: { readonly [key: string]: Json }, packageName = '@millrace/workflow'): string {
  const used = new Set<string>(['workflow']);
  const imports: Imports = { add: (name) => (used.add(name), name) };
  const { document: head, do: tasks, ...rest } = document;
  if (!isObject(head)) throw new TypeError('the document has no `document`');
  const parts = propertiesOf(head, rest);
  const body = codeOfList(tasks, imports, '  ');
  const input = inputTypeOf(rest['input']);
  const identity = Object.fromEntries(Object.entries(head).filter(([name, value]) => HEAD.includes(name) && !(name === 'dsl' && value === DSL_VERSION)));
  const { before, after } = parts;
  return `import { ${[...used].sort().join(', ')} } from '${packageName}';

export const ${exportNameOf(String(head['name'] ?? ''))} = workflow${input}(${literal(identity, '')})${before.map((each) => `\n  ${each}`).join('')}${body}${after.map((each) => `\n  ${each}`).join('')}
  .build();
`;
}

/** What stands before the tasks, and after them: `output` knows the type of the last one. */
function propertiesOf(head: JsonObject, rest: JsonObject): { readonly before: readonly string[]; readonly after: readonly string[] } {
  const before: string[] = [];
  const after: string[] = [];
  const also: [string, Json][] = [];
  if (!Object.hasOwn(head, 'dsl') || Object.keys(head).some((name) => !HEAD.includes(name))) also.push(['document', head]);
  for (const [name, value] of Object.entries(rest)) {
    const code = propertyCode(name, value);
    if (code === undefined) also.push([name, value]);
    else (name === 'output' ? after : before).push(...code);
  }
  if (also.length > 0) before.push(`.also(${literal(Object.fromEntries(also), '  ')})`);
  return { before, after };
}

function propertyCode(name: string, value: Json): readonly string[] | undefined {
  switch (name) {
    case 'use':
    case 'schedule':
      return isObject(value) ? [`.${name}(${literal(value, '  ')})`] : undefined;
    case 'timeout':
      return timeoutCode(value, '  ');
    case 'input':
      return dataCode(value, 'input', 'from', 'from', '  ');
    case 'output':
      return dataCode(value, 'output', 'as', 'as', '  ');
    default:
      return undefined;
  }
}

function inputTypeOf(input: Json | undefined): string {
  const schema = isObject(input) ? input['schema'] : undefined;
  const type = typeOfSchema(isObject(schema) ? schema['document'] : undefined);
  return type === 'unknown' ? '' : `<${type}>`;
}
