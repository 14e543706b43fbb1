/** What a service and its runner give each other. */
import type { Bus, Registration, Registry } from '@millrace/bus';
import type { ChannelPool, RpcServer, RpcService } from '@millrace/rpc';
import type { Store } from '@millrace/store';
import type { Logger, Metrics, SpanExporter } from '@millrace/telemetry';
import type { HttpHandler, Readiness } from './admin.ts';
import type { commonSettings } from './common-settings.ts';
import type { ConfigOf, Environment, Schema } from './configuration.ts';
import type { HttpServer } from './http-server.ts';

/** The common settings as read. */
export type CommonConfig = ConfigOf<ReturnType<typeof commonSettings>>;

export interface ServiceContext<C extends object = object> {
  /** Common and own settings together. */
  readonly config: CommonConfig & C;
  readonly name: string;
  readonly instance: string;
  readonly version: string;
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly bus: Bus;
  readonly registry: Registry;
  /** The place of this process in the registry; undefined until it is ready, see `Composition.started`. */
  readonly registration: Registration | undefined;
  readonly rpc: RpcServer;
  readonly spanExporter: SpanExporter;
  /** Aborted when the process begins to stop. */
  readonly signal: AbortSignal;
  /** Stops the process as a signal would, with exit status 1: it cannot do its work here, for the reason given. */
  giveUp(reason: string): void;
  /** Balanced calls to another service; one pool for each, closed with the process. */
  pool(service: string): ChannelPool;
  /** A database of this service, there or not (see @millrace/store); closed with the process. */
  store(database: string): Promise<Store>;
  /** The admin paths, for a service that brings its own HTTP server. */
  readonly adminHandler: HttpHandler;
}

/** A composed service. */
export interface Composition {
  readonly rpcServices?: readonly RpcService[];
  /** Serves requests that are not for the admin paths; says false for what it does not know. */
  readonly httpHandler?: HttpHandler;
  /**
   * Its own HTTP server instead, which takes the port over once composed; it passes requests to
   * `context.adminHandler` first. Prefer `httpHandler` (for fastify, `app.routing`): it keeps the probes answered.
   */
  readonly httpServer?: HttpServer;
  /** Further addresses for the registry, besides `grpc` and `http`. */
  readonly addresses?: Readonly<Record<string, string>>;
  /** Attributes for the registry. */
  readonly attributes?: Readonly<Record<string, unknown>>;
  /** Every check by name; the process joins the registry when all hold. Default: always ready. */
  ready?(): Promise<Readiness>;
  /**
   * Its callers are the public, who know no registry: when it drains they are told at once to go (GOAWAY, `connection:
   * close`), and what they still send over connections that stand is taken for HTTP_LINGER_MS and until `drain` resolves.
   */
  readonly lingers?: boolean;
  /** Called once the process is in the registry: from here on it may claim things under its lease. */
  started?(registration: Registration): Promise<void> | void;
  /** Takes nothing new and finishes what it has; others have been told. Bounded by `drainMs`. */
  drain?(): Promise<void>;
  /** Lets go of everything. */
  close?(): Promise<void>;
}

export interface ServiceOptions<S extends Schema> {
  /** As in the registry: `connector`. */
  readonly name: string;
  readonly version: string;
  /** The service's own settings: a schema, or a function from the environment. */
  readonly configure?: S | ((environment: Environment) => ConfigOf<S>);
  compose(context: ServiceContext<ConfigOf<S>>): Promise<Composition>;
}
