/**
 * `a2a.read` and `a2a.send`: requests to agents that speak the Agent2Agent protocol (DSL reference, A2A Call).
 *
 * JSON-RPC over HTTP, at a server's address or at the one that an agent card names. What only asks is safe; a message,
 * and what changes a task, is claimed before it is sent and not repeated when its outcome is unknown. A stream of
 * events is read to its end: its results are a list.
 */
import { authenticationSchema } from '../../auth/credentials.ts';
import { failure, refused, uncertain } from '../../failure.ts';
import { OUTPUT_BYTES_MAX, QUOTED_CHARACTERS_MAX } from '../../limits.ts';
import type { ConnectorManifest, JsonObject, JsonSchema, JsonValue, OperationCall, OperationManifest, Performed } from '../../manifest.ts';
import { brokenExchange } from '../../outbound/outbound-http.ts';
import { resourceSchema, type ResourceStore } from '../../resource-store.ts';
import { refusedBeforehand, type HttpAccess } from '../http/http-exchange.ts';
import { callCredentials, ownHeaders, RequestInvalid, targetUrl } from '../http/request-message.ts';
import { descriptionOf, isObject } from '../references.ts';
import { DescriptionInvalid } from '../structured-text.ts';

export interface A2aAccess extends HttpAccess {
  readonly resources: ResourceStore;
}

const READ_METHODS = ['tasks/get', 'tasks/list', 'tasks/resubscribe', 'tasks/pushNotificationConfig/get', 'tasks/pushNotificationConfig/list', 'agent/getAuthenticatedExtendedCard'];
const SEND_METHODS = ['message/send', 'message/stream', 'tasks/cancel', 'tasks/pushNotificationConfig/set', 'tasks/pushNotificationConfig/delete'];
/** Methods whose answer is a stream; their output is a list. */
const STREAMED: readonly string[] = ['message/stream', 'tasks/resubscribe'];

function argumentsSchema(methods: readonly string[], more: JsonObject = {}): JsonSchema {
  return {
    type: 'object',
    required: ['method'],
    anyOf: [{ required: ['server'] }, { required: ['agentCard'] }],
    properties: {
      method: { enum: methods },
      agentCard: resourceSchema,
      server: { type: 'object', required: ['uri'], properties: { uri: { type: 'string' }, authentication: authenticationSchema }, additionalProperties: false },
      parameters: { type: 'object' },
      ...more,
    },
    additionalProperties: false,
  } as JsonSchema;
}

export function a2aConnector(access: A2aAccess): ConnectorManifest {
  const operation = (summary: string, schema: JsonSchema, retryClass: OperationManifest['retryClass']): OperationManifest => ({ summary, arguments: schema, output: true as never, retryClass, timeoutMs: 60_000, action: { kind: 'run', run: (call) => run(access, call) } });
  return {
    id: 'a2a',
    version: '1.0.0',
    title: 'Agent2Agent',
    auth: ['none'],
    borrows: ['http'],
    operations: {
      read: operation('Asks an agent about its tasks and itself', argumentsSchema(READ_METHODS), 'safe'),
      send: operation('Sends an agent a message, or changes one of its tasks', argumentsSchema(SEND_METHODS, { onUnknown: { enum: ['ask', 'resend', 'skip'] } }), 'unsafe'),
    },
  };
}

