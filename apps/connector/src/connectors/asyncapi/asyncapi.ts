/**
 * `asyncapi.publish` and `asyncapi.subscribe`: messages over what an AsyncAPI document describes (DSL reference,
 * AsyncAPI Call).
 *
 * Speaks NATS, HTTP and WebSocket; what else a document names is refused by name. Publishing yields the message;
 * subscribing yields the messages that were consumed, in order; of a window, that and whether the subscription is over.
 *
 * A subscription is one step. When its worker dies, another one begins it anew: what the first had consumed is lost
 * with it, unless the broker keeps it.
 */
import { authenticationSchema, readCredentials } from '../../auth/credentials.ts';
import { AuthorityFailed } from '../../auth/token-book.ts';
import { failure, refused, uncertain } from '../../failure.ts';
import { SUBSCRIPTION_GATHER_MS, SUBSCRIPTION_MS_MAX, SUBSCRIPTION_WINDOW_MS } from '../../limits.ts';
import type { ConnectorManifest, JsonObject, JsonValue, OperationCall, Performed } from '../../manifest.ts';
import { brokenExchange } from '../../outbound/outbound-http.ts';
import { resourceSchema, type ResourceStore } from '../../resource-store.ts';
import { refusedBeforehand, type HttpAccess } from '../http/http-exchange.ts';
import { descriptionOf, isObject, References, textIn } from '../references.ts';
import { DescriptionInvalid } from '../structured-text.ts';
import { asyncOperation } from './async-operation.ts';
import { httpChannel } from './http-channel.ts';
import { ChannelRefused, ChannelStatus, type ChannelAccess, type MessageChannel } from './message-channel.ts';
import { natsChannel } from './nats-channel.ts';
import { ExpressionFailed, subscriptionOf } from './subscription.ts';
import { wsChannel } from './ws-channel.ts';

export interface AsyncApiAccess extends HttpAccess {
  readonly resources: ResourceStore;
}

const CHANNELS: Readonly<Record<string, MessageChannel>> = { nats: natsChannel, http: httpChannel, ws: wsChannel };

const common = {
  document: resourceSchema,
  operation: { type: 'string' },
  channel: { type: 'string' },
  protocol: { type: 'string' },
  server: { type: 'object', required: ['name'], properties: { name: { type: 'string' }, variables: { type: 'object' } }, additionalProperties: false },
  authentication: authenticationSchema,
} as const;
const expression = { type: 'object', required: ['source'], properties: { source: { type: 'string' }, variables: { type: 'object' } }, additionalProperties: false } as const;

const publishSchema = {
  type: 'object',
  required: ['document', 'message'],
  properties: { ...common, message: { type: 'object', properties: { payload: true, headers: { type: 'object' } }, additionalProperties: false } },
  additionalProperties: false,
} as const;

const subscribeSchema = {
  type: 'object',
  required: ['document', 'consume'],
  properties: {
    ...common,
    window: { type: 'boolean' },
    filter: expression,
    consume: { type: 'object', properties: { amount: { type: 'integer' }, while: expression, until: expression, for: { type: ['integer', 'string', 'object'] } }, additionalProperties: false },
  },
  additionalProperties: false,
} as const;

export function asyncApiConnector(access: AsyncApiAccess): ConnectorManifest {
  const target = (args: JsonObject): string => `document:${String((args['document'] as JsonObject)['uri'])}`;
  return {
    id: 'asyncapi',
    version: '1.0.0',
    title: 'AsyncAPI',
    auth: ['none'],
    operations: {
      publish: {
        summary: 'Publishes a message to a channel that an AsyncAPI document describes',
        arguments: publishSchema,
        output: true as never,
        retryClass: 'keyed',
        timeoutMs: 30_000,
        target,
        action: { kind: 'run', run: (call) => run(access, call, publish) },
      },
      subscribe: {
        summary: 'Consumes messages of a channel that an AsyncAPI document describes',
        arguments: subscribeSchema,
        output: true as never,
        retryClass: 'safe',
        timeoutMs: SUBSCRIPTION_MS_MAX,
        timeoutMsMax: SUBSCRIPTION_MS_MAX,
        target,
        action: { kind: 'run', run: (call) => run(access, call, subscribe) },
      },
    },
  };
}

