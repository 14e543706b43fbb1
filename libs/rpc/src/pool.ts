/**
 * Calls to the instances of one service, balanced over the registry.
 *
 * Owns one channel an address, opened with the first call and closed some time after its instance has left.
 * Does not own repeating: a call that reached a server is repeated only if the caller says it may be.
 */
import { Channel, Metadata, credentials, status, type ChannelCredentials, type Client, type ClientOptions, type ServiceDefinition } from '@grpc/grpc-js';
import type { Instance, Registry } from '@millrace/bus';
import { MillraceError } from '@millrace/errors';
import { formatTraceparent, type Logger, type TraceContext } from '@millrace/telemetry';
import { createBalancer } from './balancer.ts';
import { HEADERS } from './headers.ts';
import { channelOptions } from './limits.ts';
import { failureOf, isServiceError, isUnsent } from './status.ts';

/** How long a call may take when the caller does not say, in milliseconds. */
export const CALL_DEADLINE_MS = 5_000;
/** A channel whose instance has left is closed after this time, in milliseconds, for the sake of streams that end by themselves. */
export const CHANNEL_LINGER_MS = 30_000;

/** A client class as ts-proto generates it. */
export interface ClientClass<S extends ServiceDefinition, C extends Client> {
  new (address: string, credentials: ChannelCredentials, options?: Partial<ClientOptions>): C;
  readonly service: S;
  readonly serviceName: string;
}

/** The methods of a service that take one request and give one answer. */
export type UnaryMethod<S> = { [K in keyof S]: S[K] extends { readonly requestStream: false; readonly responseStream: false } ? K : never }[keyof S];
/** The request of a method. */
export type RequestOf<M> = M extends { requestSerialize: (value: infer R) => Buffer } ? R : never;
/** The answer of a method. */
export type ResponseOf<M> = M extends { responseDeserialize: (value: Buffer) => infer R } ? R : never;

export interface CallOptions {
  /** Milliseconds from now; default `CALL_DEADLINE_MS`. */
  readonly deadlineMs?: number;
  readonly metadata?: Readonly<Record<string, string>>;
  readonly organisation?: string;
  readonly trace?: TraceContext;
  /** This instance and no other. */
  readonly instance?: Instance;
  /** The call may be carried out twice, so it is also repeated when it may have arrived. */
  readonly idempotent?: boolean;
  readonly signal?: AbortSignal;
}

export interface ChannelPool {
  /** The client of an instance, for streams; one is kept for each class and address. */
  client<S extends ServiceDefinition, C extends Client>(clientClass: ClientClass<S, C>, instance: Instance): C;
  /**
   * One call, to the instance with the fewest outstanding; tried on another one once when the first was not reached.
   * @throws MillraceError what the service said, `service-unavailable` or `deadline-exceeded`.
   */
  unary<S extends ServiceDefinition, C extends Client, K extends UnaryMethod<S>>(
    clientClass: ClientClass<S, C>,
    method: K,
    request: RequestOf<S[K]>,
    options?: CallOptions,
  ): Promise<ResponseOf<S[K]>>;
  /** The instance that the next call would go to; undefined when there is none. */
  pick(): Instance | undefined;
  /** Instances of the service that are alive, draining ones included. */
  instances(): readonly Instance[];
  onChange(callback: () => void): () => void;
  close(): void;
}

export interface ChannelPoolOptions {
  readonly registry: Registry;
  readonly service: string;
  readonly logger: Logger;
  readonly messageBytesMax?: number;
  readonly credentials?: ChannelCredentials;
}

