/**
 * A session with a Model Context Protocol server: initialised, then one request (MCP, Lifecycle).
 *
 * Owns the messages and their order. Does not own how they travel: `McpTransport`.
 */
import type { JsonObject, JsonValue } from '../../manifest.ts';
import { isObject } from '../references.ts';

export interface McpTransport {
  /** Sends a request and yields the answer to it. @throws McpFailed, or what the transport failed with */
  request(message: JsonObject, protocolVersion: string | undefined): Promise<JsonObject>;
  /** Sends what has no answer. */
  notify(message: JsonObject, protocolVersion: string): Promise<void>;
  close(): Promise<void>;
}

/** The server answered, and not with a result; a sentence for the failure's detail. */
export class McpFailed extends Error {}

/** Versions of the protocol whose requests are the same for what is called here. */
const VERSIONS: readonly string[] = ['2024-11-05', '2025-03-26', '2025-06-18', '2025-11-25'];

export interface McpRequest {
  readonly protocolVersion: string;
  readonly client: { readonly name: string; readonly version: string };
  readonly method: string;
  readonly parameters: JsonValue;
}

/** The JSON-RPC result of one request. @throws McpFailed, or what the transport failed with */
export async function callMcp(transport: McpTransport, { client, method, parameters, protocolVersion }: McpRequest): Promise<JsonValue> {
  const initialised = await ask(transport, 1, 'initialize', { protocolVersion, capabilities: {}, clientInfo: client }, undefined);
  const spoken = isObject(initialised) ? initialised['protocolVersion'] : undefined;
  if (typeof spoken !== 'string' || !VERSIONS.includes(spoken)) throw new McpFailed(`the server speaks version ${String(spoken)} of the protocol; this side speaks ${VERSIONS.join(', ')}`);
  await transport.notify({ jsonrpc: '2.0', method: 'notifications/initialized' }, spoken);
  return ask(transport, 2, method, parameters, spoken);
}

async function ask(transport: McpTransport, id: number, method: string, parameters: JsonValue, version: string | undefined): Promise<JsonValue> {
  const answer = await transport.request({ jsonrpc: '2.0', id, method, ...(parameters === null ? {} : { params: parameters }) }, version);
  const { error, result } = answer;
  if (isObject(error)) throw new McpFailed(`${method} failed with ${String(error['code'])}: ${String(error['message'])}`);
  if (result === undefined) throw new McpFailed(`${method} was answered without a result`);
  return result;
}

/** The answer to a request among messages of the server; what the server asks or tells on the way is passed over. */
export function isAnswerTo(message: JsonValue, id: JsonValue | undefined): message is JsonObject {
  return isObject(message) && message['id'] === id && !Object.hasOwn(message, 'method');
}
