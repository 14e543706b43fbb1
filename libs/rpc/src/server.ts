/**
 * The gRPC server of a process: its services, health, reflection, and stopping in order.
 *
 * Owns how calls end when the process stops. Does not own what they do; long streams are ended by the service
 * that holds them, and cut at the end of `drain` when it did not.
 */
import { Server, ServerCredentials, type ServiceDefinition, type UntypedHandleCall, type UntypedServiceImplementation } from '@grpc/grpc-js';
import type { Socket } from 'node:net';
import { Defect, MillraceError } from '@millrace/errors';
import type { Logger, Metrics } from '@millrace/telemetry';
import { bindHandler, type CallObserver } from './handlers.ts';
import { createHealth } from './health.ts';
import { MESSAGE_BYTES_MAX, channelOptions } from './limits.ts';
import { addReflection } from './reflection.ts';

export interface RpcServerOptions {
  readonly logger: Logger;
  readonly metrics: Metrics;
  /** Default 127.0.0.1. */
  readonly host?: string;
  /** Default 0: any free port. */
  readonly port?: number;
  /** Default `MESSAGE_BYTES_MAX`. */
  readonly messageBytesMax?: number;
  /** Default: no encryption, as fits loopback. */
  readonly credentials?: ServerCredentials;
}

/** A gRPC service and its handlers. */
export interface RpcService {
  readonly definition: ServiceDefinition;
  readonly implementation: UntypedServiceImplementation;
}

export interface RpcServer {
  /** Adds a service; handlers are grpc-js's own, or made by `unary` and `serverStream`. Before `start` only. */
  addService<S extends ServiceDefinition>(definition: S, implementation: UntypedServiceImplementation): void;
  /** Listens. @throws MillraceError `configuration-invalid` when the address cannot be had. */
  start(): Promise<{ readonly port: number; readonly address: string }>;
  /** Serves a connection that somebody else has accepted. */
  take(connection: Socket): void;
  /** What the health service says; it starts with not serving. */
  setServing(serving: boolean): void;
  /** Takes no new calls, lets those under way end, and cuts what is left after `limitMs` milliseconds. */
  drain(limitMs: number): Promise<void>;
}

/** Makes the server of a process. */
export function createRpcServer(options: RpcServerOptions): RpcServer {
  const { logger, metrics, host = '127.0.0.1', port = 0, messageBytesMax = MESSAGE_BYTES_MAX } = options;
  const server = new Server(channelOptions(messageBytesMax));
  const services: string[] = [];
  let injector: ReturnType<Server['createConnectionInjector']> | undefined;
  const seconds = metrics.histogram('millrace_rpc_call_seconds', 'Calls served, by method and status', { labels: ['method', 'code'] });
  const observer: CallObserver = { logger, ended: (method, code, took) => seconds.observe({ method, code }, took) };
  const health = createHealth(() => services);
  server.addService(health.definition, health.implementation);
  addReflection(server, () => services);

  return {
    addService: (definition, implementation) => {
      const bound: Record<string, UntypedHandleCall> = {};
      for (const [name, handler] of Object.entries(implementation)) bound[name] = bindHandler(handler, observer);
      server.addService(withLoggedSerializing(definition, logger), bound);
      services.push(serviceName(definition));
    },
    start: async () => {
      const bound = await new Promise<number>((resolve, reject) => {
        server.bindAsync(`${host}:${port}`, options.credentials ?? ServerCredentials.createInsecure(), (error, actual) => {
          if (error === null) resolve(actual);
          else reject(new MillraceError('configuration-invalid', { message: `gRPC cannot listen on ${host}:${port}: ${error.message}`, cause: error }));
        });
      });
      return { port: bound, address: `${host}:${bound}` };
    },
    take(connection) {
      injector ??= server.createConnectionInjector(options.credentials ?? ServerCredentials.createInsecure());
      injector.injectConnection(connection);
    },
    setServing: (serving) => health.setServing(serving),
    drain: async (limitMs) => {
      health.setServing(false);
      health.close();
      let limit: NodeJS.Timeout | undefined;
      await new Promise<void>((resolve) => {
        server.tryShutdown(() => resolve());
        limit = setTimeout(() => {
          logger.warn('Calls were cut because they outlived the time for stopping', { limitMs });
          server.forceShutdown();
          resolve();
        }, limitMs);
      });
      clearTimeout(limit);
    },
  };
}

/** grpc-js answers `internal` and keeps to itself what did not fit the proto. */
function withLoggedSerializing(definition: ServiceDefinition, logger: Logger): ServiceDefinition {
  const wrapped: Record<string, ServiceDefinition[string]> = {};
  for (const [name, method] of Object.entries(definition)) {
    const responseSerialize = (value: unknown): Buffer => {
      try {
        return method.responseSerialize(value);
      } catch (error) {
        logger.error('An answer does not fit its proto', { path: method.path, error });
        throw error;
      }
    };
    wrapped[name] = { ...method, responseSerialize };
  }
  return wrapped;
}

function serviceName(definition: ServiceDefinition): string {
  const path = Object.values(definition)[0]?.path;
  const name = path?.split('/')[1];
  if (name === undefined) throw new Defect('A service without methods cannot be served');
  return name;
}
