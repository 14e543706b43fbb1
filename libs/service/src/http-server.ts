/**
 * The HTTP server of a process: the admin paths first, then what the service serves.
 *
 * It listens from the beginning, before NATS is there, so that a probe can tell a process that waits from one
 * that is dead. A request that comes before the service is composed gets 503.
 */
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { MillraceError, problemOf } from '@millrace/errors';
import type { HttpHandler } from './admin.ts';

/** A request must have arrived in full within this time, in milliseconds. */
const REQUEST_TIMEOUT_MS = 60_000;
/** Its headers within this time, in milliseconds. */
const HEADERS_TIMEOUT_MS = 15_000;
/** An idle connection is kept this long, in milliseconds: longer than load balancers keep theirs. */
const KEEP_ALIVE_MS = 65_000;

/** While closing, connections that became idle are ended this often, in milliseconds. */
const IDLE_SWEEP_MS = 50;

/** How long connections of a service that lingers may bring a last request, in milliseconds. */
export const HTTP_LINGER_MS = 1_000;

/** An HTTP server that a service brings along, or the one here. */
export interface HttpServer {
  /** Resolves to the port. */
  listen(host: string, port: number): Promise<number>;
  /** Takes no new connections and resolves when those there are have ended. */
  close(): Promise<void>;
}

export interface OwnHttpServer extends HttpServer {
  /** Ends what `close` is still waiting for. */
  cut(): void;
  /** Tells whoever waits for an answer to come back over another connection. */
  turnAway(): void;
  /** Serves a connection that somebody else has accepted. */
  take(connection: Socket): void;
}

/** Makes the server; `service` is asked at every request, since it is there later than the server. */
export function createHttpServer(admin: HttpHandler, service: () => HttpHandler | undefined, isStopping: () => boolean): OwnHttpServer {
  const open = new Set<ServerResponse>();
  const server = createServer((request, response) => {
    open.add(response);
    response.once('close', () => open.delete(response));
    // Whoever keeps connections open is told to look for another instance.
    if (isStopping()) response.setHeader('connection', 'close');
    if (admin(request, response)) return;
    const handler = service();
    if (handler?.(request, response) === true) return;
    const failure =
      handler === undefined
        ? new MillraceError('service-unavailable', { message: 'The service is starting' })
        : new MillraceError('resource-unknown', { message: `There is nothing at ${request.method ?? ''} ${request.url?.split('?')[0] ?? ''}` });
    const problem = problemOf(failure);
    response.writeHead(problem.status, { 'content-type': 'application/problem+json' }).end(JSON.stringify(problem));
  });
  server.requestTimeout = REQUEST_TIMEOUT_MS;
  server.headersTimeout = HEADERS_TIMEOUT_MS;
  server.keepAliveTimeout = KEEP_ALIVE_MS;

  return {
    listen: (host, port) =>
      new Promise((resolve, reject) => {
        server.once('error', (error) => reject(new MillraceError('configuration-invalid', { message: `HTTP cannot listen on ${host}:${port}: ${error.message}`, cause: error })));
        server.listen(port, host, () => resolve((server.address() as AddressInfo).port));
      }),
    close: () =>
      new Promise((resolve) => {
        // Node ends the connections that are idle now, and not those that become so after their last answer.
        const sweep = setInterval(() => server.closeIdleConnections(), IDLE_SWEEP_MS);
        server.close(() => {
          clearInterval(sweep);
          resolve();
        });
      }),
    turnAway() {
      for (const response of open) if (!response.headersSent) response.setHeader('connection', 'close');
    },
    cut: () => server.closeAllConnections(),
    take: (connection) => void server.emit('connection', connection),
  };
}
