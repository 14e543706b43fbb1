/**
 * The gateway's own span around a call, when the caller's trace is sampled.
 *
 * A call without a sampled `traceparent` costs nothing here: its trace is made from the execution's journal, which
 * begins when the gateway took the call.
 */
import { randomBytes } from 'node:crypto';
import { formatTraceparent, parseTraceparent, type SpanExporter } from '@millrace/telemetry';

export interface CallSpan {
  /** What goes on to the next service; empty when the caller sent none that is valid. */
  readonly traceparent: string;
  end(status: 'ok' | 'error', attributes: Readonly<Record<string, string | number | boolean>>): void;
}

/** @param name such as `gateway POST /v1/executions`. */
export function beginCallSpan(exporter: SpanExporter, name: string, incoming: string | undefined, startedAtMs: number): CallSpan {
  const context = parseTraceparent(incoming);
  if (context === undefined) return { traceparent: '', end: () => undefined };
  if (!context.sampled || !exporter.enabled) return { traceparent: formatTraceparent(context), end: () => undefined };
  const spanId = randomBytes(8).toString('hex');
  return {
    traceparent: formatTraceparent({ ...context, spanId }),
    end: (status, attributes) =>
      exporter.export([
        { traceId: context.traceId, spanId, parentSpanId: context.spanId, name, service: 'gateway', kind: 'server', startedAtMs, endedAtMs: Date.now(), attributes, status },
      ]),
  };
}
