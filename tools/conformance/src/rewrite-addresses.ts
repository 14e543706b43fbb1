/**
 * A document with its addresses changed to systems on loopback, and nothing else.
 *
 * Owns which texts are addresses: those under `endpoint`, `uri` and `authority`, the server of an agent, the host and
 * port of a gRPC service, and the command of an MCP server. An address `https://HOST/PATH` becomes `http://127.0.0.1:PORT/HOST/PATH`, so that
 * whoever answers still sees which system was meant.
 */
import { isObject, type Json } from './json.ts';

export interface LoopbackAddresses {
  /** `http://127.0.0.1:PORT` */
  readonly http: string;
  readonly grpc: { readonly host: string; readonly port: number };
  /** What starts an MCP server over standard streams. */
  readonly mcpCommand: { readonly command: string; readonly arguments: readonly string[] };
}

const ADDRESS_MEMBERS = new Set(['endpoint', 'uri', 'authority']);
const ADDRESS = /\b(https?|file):\/\/([A-Za-z0-9.-]+(?::\d+)?)/g;

export function rewriteAddresses(value: Json, to: LoopbackAddresses, isAddress = false): Json {
  if (typeof value === 'string') return isAddress ? value.replace(ADDRESS, (_, scheme: string, host: string) => `${to.http}/${scheme === 'file' ? 'file/' : ''}${host}`) : value;
  if (Array.isArray(value)) return (value as readonly Json[]).map((item) => rewriteAddresses(item, to, isAddress));
  if (!isObject(value)) return value;
  const rewritten = Object.fromEntries(Object.entries(value).map(([name, member]) => [name, rewriteAddresses(member, to, isAddress || ADDRESS_MEMBERS.has(name))]));
  switch (value['call']) {
    case 'grpc':
      return onLoopback(rewritten, to);
    case 'mcp':
      return withCommand(rewritten, to);
    case 'a2a':
      return withServer(rewritten, to);
    default:
      return rewritten;
  }
}

function withServer(task: Record<string, Json>, to: LoopbackAddresses): Json {
  const given = isObject(task['with']) ? task['with'] : {};
  return typeof given['server'] === 'string' ? { ...task, with: { ...given, server: rewriteAddresses(given['server'], to, true) } } : task;
}

function onLoopback(task: Record<string, Json>, { grpc }: LoopbackAddresses): Json {
  const given = isObject(task['with']) ? task['with'] : {};
  const service = isObject(given['service']) ? given['service'] : {};
  return { ...task, with: { ...given, service: { ...service, ...grpc } } };
}

function withCommand(task: Record<string, Json>, { mcpCommand }: LoopbackAddresses): Json {
  const given = isObject(task['with']) ? task['with'] : {};
  const transport = isObject(given['transport']) ? given['transport'] : {};
  return isObject(transport['stdio']) ? { ...task, with: { ...given, transport: { ...transport, stdio: { ...transport['stdio'], ...mcpCommand } } } } : task;
}
