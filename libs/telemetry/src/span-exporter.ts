/**
 * Sends finished spans to an OpenTelemetry collector, by OTLP over HTTP.
 *
 * Owns batching and what happens when the collector is slow or away: spans are dropped and counted, nobody
 * waits. Does not own sampling. The exporter's code is loaded with the first batch; without an endpoint
 * nothing is loaded and nothing kept.
 */
import type { Logger } from './logger.ts';
import type { OtlpSender } from './otlp-sender.ts';

/** Spans sent in one request. */
export const SPAN_BATCH_MAX = 512;
/** Spans waiting; further ones are dropped and counted. */
export const SPAN_QUEUE_MAX = 8_192;
/** A batch that is not full is sent after this time, in milliseconds. */
export const SPAN_FLUSH_MS = 1_000;
/** `shutdown` gives the collector this long, in milliseconds. */
export const SPAN_SHUTDOWN_MS = 3_000;

export type SpanKind = 'internal' | 'server' | 'client' | 'producer' | 'consumer';

/** A span that has ended. Times are Unix milliseconds; fractions are kept. */
export interface FinishedSpan {
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId?: string;
  readonly name: string;
  /** The service the span belongs to, which need not be the one that exports it. */
  readonly service: string;
  readonly kind: SpanKind;
  readonly startedAtMs: number;
  readonly endedAtMs: number;
  readonly attributes: Readonly<Record<string, string | number | boolean>>;
  readonly status: 'ok' | 'error' | 'unset';
  readonly message?: string;
}

export interface SpanExporter {
  /** Whether anything is sent at all; when not, callers need not make spans. */
  readonly enabled: boolean;
  /** Takes spans without waiting. */
  export(spans: readonly FinishedSpan[]): void;
  /** Spans given up since the start: the queue was full, or the collector refused. */
  droppedCount(): number;
  /** Sends what waits, for `SPAN_SHUTDOWN_MS` at most. */
  shutdown(): Promise<void>;
}

export interface SpanExporterOptions {
  readonly service: string;
  readonly instance: string;
  /** Base address of the collector; `/v1/traces` is added (the meaning of OTEL_EXPORTER_OTLP_ENDPOINT). */
  readonly endpoint?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly logger?: Logger;
}

/** Makes the exporter of a process. */
export function createSpanExporter(options: SpanExporterOptions): SpanExporter {
  const { endpoint } = options;
  if (endpoint === undefined || endpoint === '') {
    return { enabled: false, export: () => undefined, droppedCount: () => 0, shutdown: () => Promise.resolve() };
  }
  return createBatchingExporter({ ...options, endpoint });
}

function createBatchingExporter(options: SpanExporterOptions & { readonly endpoint: string }): SpanExporter {
  let queue: FinishedSpan[] = [];
  let dropped = 0;
  let timer: NodeJS.Timeout | undefined;
  let sending: Promise<void> | undefined;
  let sender: Promise<OtlpSender> | undefined;
  let failing = false;
  let closed = false;

  async function load(): Promise<OtlpSender> {
    const { createOtlpSender } = await import('./otlp-sender.ts');
    return createOtlpSender(options);
  }

  async function send(batch: readonly FinishedSpan[]): Promise<void> {
    try {
      sender ??= load();
      await (await sender).send(batch);
      failing = false;
    } catch (error) {
      dropped += batch.length;
      // Once per outage: a collector that is away for an hour must not fill the log.
      if (!failing) options.logger?.warn('Spans were not accepted by the collector', { endpoint: options.endpoint, error });
      failing = true;
    }
  }

  function flush(): void {
    clearTimeout(timer);
    timer = undefined;
    if (sending !== undefined || queue.length === 0) return;
    const batch = queue.slice(0, SPAN_BATCH_MAX);
    queue = queue.slice(SPAN_BATCH_MAX);
    sending = send(batch).finally(() => {
      sending = undefined;
      schedule();
    });
  }

  function schedule(): void {
    if (queue.length >= SPAN_BATCH_MAX || (closed && queue.length > 0)) flush();
    else if (queue.length > 0) timer ??= setTimeout(flush, SPAN_FLUSH_MS).unref();
  }

  async function drain(): Promise<void> {
    flush();
    while (sending !== undefined) await sending;
  }

  return {
    enabled: true,
    export: (spans) => {
      const room = Math.max(0, SPAN_QUEUE_MAX - queue.length);
      const taken = closed ? 0 : Math.min(room, spans.length);
      dropped += spans.length - taken;
      for (let index = 0; index < taken; index += 1) queue.push(spans[index] as FinishedSpan);
      schedule();
    },
    droppedCount: () => dropped,
    shutdown: async () => {
      closed = true;
      let limit: NodeJS.Timeout | undefined;
      const late = new Promise<void>((resolve) => {
        limit = setTimeout(resolve, SPAN_SHUTDOWN_MS);
      });
      await Promise.race([drain(), late]);
      clearTimeout(limit);
      // Not awaited without a bound: the exporter's own shutdown waits for the request that is late.
      void sender?.then((loaded) => loaded.close()).catch(() => undefined);
    },
  };
}
