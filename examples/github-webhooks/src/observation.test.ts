import type { ExecutionDocument, SpanDocument } from '@millrace/documents';
import { observationOf, quantile, totalsOf } from './observation.ts';
import { totalsTable } from './totals-table.ts';

const at = (ms: number): string => new Date(Date.UTC(2026, 0, 1) + ms).toISOString();
const queue = (name: string, from: number, to: number): SpanDocument => ({ spanId: 's', parentSpanId: null, service: 'orchestrator', name, startedAt: at(from), endedAt: at(to), attributes: {} });

const EXECUTION: ExecutionDocument = {
  execution: 'k1',
  organisation: 'acme',
  workflow: 'w',
  version: '1.0.0',
  definition: 'f',
  status: 'completed',
  startedAt: at(0),
  endedAt: at(400),
  input: {},
  output: {},
  error: null,
  tasks: [1, 3, 1].map((attempts, index) => ({ reference: `/do/${index}`, name: 't', status: 'completed', attempts, startedAt: at(0), endedAt: at(1) })),
  origin: null,
  operations: [],
  events: [],
};

test('steps, retries, time and long waits are read from the execution and its trace', () => {
  const spans = [queue('queue start', 0, 100), queue('queue', 100, 110), queue('queue', 200, 240), queue('call', 0, 400)];
  expect(observationOf(EXECUTION, { traceId: 'a', spans })).toEqual({ execution: 'k1', status: 'completed', steps: 3, retries: 2, throttled: 2, tookMs: 400 });
});

test('quantiles are values that occurred', () => {
  const values = Array.from({ length: 100 }, (_, index) => index + 1);
  expect([quantile(values, 0.5), quantile(values, 0.99), quantile([7], 0.99), quantile([], 0.5)]).toEqual([50, 99, 7, 0]);
});

test('the table has a line for each organisation and one for all', () => {
  const observation = observationOf(EXECUTION, { traceId: 'a', spans: [] });
  const totals = [totalsOf('acme', [observation, observation], 1), totalsOf('globex', [observation], 1)];
  expect(totalsTable(totals)).toBe(
    [
      'organisation  executions  steps  retries  throttled     p50     p99  mails',
      'acme                   2      6        4          0  0.40 s  0.40 s      1',
      'globex                 1      3        2          0  0.40 s  0.40 s      1',
      'all                    3      9        6          0                      2',
      '',
    ].join('\n'),
  );
});
