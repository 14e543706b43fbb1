/**
 * Calls of the protocols that the DSL names (DSL reference, Call): each becomes an operation of the default catalog,
 * with every argument stated, defaults too.
 */
import { statedDurationMs, type JsonValue, type Template } from '@millrace/engine';
import { isObject, type JsonObject } from '../json-value.ts';
import { compileAuthentication, type Access } from './authentication.ts';
import type { CompiledCall } from './call.ts';
import type { Compilation } from './compilation.ts';
import { compileDuration } from './duration.ts';
import { compileEndpoint, compileResource } from './endpoint.ts';
import { compileExpression, expressionSource } from './expression.ts';
import { compileTemplate, objectTemplate } from './template.ts';
import type { Visible } from './visible.ts';

/** Operations that calls stand for. */
export const HTTP_OPERATION = 'http.request:1.0.0@default';
export const OPENAPI_OPERATION = 'openapi.call:1.0.0@default';
export const GRPC_OPERATION = 'grpc.call:1.0.0@default';
export const ASYNCAPI_PUBLISH_OPERATION = 'asyncapi.publish:1.0.0@default';
export const ASYNCAPI_SUBSCRIBE_OPERATION = 'asyncapi.subscribe:1.0.0@default';
export const MCP_READ_OPERATION = 'mcp.read:1.0.0@default';
export const MCP_CALL_OPERATION = 'mcp.call:1.0.0@default';

export const A2A_READ_OPERATION = 'a2a.read:1.0.0@default';
export const A2A_SEND_OPERATION = 'a2a.send:1.0.0@default';

/** A2A methods that send a message or change something; the others only ask. */
const A2A_SENDS: readonly string[] = ['message/send', 'message/stream', 'tasks/cancel', 'tasks/pushNotificationConfig/set', 'tasks/pushNotificationConfig/delete'];
/** The version of MCP where a call names none (DSL reference, MCP Call). */
const MCP_VERSION = '2025-06-18';

type Entry = readonly [name: string, value: Template];
type Compile = (compilation: Compilation, parameters: JsonObject, pointer: string, visible: Visible) => CompiledCall;

/** What `call: NAME` compiles to, by name. */
export const PROTOCOL_CALLS: Readonly<Record<string, Compile>> = { http: compileHttp, openapi: compileOpenApi, grpc: compileGrpc, asyncapi: compileAsyncApi, mcp: compileMcp, a2a: compileA2a };

/** The members of those names that are given, as templates. */
function members(compilation: Compilation, parameters: JsonObject, names: readonly string[], pointer: string, visible: Visible): readonly Entry[] {
  return names.flatMap((name) => {
    const value = parameters[name];
    return value === undefined ? [] : [[name, compileTemplate(compilation, value, `${pointer}/${name}`, visible)] as const];
  });
}

function literal(value: JsonValue): Template {
  return { kind: 'literal', value };
}

function credentialsOf({ credentials }: Access): readonly Entry[] {
  return credentials === undefined ? [] : [['authentication', credentials]];
}

function called(operation: string, access: Access, entries: readonly Entry[]): CompiledCall {
  const { connection, scheme } = access;
  return { operation, ...(connection === undefined ? {} : { connection }), ...(scheme === undefined ? {} : { authorization: scheme }), arguments: objectTemplate(entries) };
}

function compileHttp(compilation: Compilation, parameters: JsonObject, pointer: string, visible: Visible): CompiledCall {
  const { uri, access } = compileEndpoint(compilation, parameters['endpoint'] ?? '', `${pointer}/endpoint`, visible);
  return called(HTTP_OPERATION, access, [
    ...members(compilation, parameters, ['method'], pointer, visible),
    ['uri', uri],
    ...members(compilation, parameters, ['headers', 'query', 'body'], pointer, visible),
    ...outputEntries(parameters),
    ...credentialsOf(access),
  ]);
}

function outputEntries(parameters: JsonObject): readonly Entry[] {
  return [
    ['output', literal(parameters['output'] ?? 'content')],
    ['redirect', literal(parameters['redirect'] ?? false)],
  ];
}

function compileOpenApi(compilation: Compilation, parameters: JsonObject, pointer: string, visible: Visible): CompiledCall {
  const access = compileAuthentication(compilation, parameters['authentication'], `${pointer}/authentication`, visible);
  return called(OPENAPI_OPERATION, access, [
    ['document', compileResource(compilation, parameters['document'], `${pointer}/document`, visible)],
    ...members(compilation, parameters, ['operationId', 'parameters'], pointer, visible),
    ...outputEntries(parameters),
    ...credentialsOf(access),
  ]);
}

function compileGrpc(compilation: Compilation, parameters: JsonObject, pointer: string, visible: Visible): CompiledCall {
  const service = isObject(parameters['service']) ? parameters['service'] : {};
  const access = compileAuthentication(compilation, service['authentication'], `${pointer}/service/authentication`, visible, 'nothing');
  return called(GRPC_OPERATION, access, [
    ['proto', compileResource(compilation, parameters['proto'], `${pointer}/proto`, visible)],
    ['service', objectTemplate(members(compilation, service, ['name', 'host', 'port'], `${pointer}/service`, visible))],
    ...members(compilation, parameters, ['method', 'arguments'], pointer, visible),
    ...credentialsOf(access),
  ]);
}

