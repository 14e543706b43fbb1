/**
 * Exports the spans of executions that have ended, made from their journals.
 *
 * Exported: those whose caller's trace is sampled, those that faulted or were slow, and one in a hundred of
 * the rest. The others cost one hash of their id (E7).
 */
import { callerOf, decodeEntries, entryReferencesOf, spanIdOf, traceOf } from '@millrace/engine';
import type { Finished } from '@millrace/lane';
import type { FinishedSpan, SpanExporter } from '@millrace/telemetry';

/** An execution is slow from here on, in milliseconds. */
const SLOW_MS = 10_000;
const ONE_IN = 100;

export interface SpanFeed {
  ended(finished: Finished): void;
}

export function createSpanFeed(exporter: SpanExporter): SpanFeed {
  return {
    ended(finished) {
      if (!exporter.enabled || !isExported(finished)) return;
      // Payloads by reference are not needed for spans, and a journal in segments is not read back for them.
      const entries = finished.journal.texts();
      if (finished.segments > 0 || entryReferencesOf(entries).length > 0) return;
      const { traceId, spans } = traceOf({ organisation: finished.organisation, execution: finished.id }, finished.program, decodeEntries(entries, () => 'null'));
      exporter.export(
        spans.map(
          (span): FinishedSpan => ({
            traceId,
            spanId: span.spanId,
            ...(span.parentSpanId === undefined ? {} : { parentSpanId: span.parentSpanId }),
            name: span.name,
            service: span.service,
            kind: 'internal',
            startedAtMs: span.startedAtMs,
            endedAtMs: span.endedAtMs ?? finished.endedAtMs,
            attributes: span.attributes,
            status: span.attributes['error.type'] === undefined ? 'ok' : 'error',
          }),
        ),
      );
    },
  };
}

function isExported(finished: Finished): boolean {
  if (finished.end.status === 'faulted' || finished.endedAtMs - finished.acceptedAtMs > SLOW_MS) return true;
  return callerOf(finished.traceparent)?.sampled === true || Number.parseInt(spanIdOf(finished.id).slice(0, 8), 16) % ONE_IN === 0;
}