async function run(access: A2aAccess, call: OperationCall): Promise<Performed> {
  try {
    const { url, reached } = await targetOf(access, call);
    const credentials = callCredentials({ ...call, arguments: reached });
    const method = String(call.arguments['method']);
    const key = keyOf(call);
    const body = JSON.stringify({ jsonrpc: '2.0', id: key, method, params: parametersOf(method, call.arguments['parameters'], key) });
    const accept = STREAMED.includes(method) ? 'text/event-stream, application/json' : 'application/json';
    const headers = { 'content-type': 'application/json', ...ownHeaders(call, { accept }), accept };
    const request = { organisation: call.step.organisation, method: 'POST', url, body, credentials, secrets: call.secrets };
    const answer = await access.authenticator.exchange(request, (own) => access.http.ask({ method: 'POST', url, headers: { ...headers, ...own }, body, signal: call.signal, bytesMax: OUTPUT_BYTES_MAX * 2 }));
    const text = answer.bytes.toString('utf8');
    if (answer.status < 200 || answer.status > 299) return uncertain(failure('communication', answer.status, `the agent answered ${answer.status}: ${text.replace(/\s+/g, ' ').trim().slice(0, QUOTED_CHARACTERS_MAX)}`), answer.status >= 500 ? 'down' : 'up');
    return resultOf(text, /^text\/event-stream\b/i.test(answer.headers['content-type'] ?? ''), STREAMED.includes(method));
  } catch (error) {
    if (call.signal.aborted) throw error;
    if (error instanceof DescriptionInvalid) return refused(failure('configuration', 400, error.message));
    return refusedBeforehand(error, 'a2a') ?? brokenExchange(error, 'the agent');
  }
}

/** Where the agent is, and the argument that has its credentials. A server is taken before a card. */
async function targetOf({ resources }: A2aAccess, call: OperationCall): Promise<{ readonly url: URL; readonly reached: JsonObject }> {
  const { agentCard, server } = call.arguments;
  if (isObject(server)) return { url: targetUrl(String(server['uri']), call.connection?.baseUrl ?? ''), reached: server };
  if (!isObject(agentCard)) throw new RequestInvalid('neither /server nor /agentCard is there');
  const resource = await resources.get(agentCard, call);
  const { url } = descriptionOf(resource).root;
  if (typeof url !== 'string' || !URL.canParse(url, resource.url.href)) throw new DescriptionInvalid(`${resource.url.href} is no agent card: it has no \`url\``);
  const found = targetUrl(new URL(url, resource.url).href, '');
  // Credentials for the card are for its origin; an agent elsewhere does not get them.
  return { url: found, reached: found.origin === resource.url.origin ? agentCard : {} };
}

/** The same over attempts, so that an agent can tell a repeated message (E5). */
function keyOf({ step }: OperationCall): string {
  return `${step.execution}/${step.run}/${step.activation}`;
}

/** DSL reference, A2A Call: a message has an id and a role. */
function parametersOf(method: string, given: JsonValue | undefined, key: string): JsonObject {
  const parameters = isObject(given) ? given : {};
  const message = parameters['message'];
  return method.startsWith('message/') && isObject(message) ? { ...parameters, message: { kind: 'message', role: 'user', messageId: key, ...message } } : parameters;
}

function resultOf(text: string, isStream: boolean, isList: boolean): Performed {
  const answers = isStream ? text.replaceAll('\r\n', '\n').split('\n\n').map(dataOf).filter((data) => data !== '') : [text];
  const results: JsonValue[] = [];
  for (const each of answers) {
    const answer = readJson(each);
    const error = isObject(answer) ? answer['error'] : undefined;
    if (isObject(error)) return refused(failure('runtime', 500, `the agent refused: ${String(error['message'] ?? 'it says no more')} (${String(error['code'] ?? '')})`, 'A2A error'), 'up');
    if (!isObject(answer) || !Object.hasOwn(answer, 'result')) return uncertain(failure('runtime', 502, 'the agent\'s answer is no JSON-RPC response', 'A2A error'), 'up');
    results.push(answer['result'] ?? null);
  }
  return { kind: 'output', value: isList ? results : (results.at(-1) ?? null) };
}

/** The data of one event (HTML, Server-sent events). */
function dataOf(event: string): string {
  return event.split('\n').filter((line) => line.startsWith('data:')).map((line) => line.slice(5).replace(/^ /, '')).join('\n');
}

function readJson(text: string): JsonValue {
  try {
    return JSON.parse(text) as JsonValue;
  } catch {
    return null;
  }
}
