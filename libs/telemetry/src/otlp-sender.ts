/**
 * The OpenTelemetry exporter behind `createSpanExporter`: turns our spans into the SDK's and sends a batch.
 * Loaded only where an endpoint is configured, since the packages cost a fifth of a second of start-up.
 */
import { SpanKind as OtelKind, SpanStatusCode, TraceFlags, type HrTime } from '@opentelemetry/api';
import { ExportResultCode } from '@opentelemetry/core';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http';
import { resourceFromAttributes, type Resource } from '@opentelemetry/resources';
import type { ReadableSpan } from '@opentelemetry/sdk-trace';
import type { FinishedSpan, SpanExporterOptions, SpanKind } from './span-exporter.ts';

/** One request, its retries by the exporter included, in milliseconds. */
const SEND_TIMEOUT_MS = 5_000;

const KINDS: Readonly<Record<SpanKind, OtelKind>> = {
  internal: OtelKind.INTERNAL,
  server: OtelKind.SERVER,
  client: OtelKind.CLIENT,
  producer: OtelKind.PRODUCER,
  consumer: OtelKind.CONSUMER,
};

const STATUSES = { ok: SpanStatusCode.OK, error: SpanStatusCode.ERROR, unset: SpanStatusCode.UNSET } as const;

export interface OtlpSender {
  /** Rejects when the collector did not take the batch. */
  send(spans: readonly FinishedSpan[]): Promise<void>;
  close(): Promise<void>;
}

/** Makes the sender; spans are grouped by their service, each a resource of its own. */
export function createOtlpSender(options: SpanExporterOptions & { readonly endpoint: string }): OtlpSender {
  const exporter = new OTLPTraceExporter({
    url: `${options.endpoint.replace(/\/+$/, '')}/v1/traces`,
    headers: { ...options.headers },
    timeoutMillis: SEND_TIMEOUT_MS,
  });
  // The exporter groups by the identity of the resource object: one a service, kept for the process's life.
  const resources = new Map<string, Resource>();

  function resourceOf(service: string): Resource {
    const known = resources.get(service);
    if (known !== undefined) return known;
    const made = resourceFromAttributes({
      'service.namespace': 'millrace',
      'service.name': service,
      // A span that is made from the journal for another service ran in some instance we do not know.
      ...(service === options.service ? { 'service.instance.id': options.instance } : {}),
    });
    resources.set(service, made);
    return made;
  }

  return {
    send: (spans) =>
      new Promise((resolve, reject) => {
        exporter.export(
          spans.map((span) => readable(span, resourceOf(span.service))),
          (result) => {
            if (result.code === ExportResultCode.SUCCESS) resolve();
            else reject(result.error ?? new Error('The collector refused the spans'));
          },
        );
      }),
    close: () => exporter.shutdown(),
  };
}

function readable(span: FinishedSpan, resource: Resource): ReadableSpan {
  const traceFlags = TraceFlags.SAMPLED;
  const context = { traceId: span.traceId, spanId: span.spanId, traceFlags };
  return {
    name: span.name,
    kind: KINDS[span.kind],
    spanContext: () => context,
    ...(span.parentSpanId === undefined ? {} : { parentSpanContext: { traceId: span.traceId, spanId: span.parentSpanId, traceFlags } }),
    startTime: hrTime(span.startedAtMs),
    endTime: hrTime(span.endedAtMs),
    duration: hrTime(Math.max(0, span.endedAtMs - span.startedAtMs)),
    // Only an error may have a description (OpenTelemetry's trace API, "Set Status").
    status: { code: STATUSES[span.status], ...(span.status === 'error' && span.message !== undefined ? { message: span.message } : {}) },
    attributes: { ...span.attributes },
    links: [],
    events: [],
    ended: true,
    resource,
    instrumentationScope: { name: 'millrace' },
    droppedAttributesCount: 0,
    droppedEventsCount: 0,
    droppedLinksCount: 0,
  };
}

function hrTime(ms: number): HrTime {
  const seconds = Math.floor(ms / 1_000);
  return [seconds, Math.round((ms - seconds * 1_000) * 1e6)];
}