type Perform = (channel: MessageChannel, access: ChannelAccess) => Promise<JsonValue>;

async function run(access: AsyncApiAccess, call: OperationCall, perform: Perform): Promise<Performed> {
  let what = 'the channel';
  try {
    const channelAccess = await channelOf(access, call);
    const { address, host, protocol } = channelAccess.operation;
    what = `${protocol} channel ${address} at ${host}`;
    const channel = Object.hasOwn(CHANNELS, protocol) ? CHANNELS[protocol] : undefined;
    if (channel === undefined) throw new DescriptionInvalid(`the protocol ${protocol} is not spoken here; ${Object.keys(CHANNELS).join(', ')} are`);
    return { kind: 'output', value: await perform(channel, channelAccess) };
  } catch (error) {
    if (call.signal.aborted) throw error;
    return failed(error, what);
  }
}

function failed(error: unknown, what: string): Performed {
  if (error instanceof DescriptionInvalid) return refused(failure('configuration', 400, error.message));
  if (error instanceof ExpressionFailed) return refused({ ...failure('runtime', 400, error.message, 'Expression error'), type: 'https://serverlessworkflow.io/spec/1.0.0/errors/expression' }, 'up');
  if (error instanceof ChannelStatus) return uncertain(failure('communication', error.status, error.message), error.status >= 500 ? 'down' : 'up');
  if (error instanceof ChannelRefused) return uncertain(failure('communication', 503, `${what}: ${error.message}`));
  if (error instanceof AuthorityFailed) return error.performed;
  return refusedBeforehand(error, 'asyncapi') ?? brokenExchange(error, what);
}

async function channelOf(access: AsyncApiAccess, call: OperationCall): Promise<ChannelAccess> {
  const { arguments: args, secrets } = call;
  const server = isObject(args['server']) ? args['server'] : {};
  const description = descriptionOf(await access.resources.get(args['document'], call));
  const request = {
    operation: textIn(args['operation']),
    channel: textIn(args['channel']),
    serverName: textIn(server['name']),
    variables: isObject(server['variables']) ? server['variables'] : {},
    protocol: textIn(args['protocol']),
  };
  const operation = await asyncOperation(description, request, new References(access.resources, args['document'], call));
  return { ...access, call, operation, credentials: readCredentials(args['authentication'], secrets) };
}

async function publish(channel: MessageChannel, access: ChannelAccess): Promise<JsonValue> {
  const { headers, payload = null } = access.call.arguments['message'] as JsonObject;
  const texts = Object.fromEntries(Object.entries(isObject(headers) ? headers : {}).flatMap(([name, value]) => (value === null ? [] : [[name, typeof value === 'string' ? value : JSON.stringify(value)]])));
  await channel.publish(access, { payload, headers: texts });
  return { payload, headers: texts };
}

async function subscribe(channel: MessageChannel, access: ChannelAccess): Promise<JsonValue> {
  const subscription = subscriptionOf(access.call.arguments);
  const isWindow = access.call.arguments['window'] === true;
  const answer = (): JsonValue => (isWindow ? { messages: [...subscription.consumed], over: subscription.isOver() } : [...subscription.consumed]);
  if (subscription.isOver()) return answer();
  const over = new AbortController();
  const signal = AbortSignal.any([access.call.signal, over.signal]);
  let timer: NodeJS.Timeout | undefined;
  const endIn = (ms: number): void => {
    clearTimeout(timer);
    timer = setTimeout(() => over.abort(), ms);
  };
  const begin = (): void => {
    const ms = isWindow ? SUBSCRIPTION_WINDOW_MS : subscription.forMs;
    if (ms !== undefined) endIn(ms);
  };
  try {
    for await (const message of channel.subscribe(access, signal, begin)) {
      const before = subscription.consumed.length;
      subscription.take(message);
      if (isWindow && before === 0 && subscription.consumed.length > 0) endIn(SUBSCRIPTION_GATHER_MS);
      if (subscription.isOver()) break;
    }
  } catch (error) {
    // Its time was over: what it has is the result.
    if (!over.signal.aborted || error instanceof ExpressionFailed) throw error;
  } finally {
    clearTimeout(timer);
    over.abort();
  }
  return answer();
}
