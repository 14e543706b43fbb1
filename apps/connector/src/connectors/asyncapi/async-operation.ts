/**
 * An operation of an AsyncAPI document (2.x, 3.0), in one form whatever the version: a server, a channel's address.
 *
 * Owns finding server and channel. Does not own how a protocol is spoken.
 */
import type { JsonObject, JsonValue } from '../../manifest.ts';
import { isObject, objectsIn, textIn, type Description, type References } from '../references.ts';
import { DescriptionInvalid } from '../structured-text.ts';

export interface AsyncOperation {
  readonly protocol: string;
  /** Host with port, without scheme. */
  readonly host: string;
  /** Path of the server, without a slash at the end. */
  readonly path: string;
  /** Whether the connection is to be encrypted. */
  readonly secure: boolean;
  /** The channel, its parameters filled in. */
  readonly address: string;
  /** The method of HTTP where a binding names one. */
  readonly httpMethod: string | undefined;
}

export interface OperationRequest {
  readonly operation: string | undefined;
  readonly channel: string | undefined;
  readonly serverName: string | undefined;
  readonly variables: JsonObject;
  readonly protocol: string | undefined;
}

interface Channel {
  readonly address: string;
  /** Names of the servers that have the channel; none: all of them. */
  readonly servers: readonly string[];
  readonly parameters: JsonObject;
  readonly bindings: JsonValue | undefined;
}

/** Protocols that are another one with encryption, and those of the same messages under another name. */
const SECURE: Readonly<Record<string, string>> = { 'wss': 'ws', 'https': 'http', 'tls': 'nats', 'secure-mqtt': 'mqtt', 'mqtts': 'mqtt' };

/** @throws DescriptionInvalid, ResourceFailed */
export async function asyncOperation(description: Description, request: OperationRequest, references: References): Promise<AsyncOperation> {
  const { root } = description;
  const version = textIn(root['asyncapi']) ?? '';
  if (!/^(2\.|3\.0)/.test(version)) throw new DescriptionInvalid(`${description.resource.url.href} is no AsyncAPI document of version 2 or 3.0`);
  const channel = version.startsWith('2') ? await channelOf2(description, request, references) : await channelOf3(description, request, references);
  const [name, server] = await serverOf(description, request, channel, references);
  const stated = textIn(server['protocol']) ?? '';
  const address = filled(channel.address, channel.parameters, request.variables);
  const { host, path } = version.startsWith('2') ? placeOf2(server, request.variables, name) : placeOf3(server, request.variables);
  return { protocol: SECURE[stated] ?? stated, secure: Object.hasOwn(SECURE, stated), host, path, address, httpMethod: httpMethodOf(channel.bindings) };
}

async function channelOf3(description: Description, { channel, operation }: OperationRequest, references: References): Promise<Channel> {
  const { root } = description;
  const operations = isObject(root['operations']) ? root['operations'] : {};
  const found = operation === undefined ? undefined : operations[operation];
  if (operation !== undefined && found === undefined) throw new DescriptionInvalid(`${description.resource.url.href} has no operation ${operation}; it has ${Object.keys(operations).join(', ')}`);
  const chosen = found === undefined ? undefined : await references.follow(found, description);
  const { value, within } = chosen === undefined ? await references.follow(channelNamed(root['channels'], channel ?? ''), description) : await references.follow(chosen.value['channel'], chosen.within);
  const servers: string[] = [];
  for (const each of objectsIn(value['servers'])) {
    const reference = isObject(each) ? textIn(each['$ref']) : undefined;
    if (reference?.startsWith('#/servers/') === true) servers.push(reference.slice('#/servers/'.length));
  }
  const address = textIn(value['address']);
  if (address === undefined) throw new DescriptionInvalid(`the channel in ${within.resource.url.href} has no address`);
  return { address, servers, parameters: isObject(value['parameters']) ? value['parameters'] : {}, bindings: chosen?.value['bindings'] };
}