/** Opens a pool of channels to a service. */
export function createChannelPool({ registry, service, logger, messageBytesMax, credentials: given }: ChannelPoolOptions): ChannelPool {
  const channelCredentials = given ?? credentials.createInsecure();
  const balancer = createBalancer();
  const channels = new Map<string, Channel>();
  const clients = new Map<string, Client>();
  const closing = new Map<string, NodeJS.Timeout>();

  const instances = (): readonly Instance[] => registry.list(service);

  function channelTo(address: string): Channel {
    const known = channels.get(address);
    if (known !== undefined) return known;
    const made = new Channel(address, channelCredentials, {
      ...channelOptions(messageBytesMax),
      'grpc.initial_reconnect_backoff_ms': 100,
      'grpc.max_reconnect_backoff_ms': 2_000,
    });
    channels.set(address, made);
    return made;
  }

  function drop(address: string): void {
    closing.delete(address);
    channels.get(address)?.close();
    channels.delete(address);
    for (const key of clients.keys()) if (key.endsWith(` ${address}`)) clients.delete(key);
  }

  /** Closes what nobody is behind any more, not at once: an instance may only be late with its heartbeat. */
  function tidy(): void {
    const present = new Set(instances().map(({ addresses }) => addresses.grpc));
    for (const address of channels.keys()) {
      if (present.has(address)) {
        clearTimeout(closing.get(address));
        closing.delete(address);
      } else if (!closing.has(address)) {
        closing.set(address, setTimeout(() => drop(address), CHANNEL_LINGER_MS).unref());
      }
    }
  }
  const offChange = registry.onChange(tidy);

  function client<S extends ServiceDefinition, C extends Client>(clientClass: ClientClass<S, C>, instance: Instance): C {
    const address = addressOf(instance);
    const key = `${clientClass.serviceName} ${address}`;
    const known = clients.get(key) as C | undefined;
    if (known !== undefined) return known;
    const made = new clientClass(address, channelCredentials, { channelOverride: channelTo(address) });
    clients.set(key, made);
    return made;
  }

  async function attempt(target: Instance, call: (on: Instance) => Promise<unknown>): Promise<unknown> {
    const ended = balancer.begin(addressOf(target));
    try {
      const answer = await call(target);
      ended(true);
      return answer;
    } catch (error) {
      ended(!isUnreached(error));
      throw error;
    }
  }

  async function unary(clientClass: ClientClass<ServiceDefinition, Client>, method: string, request: unknown, options: CallOptions = {}): Promise<unknown> {
    const definition = clientClass.service[method];
    if (definition === undefined) throw new MillraceError('internal', { message: `${clientClass.serviceName} has no method ${method}` });
    const { deadlineMs = CALL_DEADLINE_MS, signal } = options;
    const deadline = Date.now() + deadlineMs;
    const metadata = metadataOf(options);
    const send = (target: Instance): Promise<unknown> =>
      new Promise((resolve, reject) => {
        const { path, requestSerialize, responseDeserialize } = definition;
        const call = client(clientClass, target).makeUnaryRequest(path, requestSerialize, responseDeserialize, request, metadata, { deadline }, (error, answer) => {
          signal?.removeEventListener('abort', abort);
          if (error !== null) reject(error);
          else resolve(answer);
        });
        const abort = (): void => call.cancel();
        if (signal?.aborted) abort();
        else signal?.addEventListener('abort', abort, { once: true });
      });

    const tried = new Set<string>();
    for (;;) {
      const target = options.instance ?? balancer.pick(instances(), tried);
      if (target === undefined) throw new MillraceError('service-unavailable', { message: `No instance of ${service} is there to be called`, details: { service } });
      try {
        return await attempt(target, send);
      } catch (error) {
        const repeatable = isUnsent(error) || (options.idempotent === true && isUnreached(error));
        const another = options.instance === undefined && tried.size === 0 && repeatable && Date.now() < deadline;
        tried.add(addressOf(target));
        if (!another || balancer.pick(instances(), tried) === undefined) throw failureOf(error, service);
        logger.debug('A call is tried on another instance', { method: definition.path, first: target.instance, error });
      }
    }
  }

  return {
    client,
    unary: unary as ChannelPool['unary'],
    pick: () => balancer.pick(instances()),
    instances,
    onChange: (callback) => registry.onChange(callback),
    close: () => {
      offChange();
      for (const timer of closing.values()) clearTimeout(timer);
      for (const address of [...channels.keys()]) drop(address);
    },
  };
}

function addressOf(instance: Instance): string {
  const address = instance.addresses.grpc;
  if (address === undefined) throw new MillraceError('service-unavailable', { message: `${instance.instance} has no gRPC address` });
  return address;
}

function isUnreached(error: unknown): boolean {
  return isServiceError(error) && error.code === status.UNAVAILABLE;
}

function metadataOf({ metadata, organisation, trace }: CallOptions): Metadata {
  const made = new Metadata();
  for (const [name, value] of Object.entries(metadata ?? {})) made.set(name, value);
  if (organisation !== undefined) made.set(HEADERS.organisation, organisation);
  if (trace !== undefined) made.set(HEADERS.traceparent, formatTraceparent(trace));
  return made;
}
