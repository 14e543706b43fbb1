/**
 * The connection of one process to NATS.
 *
 * Owns connecting and reconnecting. Does not own what is published: a request that the connection could not
 * answer in time fails, and whoever made it knows whether it may be sent again.
 *
 * - The connection never gives up: it returns when NATS does, and `connectBus` waits for the first time too.
 * - With several servers, one at which JetStream falls silent is left for another (silent-server.ts).
 * - A dead link (a peer that vanished without a word) shows within `PING_MS * PINGS_OUT_MAX + PING_MS`.
 */
import { Kvm } from '@nats-io/kv';
import { jetstream, jetstreamManager, type JetStreamClient, type JetStreamManager } from '@nats-io/jetstream';
import { connect, type NatsConnection } from '@nats-io/transport-node';
import type { Logger } from '@millrace/telemetry';
import { leaveSilentServers } from './silent-server.ts';

/** Milliseconds between the client's pings. */
export const PING_MS = 1_500;
/** Pings without an answer after which the link is dead. */
export const PINGS_OUT_MAX = 2;
/** The least and the most time between two attempts to reconnect, in milliseconds. */
export const RECONNECT_MIN_MS = 100;
export const RECONNECT_MAX_MS = 2_000;
/** How long one attempt may take, in milliseconds. */
export const CONNECT_TIMEOUT_MS = 2_000;
/** How long JetStream has to answer a request, in milliseconds. */
export const REQUEST_TIMEOUT_MS = 5_000;

export type BusStatus = 'connected' | 'disconnected' | 'closed';

export interface BusOptions {
  /** One address, or several separated by commas. */
  readonly url: string;
  /** The name that NATS shows for the connection. */
  readonly name: string;
  readonly logger: Logger;
  /** Servers that keep a copy of every stream and bucket that is made without saying; default 1, 3 in production. */
  readonly replicas?: number;
}

export interface Bus {
  readonly connection: NatsConnection;
  readonly jetstream: JetStreamClient;
  readonly manager: JetStreamManager;
  readonly kv: Kvm;
  readonly logger: Logger;
  /** Copies of a stream or bucket that does not say how many. */
  readonly replicas: number;
  /** What the connection is at this moment, as far as this side can tell. */
  status(): BusStatus;
  /** Calls back at every change; returns the function that ends it. */
  onStatus(callback: (status: BusStatus) => void): () => void;
  /** Sends what is buffered if it can, then closes; nothing reconnects afterwards. */
  close(): Promise<void>;
}

/** Connects, waiting for NATS as long as it takes. Rejects only for an address that is none. */
export async function connectBus({ url, name, logger, replicas = 1 }: BusOptions): Promise<Bus> {
  let current: BusStatus = 'disconnected';
  let lostAtMs = performance.now();
  const callbacks = new Set<(status: BusStatus) => void>();

  const servers = url.split(',').map((server) => server.trim());
  const connection = await connect({
    servers,
    name,
    noEcho: false,
    waitOnFirstConnect: true,
    // Otherwise every request captures a stack in case it fails, which costs more than the request.
    noAsyncTraces: true,
    maxReconnectAttempts: -1,
    // Credentials may be wrong for the moment that an operator needs to rotate them.
    ignoreAuthErrorAbort: true,
    timeout: CONNECT_TIMEOUT_MS,
    pingInterval: PING_MS,
    maxPingOut: PINGS_OUT_MAX,
    // Asked several times an attempt, so it follows from the length of the outage instead of counting calls.
    reconnectDelayHandler: () => delayAfter(performance.now() - lostAtMs),
  });

  function become(status: BusStatus): void {
    if (status === current) return;
    current = status;
    if (status === 'disconnected') {
      lostAtMs = performance.now();
      logger.warn('Connection to NATS lost', { url });
    } else if (status === 'connected') {
      logger.info('Connection to NATS is back', { url, outageMs: Math.round(performance.now() - lostAtMs) });
    }
    for (const callback of callbacks) callback(status);
  }

  async function follow(): Promise<void> {
    for await (const event of connection.status()) {
      if (event.type === 'disconnect' || event.type === 'staleConnection') become('disconnected');
      else if (event.type === 'reconnect') become('connected');
      else if (event.type === 'error') logger.warn('NATS reported an error', { error: event.error });
      else if (event.type === 'slowConsumer') logger.warn('A subscription falls behind', { subject: event.sub.getSubject(), pending: event.pending });
    }
    become('closed');
  }

  current = 'connected';
  void follow();
  const closing = new AbortController();
  if (servers.length > 1) void leaveSilentServers(connection, () => current === 'connected', logger, closing.signal);
  return {
    connection,
    jetstream: jetstream(connection, { timeout: REQUEST_TIMEOUT_MS }),
    // Without the check of the account: it fails while JetStream is still starting.
    manager: await jetstreamManager(connection, { timeout: REQUEST_TIMEOUT_MS, checkAPI: false }),
    kv: new Kvm(jetstream(connection, { timeout: REQUEST_TIMEOUT_MS })),
    logger,
    replicas,
    status: () => current,
    onStatus: (callback) => {
      callbacks.add(callback);
      return () => void callbacks.delete(callback);
    },
    close: async () => {
      closing.abort();
      if (current === 'connected') await connection.flush().catch(() => undefined);
      await connection.close();
    },
  };
}

/** Half the outage so far, within the limits, spread so that a cell does not come back in one moment. */
function delayAfter(outageMs: number): number {
  const middle = Math.min(RECONNECT_MAX_MS, Math.max(RECONNECT_MIN_MS, outageMs / 2));
  return middle * (0.75 + Math.random() / 4);
}
