export { LOG_BUFFER_BYTES_MAX, createLogger, type LogAttributes, type LogLevel, type Logger, type LoggerOptions } from './logger.ts';
export { describeError } from './describe-error.ts';
export { DURATION_BUCKETS_SECONDS, createMetrics, type HistogramOptions, type Metrics } from './metrics.ts';
export type { Counter, Gauge, Histogram } from 'prom-client';
export { formatTraceparent, newTraceContext, parseTraceparent, spanIdFrom, traceIdFrom, type TraceContext } from './trace-context.ts';
export {
  SPAN_BATCH_MAX,
  SPAN_FLUSH_MS,
  SPAN_QUEUE_MAX,
  SPAN_SHUTDOWN_MS,
  createSpanExporter,
  type FinishedSpan,
  type SpanExporter,
  type SpanExporterOptions,
  type SpanKind,
} from './span-exporter.ts';
