/** A trace as one JSON document: what `millrace trace` prints and the REST API answers. */
import type { Span, Trace } from '@millrace/contracts/execution/v1/execution';
import { isoTime } from './value.ts';

export interface SpanDocument {
  readonly spanId: string;
  /** Null without a parent. A parent outside the platform, the caller's span, is named but not listed. */
  readonly parentSpanId: string | null;
  readonly service: string;
  readonly name: string;
  readonly startedAt: string | null;
  /** Null while the span is open. */
  readonly endedAt: string | null;
  readonly attributes: Readonly<Record<string, string>>;
}

export interface TraceDocument {
  readonly traceId: string;
  /** In the order of their starts. */
  readonly spans: readonly SpanDocument[];
}

export function traceDocument(trace: Trace): TraceDocument {
  return { traceId: trace.traceId, spans: trace.spans.map(spanDocument) };
}

function spanDocument(span: Span): SpanDocument {
  return {
    spanId: span.spanId,
    parentSpanId: span.parentSpanId === '' ? null : span.parentSpanId,
    service: span.service,
    name: span.name,
    startedAt: isoTime(span.startedAtMs),
    endedAt: isoTime(span.endedAtMs),
    attributes: { ...span.attributes },
  };
}
