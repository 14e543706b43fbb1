import type { FinishedSpan, SpanExporter } from '@millrace/telemetry';
import { beginCallSpan } from './call-span.ts';

function exporter(enabled = true): SpanExporter & { readonly spans: FinishedSpan[] } {
  const spans: FinishedSpan[] = [];
  return { spans, enabled, export: (finished) => void spans.push(...finished), droppedCount: () => 0, shutdown: () => Promise.resolve() };
}

const TRACE = '0af7651916cd43dd8448eb211c80319c';
const SAMPLED = `00-${TRACE}-b7ad6b7169203331-01`;

test('a sampled call has a span under its caller’s, and what it starts is under that span', () => {
  const out = exporter();
  const span = beginCallSpan(out, 'gateway POST /v1/executions', SAMPLED, 10);
  span.end('ok', { 'http.response.status_code': 202 });
  const [made] = out.spans;
  expect(made).toMatchObject({ traceId: TRACE, parentSpanId: 'b7ad6b7169203331', name: 'gateway POST /v1/executions', service: 'gateway', startedAtMs: 10, status: 'ok' });
  expect(span.traceparent).toBe(`00-${TRACE}-${made?.spanId}-01`);
});

test.each([
  ['without a traceparent', undefined, ''],
  ['with one that is none', 'nonsense', ''],
  ['that is not sampled', SAMPLED.replace(/01$/, '00'), SAMPLED.replace(/01$/, '00')],
])('a call %s has no span of its own', (_what, incoming, passedOn) => {
  const out = exporter();
  const span = beginCallSpan(out, 'gateway GetTrace', incoming, 10);
  span.end('error', {});
  expect(out.spans).toEqual([]);
  expect(span.traceparent).toBe(passedOn);
});

test('without a collector the caller’s span stays the parent', () => {
  expect(beginCallSpan(exporter(false), 'gateway GetTrace', SAMPLED, 10).traceparent).toBe(SAMPLED);
});
