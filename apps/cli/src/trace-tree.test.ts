import type { SpanDocument } from '@millrace/documents';
import { traceTree } from './trace-tree.ts';

const EPOCH = Date.parse('2026-01-01T00:00:00.000Z');

function span(spanId: string, parentSpanId: string | null, service: string, name: string, from: number, to: number | null, attributes: Record<string, string> = {}): SpanDocument {
  const at = (ms: number): string => new Date(EPOCH + ms).toISOString();
  return { spanId, parentSpanId, service, name, startedAt: at(from), endedAt: to === null ? null : at(to), attributes };
}

test('spans stand below their parents, on one time axis, with their attributes', () => {
  const tree = traceTree({
    traceId: 'f'.repeat(32),
    spans: [
      span('1', 'caller', 'trigger', 'accept', 0, 4),
      span('2', '1', 'orchestrator', 'execution orders', 4, 100, { 'millrace.status': 'completed', 'millrace.execution': 'left out' }),
      span('3', '2', 'orchestrator', 'call ask', 4, 52),
      span('4', '3', 'connector', 'http.request', 28, 52, { 'error.status': '503' }),
      span('5', '2', 'orchestrator', 'set done', 100, 100),
    ],
  });
  expect(tree).toMatchInlineSnapshot(`
"trace ffffffffffffffffffffffffffffffff: 5 spans in 100 ms
trigger accept                       +0 ms      4 ms  █·······················
└─ orchestrator execution orders     +4 ms     96 ms  ████████████████████████  status=completed
   ├─ orchestrator call ask          +4 ms     48 ms  █████████████···········
   │  └─ connector http.request     +28 ms     24 ms  ······███████···········  error.status=503
   └─ orchestrator set done        +100 ms      0 ms  ·······················█
"
`);
});

test('a span that is open reaches to the end and says so', () => {
  const tree = traceTree({ traceId: 'a', spans: [span('1', null, 'orchestrator', 'execution x', 0, null), span('2', '1', 'orchestrator', 'wait y', 10, null)] });
  expect(tree.split('\n').slice(1, 3).map((line) => line.includes('open') && line.includes('▒'))).toEqual([true, true]);
});

test('attributes are cut at the width of the terminal', () => {
  const tree = traceTree({ traceId: 'a', spans: [span('1', null, 's', 'n', 0, 10, { detail: 'x'.repeat(500) })] }, 90);
  expect(Math.max(...tree.split('\n').map((line) => line.length))).toBeLessThanOrEqual(90);
});

test('a trace without spans says so', () => {
  expect(traceTree({ traceId: 'a', spans: [] })).toBe('trace a: no spans\n');
});