async function channelOf2(description: Description, { channel, operation }: OperationRequest, references: References): Promise<Channel> {
  const channels = isObject(description.root['channels']) ? description.root['channels'] : {};
  for (const [address, item] of Object.entries(channels)) {
    const { value } = await references.follow(item, description);
    const operations = [value['publish'], value['subscribe']].filter((each) => isObject(each));
    const named = operation !== undefined ? operations.find((each) => each['operationId'] === operation) : bare(address) === bare(channel ?? '') ? (operations[0] ?? {}) : undefined;
    if (named === undefined) continue;
    return { address, servers: objectsIn(value['servers']).flatMap((each) => textIn(each) ?? []), parameters: isObject(value['parameters']) ? value['parameters'] : {}, bindings: named['bindings'] };
  }
  throw new DescriptionInvalid(`${description.resource.url.href} has no ${operation === undefined ? `channel ${channel ?? ''}` : `operation ${operation}`}; its channels are ${Object.keys(channels).join(', ')}`);
}

/** By its name in the document, or by its address. */
function channelNamed(channels: JsonValue | undefined, name: string): JsonValue {
  const known = isObject(channels) ? Object.entries(channels) : [];
  const found = known.find(([id, channel]) => bare(id) === bare(name) || (isObject(channel) && bare(textIn(channel['address']) ?? '') === bare(name)));
  if (found === undefined) throw new DescriptionInvalid(`there is no channel ${name}; there are ${known.map(([id]) => id).join(', ')}`);
  return found[1];
}

function bare(name: string): string {
  return name.replace(/^\/+/, '');
}

/** The server that is named, else the first of the protocol that has the channel. */
async function serverOf(description: Description, { protocol, serverName }: OperationRequest, channel: Channel, references: References): Promise<readonly [string, JsonObject]> {
  const servers = isObject(description.root['servers']) ? description.root['servers'] : {};
  const known: string[] = [];
  for (const [name, item] of Object.entries(servers)) {
    const { value } = await references.follow(item, description);
    const speaks = textIn(value['protocol']) ?? '';
    known.push(`${name} (${speaks})`);
    if (serverName !== undefined ? name === serverName : (channel.servers.length === 0 || channel.servers.includes(name)) && (protocol === undefined || speaks === protocol || SECURE[speaks] === protocol)) return [name, value];
  }
  throw new DescriptionInvalid(`${description.resource.url.href} has no server ${serverName ?? `of protocol ${protocol ?? 'any'} for the channel`}; it has ${known.join(', ')}`);
}

function placeOf3(server: JsonObject, variables: JsonObject): { readonly host: string; readonly path: string } {
  const own = isObject(server['variables']) ? server['variables'] : {};
  return { host: filled(textIn(server['host']) ?? '', own, variables), path: filled(textIn(server['pathname']) ?? '', own, variables).replace(/\/+$/, '') };
}

function placeOf2(server: JsonObject, variables: JsonObject, name: string): { readonly host: string; readonly path: string } {
  const own = isObject(server['variables']) ? server['variables'] : {};
  const url = filled(textIn(server['url']) ?? '', own, variables);
  const match = /^(?:[a-z][a-z0-9+.-]*:\/\/)?([^/]+)(\/.*)?$/i.exec(url);
  if (match?.[1] === undefined) throw new DescriptionInvalid(`the server ${name} has no address`);
  return { host: match[1], path: (match[2] ?? '').replace(/\/+$/, '') };
}

/** `{name}` by what the call states, else by the default of the document. */
function filled(text: string, declared: JsonObject, given: JsonObject): string {
  return text.replace(/\{([^{}]+)\}/g, (_, name: string) => {
    const variable = declared[name];
    const value = given[name] ?? (isObject(variable) ? variable['default'] : undefined);
    if (value === undefined || value === null) throw new DescriptionInvalid(`{${name}} in ${text} has no value; state it in \`server.variables\``);
    return typeof value === 'string' ? value : JSON.stringify(value);
  });
}

function httpMethodOf(bindings: JsonValue | undefined): string | undefined {
  const http = isObject(bindings) ? bindings['http'] : undefined;
  return isObject(http) ? textIn(http['method'])?.toUpperCase() : undefined;
}
