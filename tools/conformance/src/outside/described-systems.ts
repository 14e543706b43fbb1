/**
 * Descriptions of the systems that a document calls: OpenAPI and AsyncAPI documents and protos at the addresses where
 * it looks for them, with the operations, parameters and servers that it names.
 */
import { isObject, membersOf, objectsIn, type Json, type JsonObject } from '../json.ts';

/** What is served at `/HOST/PATH`: text by path. */
export type Descriptions = Map<string, string>;

export interface Subjects {
  /** `host:port` of the broker. */
  readonly broker: string;
  /** `host:port` of the HTTP server, and of the WebSocket server. */
  readonly http: string;
  readonly ws: string;
}

/** Adds what the (rewritten) document needs to what earlier ones need. */
export function describeSystems(document: JsonObject, subjects: Subjects, descriptions: Descriptions): void {
  for (const task of objectsIn(document)) {
    const given = membersOf(task['with']);
    if (task['call'] === 'openapi') describeOpenApi(given, subjects, descriptions);
    if (task['call'] === 'asyncapi') describeAsyncApi(given, subjects, descriptions);
    if (task['call'] === 'grpc') describeGrpc(given, descriptions);
  }
}

function pathOf(resource: Json | undefined): string {
  const endpoint = membersOf(resource)['endpoint'];
  const uri = typeof endpoint === 'string' ? endpoint : String(membersOf(endpoint)['uri'] ?? '');
  return URL.canParse(uri) ? new URL(uri).pathname : '';
}

/** Operations of documents at the same address are joined. */
function joined(descriptions: Descriptions, path: string): JsonObject {
  const known = descriptions.get(path);
  return known === undefined ? {} : (JSON.parse(known) as JsonObject);
}

function describeOpenApi(given: JsonObject, { http }: Subjects, descriptions: Descriptions): void {
  const path = pathOf(given['document']);
  const known = membersOf(joined(descriptions, path)['paths']);
  const id = String(given['operationId']);
  const parameters = Object.keys(membersOf(given['parameters'])).map((name) => ({ name, in: 'query', schema: {} }));
  descriptions.set(path, JSON.stringify({ openapi: '3.1.0', info: { title: 'Described by the call', version: '1.0.0' }, servers: [{ url: `http://${http}/openapi` }], paths: { ...known, [`/${id}`]: { get: { operationId: id, parameters } } } }));
}

function describeAsyncApi(given: JsonObject, { broker, http, ws }: Subjects, descriptions: Descriptions): void {
  const path = pathOf(given['document']);
  const known = joined(descriptions, path);
  // A protocol that nobody here speaks is described as it is asked for, and the product says that it does not either.
  const protocol = String(given['protocol'] ?? 'nats');
  const host = protocol === 'http' ? http : protocol === 'ws' ? ws : broker;
  const named = membersOf(given['server'])['name'];
  const servers = { ...membersOf(known['servers']), [typeof named === 'string' ? named : `${protocol}-server`]: { host, url: host, protocol } };
  const { channel, operation } = given;
  if (typeof operation === 'string') {
    const channels = { ...membersOf(known['channels']), [operation]: { address: operation } };
    const operations = { ...membersOf(known['operations']), [operation]: { action: isObject(given['message']) ? 'send' : 'receive', channel: { $ref: `#/channels/${operation}` } } };
    descriptions.set(path, JSON.stringify({ asyncapi: '3.0.0', info: { title: 'Described by the call', version: '1.0.0' }, servers, channels, operations }));
    return;
  }
  descriptions.set(path, JSON.stringify({ asyncapi: '2.6.0', info: { title: 'Described by the call', version: '1.0.0' }, servers, channels: { ...membersOf(known['channels']), [String(channel)]: { publish: {}, subscribe: {} } } }));
}

/** A proto with the one method, whose messages have the arguments as texts; the service answers with what it got. */
function describeGrpc(given: JsonObject, descriptions: Descriptions): void {
  const name = String(membersOf(given['service'])['name']);
  const parts = name.split('.');
  const service = parts.pop() ?? name;
  const fields = Object.keys(membersOf(given['arguments'])).map((field, index) => `string ${field} = ${index + 1};`).join(' ');
  const packaged = parts.length === 0 ? '' : `package ${parts.join('.')};\n`;
  descriptions.set(pathOf(given['proto']), `syntax = "proto3";\n${packaged}message Said { ${fields} }\nservice ${service} { rpc ${String(given['method'])} (Said) returns (Said); }\n`);
}
