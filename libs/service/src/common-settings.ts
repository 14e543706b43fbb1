/** The settings that every service has. */
import type { LogLevel } from '@millrace/telemetry';
import { DURABILITY_DEMANDS } from './durability.ts';
import { choice, durationMs, integer, list, optional, secret, text, url } from './settings.ts';

const LOG_LEVELS: readonly LogLevel[] = ['debug', 'info', 'warn', 'error', 'silent'];

/** The common part of a service's schema; `service` gives the instance its default name. */
export function commonSettings(service: string) {
  return {
    instance: text('MILLRACE_INSTANCE', { default: `${service}-1`, doc: 'name of this process, unique among those of the service, the same after a restart' }),
    natsUrl: url('MILLRACE_NATS_URL', { default: 'nats://127.0.0.1:4222', protocols: ['nats:', 'tls:'], several: true, doc: 'addresses of NATS, separated by commas' }),
    natsReplicas: integer('MILLRACE_NATS_REPLICAS', { default: 1, min: 1, max: 5, doc: 'servers of NATS that keep a copy of every stream; 3 in production' }),
    natsMonitorUrls: list('MILLRACE_NATS_MONITOR_URL', { default: [], doc: 'monitoring addresses (http) of all nats-servers, separated by commas, to read whether they sync' }),
    durability: choice('MILLRACE_DURABILITY', DURABILITY_DEMANDS, { default: 'warn', doc: 'on servers that may lose what they acknowledged: do not start, warn, or do not ask' }),
    mongodbUrl: url('MILLRACE_MONGODB_URL', { default: 'mongodb://127.0.0.1:27017/', protocols: ['mongodb:', 'mongodb+srv:'], doc: 'address of MongoDB' }),
    host: text('MILLRACE_HOST', { default: '127.0.0.1', doc: 'address to listen on' }),
    advertisedHost: optional(text('MILLRACE_ADVERTISED_HOST', { doc: 'host under which others reach this process; default the one it listens on' })),
    grpcPort: integer('MILLRACE_GRPC_PORT', { default: 0, min: 0, max: 65_535, doc: 'port of gRPC; 0 for any free one' }),
    httpPort: integer('MILLRACE_HTTP_PORT', { default: 0, min: 0, max: 65_535, doc: 'port of HTTP; 0 for any free one' }),
    logLevel: choice('MILLRACE_LOG_LEVEL', LOG_LEVELS, { default: 'info', doc: 'least severe lines to log' }),
    drainMs: durationMs('MILLRACE_DRAIN_MS', { default: 10_000, min: 0, max: 600_000, doc: 'time for finishing work when the process is asked to stop' }),
    otlpEndpoint: optional(url('OTEL_EXPORTER_OTLP_ENDPOINT', { protocols: ['http:', 'https:'], doc: 'OpenTelemetry collector (HTTP) for spans; none when absent' })),
    otlpHeaders: secret('OTEL_EXPORTER_OTLP_HEADERS', { default: '', doc: 'headers for the collector, as name=value,name=value' }),
  };
}

/** Headers from the form in which OpenTelemetry writes them: `name=value,name=value`, values percent-encoded. */
export function parseHeaders(text: string): Readonly<Record<string, string>> {
  const headers: Record<string, string> = {};
  for (const pair of text.split(',')) {
    const at = pair.indexOf('=');
    if (at > 0) headers[pair.slice(0, at).trim()] = decodeURIComponent(pair.slice(at + 1).trim());
  }
  return headers;
}
