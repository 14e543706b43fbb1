/**
 * What operators and probes ask over HTTP: `/healthz`, `/readyz`, `/metrics`.
 *
 * Does not own what makes a service ready; it asks all checks and shows each.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Logger, Metrics } from '@millrace/telemetry';

/** The checks of a service take this long at most, in milliseconds; one that is later counts as not ready. */
export const READY_TIMEOUT_MS = 3_000;

/** Handles a request and says true, or leaves it alone and says false. */
export type HttpHandler = (request: IncomingMessage, response: ServerResponse) => boolean;

/** Every check by name. */
export type Readiness = Readonly<Record<string, boolean>>;

export interface AdminOptions {
  readonly metrics: Metrics;
  readonly logger: Logger;
  readonly ready: () => Promise<Readiness>;
}

/** The handler of the admin paths. */
export function createAdminHandler({ metrics, logger, ready }: AdminOptions): HttpHandler {
  return (request, response) => {
    if (request.method !== 'GET' && request.method !== 'HEAD') return false;
    switch (request.url?.split('?')[0]) {
      case '/healthz':
        send(response, 200, 'application/json', '{"status":"alive"}\n');
        return true;
      case '/readyz':
        answer(response, logger, async () => {
          const checks = await ready();
          const all = Object.values(checks).every(Boolean);
          send(response, all ? 200 : 503, 'application/json', `${JSON.stringify({ ready: all, checks })}\n`);
        });
        return true;
      case '/metrics':
        answer(response, logger, async () => send(response, 200, metrics.contentType, await metrics.render()));
        return true;
      default:
        return false;
    }
  };
}

/** The checks, each by itself bounded in time: a check that hangs is one that fails. */
export async function checkAll(checks: () => Promise<Readiness>, logger: Logger): Promise<Readiness> {
  let limit: NodeJS.Timeout | undefined;
  const late = new Promise<Readiness>((resolve) => {
    limit = setTimeout(() => resolve({ answered: false }), READY_TIMEOUT_MS);
  });
  try {
    return await Promise.race([checks(), late]);
  } catch (error) {
    logger.warn('A readiness check failed', { error });
    return { answered: false };
  } finally {
    clearTimeout(limit);
  }
}

function answer(response: ServerResponse, logger: Logger, work: () => Promise<void>): void {
  work().catch((error: unknown) => {
    logger.error('An admin request failed', { error });
    if (!response.headersSent) send(response, 500, 'text/plain', 'internal error\n');
  });
}

function send(response: ServerResponse, status: number, contentType: string, body: string): void {
  response.writeHead(status, { 'content-type': contentType, 'cache-control': 'no-store', 'content-length': Buffer.byteLength(body) });
  response.end(body);
}
