/**
 * The life of a service: connections, composition, readiness, the registry, and the way back in the opposite
 * order.
 *
 * - L1  Nothing is offered (registry, gRPC health) before the service says that it is ready.
 * - L2  When it stops, others learn first that it drains, then it stops taking, then it finishes.
 * - L3  Every step of stopping is bounded; what fails in one does not keep the next from being taken.
 */
import type { Socket } from 'node:net';
import { hostname } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { connectBus, joinRegistry, watchRegistry, type Addresses, type Bus, type Registration, type Registry } from '@millrace/bus';
import { MillraceError } from '@millrace/errors';
import { createChannelPool, createRpcServer, type ChannelPool } from '@millrace/rpc';
import type { Store } from '@millrace/store';
import { createMetrics, createSpanExporter, type Logger } from '@millrace/telemetry';
import { checkAll, createAdminHandler, type Readiness } from './admin.ts';
import { parseHeaders } from './common-settings.ts';
import type { CommonConfig, Composition, ServiceContext, ServiceOptions } from './composition.ts';
import type { ConfigOf, Schema } from './configuration.ts';
import { checkBus, checkStore } from './durability.ts';
import { createHttpServer, HTTP_LINGER_MS } from './http-server.ts';

/** Time for closing connections after the drain, in milliseconds. */
export const STOP_GRACE_MS = 5_000;
/** Readiness is asked this often while the process starts, in milliseconds. */
const READY_POLL_MS = 50;
/** A process that waits for its readiness says so this often, in milliseconds. */
const NOT_READY_LOG_MS = 5_000;
/** Others get this long to be told that the process drains, in milliseconds; NATS may be away. */
const ANNOUNCE_TIMEOUT_MS = 1_000;
/** Closing, leaving and disconnecting each, in milliseconds. */
const LETTING_GO_MS = 1_500;

/** What is spoken over a connection that is handed to a process. */
export type HandedProtocol = 'http' | 'grpc';

/** A service between its start and its stop. */
export interface Life {
  /**
   * Resolves to its addresses when the service is in the registry, to undefined when it was stopped before.
   * `onReplaced`: another process has its name. `onUnfit`: MongoDB, once it answered, is not as durable as required. `onGivenUp`: the
   * service cannot do its work here, with the reason.
   */
  start(onReplaced: () => void, onUnfit: (error: MillraceError) => void, onGivenUp: (reason: string) => void): Promise<Addresses | undefined>;
  /** Serves a connection to a public port, which whoever started the process has accepted for it. */
  take(protocol: HandedProtocol, connection: Socket): void;
  /** Resolves when everything is let go. Never rejects. */
  stop(): Promise<void>;
}