function compileAsyncApi(compilation: Compilation, parameters: JsonObject, pointer: string, visible: Visible): CompiledCall {
  const access = compileAuthentication(compilation, parameters['authentication'], `${pointer}/authentication`, visible, 'nothing');
  const common: readonly Entry[] = [
    ['document', compileResource(compilation, parameters['document'], `${pointer}/document`, visible)],
    ...members(compilation, parameters, ['operation', 'channel', 'server', 'protocol'], pointer, visible),
    ...credentialsOf(access),
  ];
  const { subscription } = parameters;
  if (!isObject(subscription)) return called(ASYNCAPI_PUBLISH_OPERATION, access, [...common, ...members(compilation, parameters, ['message'], pointer, visible)]);
  const place = `${pointer}/subscription`;
  return called(ASYNCAPI_SUBSCRIBE_OPERATION, access, [...common, ...expressionEntry(compilation, subscription, 'filter', place, visible), ['consume', compileConsume(compilation, subscription['consume'], `${place}/consume`, visible)]]);
}

function compileConsume(compilation: Compilation, consume: JsonValue | undefined, pointer: string, visible: Visible): Template {
  const policy = isObject(consume) ? consume : {};
  return objectTemplate([
    ...members(compilation, policy, ['amount'], pointer, visible),
    ...['while', 'until'].flatMap((name) => expressionEntry(compilation, policy, name, pointer, visible)),
    ...durationEntry(compilation, policy['for'], 'for', `${pointer}/for`, visible),
  ]);
}

/**
 * An expression that the worker evaluates on each message: its source, and the values of the variables that it
 * mentions as they are when the call is made.
 */
function expressionEntry(compilation: Compilation, owner: JsonObject, name: string, pointer: string, visible: Visible): readonly Entry[] {
  const text = owner[name];
  if (typeof text !== 'string') return [];
  const source = expressionSource(text) ?? text.trim();
  const { variables } = compileExpression(compilation, source, `${pointer}/${name}`, visible);
  const values = variables.map((variable) => [variable, { kind: 'expression', expression: compileExpression(compilation, `$${variable}`, `${pointer}/${name}`, visible) }] as const);
  return [[name, objectTemplate([['source', literal(source)], ['variables', objectTemplate(values)]])]];
}

/** A duration as milliseconds; one that is worked out is left as it comes. */
function durationEntry(compilation: Compilation, value: JsonValue | undefined, name: string, pointer: string, visible: Visible): readonly Entry[] {
  if (value === undefined) return [];
  const duration = compileDuration(compilation, value, pointer, visible);
  return [[name, duration.kind === 'fixed' ? literal(statedDurationMs(value) ?? duration.ms) : duration.template]];
}

function compileMcp(compilation: Compilation, parameters: JsonObject, pointer: string, visible: Visible): CompiledCall {
  const transport = isObject(parameters['transport']) ? parameters['transport'] : {};
  const place = `${pointer}/transport`;
  const http = isObject(transport['http']) ? transport['http'] : undefined;
  const endpoint = http === undefined ? undefined : compileEndpoint(compilation, http['endpoint'] ?? '', `${place}/http/endpoint`, visible);
  const access = endpoint?.access ?? {};
  const reached: readonly Entry[] =
    http === undefined || endpoint === undefined
      ? members(compilation, transport, ['stdio'], place, visible)
      : [['http', objectTemplate([['uri', endpoint.uri], ...members(compilation, http, ['headers'], `${place}/http`, visible), ...credentialsOf(access)])]];
  return called(parameters['method'] === 'tools/call' ? MCP_CALL_OPERATION : MCP_READ_OPERATION, access, [
    ['protocolVersion', literal(parameters['protocolVersion'] ?? MCP_VERSION)],
    ...members(compilation, parameters, ['method', 'parameters'], pointer, visible),
    ['transport', objectTemplate([...reached, ...members(compilation, transport, ['options'], place, visible)])],
    ...members(compilation, parameters, ['client'], pointer, visible),
    ...durationEntry(compilation, parameters['timeout'], 'timeout', `${pointer}/timeout`, visible),
  ]);
}

function compileA2a(compilation: Compilation, parameters: JsonObject, pointer: string, visible: Visible): CompiledCall {
  const { agentCard, method, server } = parameters;
  if (agentCard === undefined && server === undefined) compilation.invalid({ pointer }, 'an A2A call needs an agent', 'name it by `server`, or by `agentCard`');
  const endpoint = server === undefined ? undefined : compileEndpoint(compilation, server, `${pointer}/server`, visible, 'nothing');
  return called(A2A_SENDS.includes(String(method)) ? A2A_SEND_OPERATION : A2A_READ_OPERATION, endpoint?.access ?? {}, [
    ...members(compilation, parameters, ['method'], pointer, visible),
    ...(endpoint === undefined ? [] : [['server', objectTemplate([['uri', endpoint.uri], ...credentialsOf(endpoint.access)])] as const]),
    ...(agentCard === undefined ? [] : [['agentCard', compileResource(compilation, agentCard, `${pointer}/agentCard`, visible)] as const]),
    ...members(compilation, parameters, ['parameters'], pointer, visible),
  ]);
}
