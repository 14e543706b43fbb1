/** Steps of a plan: which of them only read, and the workflow of one step that performs it. */
import type { JsonValue } from '@millrace/engine';
import type { RehearsedStep } from '@millrace/workflow-testing';

type JsonObject = { readonly [key: string]: JsonValue };

/** RFC 9110, 9.2.1. */
const SAFE_METHODS: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS']);
/** Operations that change nothing outside; a script's sandbox has no network and no files. */
const SAFE_OPERATIONS: ReadonlySet<string> = new Set(['sql.query', 'mcp.read', 'script.run']);

/** Whether a step changes nothing: by its operation and method, or because its task says so with `metadata: { safe: true }`. */
export function isRead(step: RehearsedStep): boolean {
  const name = step.operation.replace(/:.*$/, '');
  const given = step.arguments as JsonObject;
  if (name === 'http.request') return SAFE_METHODS.has(String(given['method'] ?? '').toUpperCase()) || isDeclaredSafe(step);
  return SAFE_OPERATIONS.has(name) || isDeclaredSafe(step);
}

function isDeclaredSafe({ node }: RehearsedStep): boolean {
  const metadata = isObject(node.definition) ? node.definition['metadata'] : undefined;
  return isObject(metadata) && metadata['safe'] === true;
}

/** A workflow that performs the step with the arguments that were worked out. Handles of secrets are named again, as the new document's own. */
export function stepDocument({ node, operation, arguments: given, program }: RehearsedStep): JsonObject {
  const use = isObject(program.document) && isObject(program.document['use']) ? program.document['use'] : {};
  const secrets = use['secrets'];
  const connection = node.connection === undefined ? {} : { connection: node.connection };
  return {
    document: { dsl: '1.0.3', namespace: 'millrace', name: `plan-${program.name}`.slice(0, 63).replace(/-+$/, ''), version: '0.0.1' },
    ...(Array.isArray(secrets) ? { use: { secrets } } : {}),
    do: [{ [node.name]: { call: operation, with: { ...(literal(given) as JsonObject), ...connection } } }],
  };
}

const HANDLE = /~secret\.[0-9a-f]+\.([A-Za-z0-9_.-]+)~/g;

/** The value so that no text in it is taken for an expression that is none. */
function literal(value: JsonValue): JsonValue {
  if (typeof value === 'string') return text(value);
  if (Array.isArray(value)) return value.map((each: JsonValue) => literal(each));
  return isObject(value) ? Object.fromEntries(Object.entries(value).map(([name, each]) => [name, literal(each)])) : value;
}

function text(value: string): string {
  const parts: string[] = [];
  let from = 0;
  for (const match of value.matchAll(HANDLE)) {
    if (match.index > from) parts.push(JSON.stringify(value.slice(from, match.index)));
    parts.push(`$secrets${(match[1] ?? '').split('.').map((name) => `[${JSON.stringify(name)}]`).join('')}`);
    from = match.index + match[0].length;
  }
  if (parts.length === 0) return value.includes('${') ? `\${ ${JSON.stringify(value)} }` : value;
  if (from < value.length) parts.push(JSON.stringify(value.slice(from)));
  return `\${ ${parts.join(' + ')} }`;
}

function isObject(value: JsonValue | undefined): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