/** Makes the life of a service; nothing happens before `start`. */
export function createLife<S extends Schema>(options: ServiceOptions<S>, config: CommonConfig & ConfigOf<S>, logger: Logger): Life {
  const { name, version } = options;
  const { instance, host, drainMs } = config;
  const metrics = createMetrics({ service: name, instance });
  const spanExporter = createSpanExporter({
    service: name,
    instance,
    logger,
    headers: parseHeaders(config.otlpHeaders),
    ...(config.otlpEndpoint === undefined ? {} : { endpoint: config.otlpEndpoint }),
  });
  const rpc = createRpcServer({ logger, metrics, host, port: config.grpcPort });
  const stopping = new AbortController();
  const pools = new Map<string, ChannelPool>();
  const stores = new Map<string, Promise<Store>>();
  let bus: Bus | undefined;
  let registry: Registry | undefined;
  let registration: Registration | undefined;
  let composition: Composition | undefined;
  let unfit: (error: MillraceError) => void = () => undefined;
  let giveUp: (reason: string) => void = () => undefined;

  async function ready(): Promise<Readiness> {
    const own = composition === undefined ? { composed: false } : await checkAll(() => composition?.ready?.() ?? Promise.resolve({}), logger);
    return { ...own, nats: bus?.status() === 'connected', registered: registration !== undefined, running: !stopping.signal.aborted };
  }

  const adminHandler = createAdminHandler({ metrics, logger, ready });
  const http = createHttpServer(adminHandler, () => composition?.httpHandler, () => stopping.signal.aborted);

  function contextOf(connected: Bus, watched: Registry): ServiceContext<ConfigOf<S>> {
    return {
      config,
      name,
      instance,
      version,
      logger,
      metrics,
      bus: connected,
      registry: watched,
      get registration() {
        return registration;
      },
      rpc,
      spanExporter,
      signal: stopping.signal,
      giveUp: (reason) => giveUp(reason),
      adminHandler,
      pool: (service) => {
        const pool = pools.get(service) ?? createChannelPool({ registry: watched, service, logger });
        pools.set(service, pool);
        return pool;
      },
      store: (database) => {
        const store = stores.get(database) ?? openStore(database);
        stores.set(database, store);
        return store;
      },
    };
  }

  /** Loaded when it is asked for: the driver costs an eighth of a second, and not every service has a database. */
  async function openStore(database: string): Promise<Store> {
    const { connectStore } = await import('@millrace/store');
    const store = await connectStore({ url: config.mongodbUrl, database, logger, name: `${name} ${instance}` });
    if (stores.size <= 1) void checkStore(store, config.durability, logger, stopping.signal, unfit);
    return store;
  }

  async function start(onReplaced: () => void, onUnfit: (error: MillraceError) => void, onGivenUp: (reason: string) => void): Promise<Addresses | undefined> {
    unfit = onUnfit;
    giveUp = onGivenUp;
    let httpPort = await http.listen(host, config.httpPort);
    bus = await connectBus({ url: config.natsUrl, name: `${name} ${instance}`, logger, replicas: config.natsReplicas });
    registry = await watchRegistry(bus);
    composition = await options.compose(contextOf(bus, registry));
    // Now that the streams and buckets of this service are there, and before anybody learns of it.
    await checkBus(bus, config.durability, config.natsMonitorUrls, logger, stopping.signal);
    for (const { definition, implementation } of composition.rpcServices ?? []) rpc.addService(definition, implementation);
    if (composition.httpServer !== undefined) {
      const closed = http.close();
      http.cut();
      await closed;
      httpPort = await composition.httpServer.listen(host, httpPort);
    }
    const grpc = await rpc.start();
    await untilReady();
    if (stopping.signal.aborted) return undefined;
    const reachable = config.advertisedHost ?? (isWildcard(host) ? hostname() : host);
    const addresses = { ...composition.addresses, grpc: `${reachable}:${grpc.port}`, http: `http://${reachable}:${httpPort}` };
    registration = await joinRegistry(bus, {
      service: name,
      instance,
      version,
      addresses,
      attributes: composition.attributes ?? {},
    });
    registration.onLost((loss) => {
      if (loss === 'replaced') onReplaced();
    });
    rpc.setServing(true);
    await composition.started?.(registration);
    return addresses;
  }

  async function untilReady(): Promise<void> {
    const beganMs = performance.now();
    let complainedMs = beganMs;
    for (;;) {
      const checks = await checkAll(() => composition?.ready?.() ?? Promise.resolve({}), logger);
      if (Object.values(checks).every(Boolean) || stopping.signal.aborted) return;
      if (performance.now() - complainedMs > NOT_READY_LOG_MS) {
        complainedMs = performance.now();
        logger.warn('Not ready yet', { checks, waitedMs: Math.round(complainedMs - beganMs) });
      }
      await sleep(READY_POLL_MS);
    }
  }

  /** One step of stopping: bounded, and what fails in it is logged and left behind. */
  async function step(what: string, limitMs: number, work: () => Promise<unknown> | undefined): Promise<void> {
    let limit: NodeJS.Timeout | undefined;
    const late = new Promise<'late'>((resolve) => {
      limit = setTimeout(() => resolve('late'), limitMs);
    });
    try {
      if ((await Promise.race([work(), late])) === 'late') logger.warn('A part of stopping took too long and was left', { what, limitMs });
    } catch (error) {
      logger.warn('A part of stopping failed', { what, error });
    } finally {
      clearTimeout(limit);
    }
  }

  async function endHttp(lingers: boolean, left: () => number): Promise<void> {
    if (lingers) await sleep(Math.min(HTTP_LINGER_MS, left()));
    await step('ending HTTP requests', left(), () => Promise.all([http.close(), composition?.httpServer?.close()]));
    http.cut();
  }

  async function stop(): Promise<void> {
    const endMs = performance.now() + drainMs;
    const left = (): number => Math.max(0, endMs - performance.now());
    stopping.abort(new MillraceError('service-draining'));
    rpc.setServing(false);
    http.turnAway();
    await step('announcing', ANNOUNCE_TIMEOUT_MS, () => registration?.setDraining());
    const draining = step('draining', left(), () => composition?.drain?.());
    if (composition?.lingers !== true) await draining;
    await Promise.all([draining, rpc.drain(left()), endHttp(composition?.lingers === true, left)]);
    await step('closing', LETTING_GO_MS, () => composition?.close?.());
    await step('leaving', LETTING_GO_MS, () => registration?.leave());
    registry?.close();
    for (const pool of pools.values()) pool.close();
    await step('disconnecting', LETTING_GO_MS, () =>
      Promise.all([spanExporter.shutdown(), bus?.close(), ...[...stores.values()].map(async (store) => (await store).close())]),
    );
  }

  return { start, stop, take: (protocol, connection) => (protocol === 'grpc' ? rpc : http).take(connection) };
}

function isWildcard(host: string): boolean {
  return host === '0.0.0.0' || host === '::' || host === '';
}
