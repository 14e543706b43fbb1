import { decodeListPosition, encodeListPosition, executionDocument, executionListDocument, newestFirst, traceDocument } from './index.ts';

const EXECUTION = {
  execution: 'a000000000000000000000000000abcd',
  organisation: 'acme',
  workflow: 'orders',
  version: '1.0.0',
  status: 'running',
  inputJson: '{"order":7}',
  outputJson: '',
  error: undefined,
  tasks: [
    { reference: '/do/0/getPet', name: 'getPet', iteration: 0, status: 'completed', attempts: 2, startedAtMs: 1000, endedAtMs: 2500, activation: 1, reused: true },
    { reference: '/do/1/pause', name: 'pause', iteration: undefined, status: 'waiting', attempts: 1, startedAtMs: 2500, endedAtMs: 0, activation: 2, reused: false },
  ],
  origin: { execution: 'x', act: 'retry', by: 'acme/k1', reason: '', from: '' },
  operations: [{ atMs: 2000, act: 'pause', by: 'acme/k1', reason: '', task: '', to: '' }, { atMs: 2000, act: 'delegate', by: 'acme/k1', reason: 'away', task: '/do/0/ask', to: 'ada' }],
  eventsJson: ['{"specversion":"1.0"}'],
  startedAtMs: 1000,
  endedAtMs: 0,
  definition: 'f00d',
};

describe('the document of an execution', () => {
  test('names what has not happened with null and keeps the order of tasks', () => {
    expect(executionDocument(EXECUTION)).toEqual({
      execution: EXECUTION.execution,
      organisation: 'acme',
      workflow: 'orders',
      version: '1.0.0',
      definition: 'f00d',
      status: 'running',
      startedAt: '1970-01-01T00:00:01.000Z',
      endedAt: null,
      input: { order: 7 },
      output: null,
      error: null,
      tasks: [
        { reference: '/do/0/getPet', name: 'getPet', iteration: 0, status: 'completed', attempts: 2, reused: true, startedAt: '1970-01-01T00:00:01.000Z', endedAt: '1970-01-01T00:00:02.500Z' },
        { reference: '/do/1/pause', name: 'pause', status: 'waiting', attempts: 1, startedAt: '1970-01-01T00:00:02.500Z', endedAt: null },
      ],
      origin: { execution: 'x', act: 'retry', by: 'acme/k1', reason: null, from: null },
      operations: [{ at: '1970-01-01T00:00:02.000Z', act: 'pause', by: 'acme/k1', reason: null }, { at: '1970-01-01T00:00:02.000Z', act: 'delegate', by: 'acme/k1', reason: 'away', task: '/do/0/ask', to: 'ada' }],
      events: [{ specversion: '1.0' }],
    });
  });

  test('has the error of a faulted execution as the DSL writes it', () => {
    const error = { type: 'https://example.com/timeout', status: 408, title: 'timeout', detail: 'too slow', instance: '/do/0/getPet' };
    expect(executionDocument({ ...EXECUTION, status: 'faulted', error }).error).toEqual(error);
  });
});

test('a list at its end has no cursor', () => {
  expect(executionListDocument({ executions: [], cursor: '' })).toEqual({ executions: [], cursor: null });
});

test('the root of a trace has no parent, and an open span no end', () => {
  const span = { spanId: 'aa', parentSpanId: '', service: 'trigger', name: 'accept', startedAtMs: 5, endedAtMs: 0, attributes: { lane: '3' } };
  expect(traceDocument({ traceId: 'ff', spans: [span] }).spans).toEqual([
    { spanId: 'aa', parentSpanId: null, service: 'trigger', name: 'accept', startedAt: '1970-01-01T00:00:00.005Z', endedAt: null, attributes: { lane: '3' } },
  ]);
});

describe('the position in a list', () => {
  test.each([
    { startedAtMs: 0, execution: 'a00' },
    { startedAtMs: 1763900000123, execution: 'k003zz01jd3v5q8r9k2m4n6p8q0r2s4t' },
    { startedAtMs: 1763900000123, execution: '99' },
  ])('is read as it was written: %j', (position) => {
    expect(decodeListPosition(encodeListPosition(position))).toEqual(position);
  });

  test.each(['', '12', 'x/a', '12/', '12/a b', `1/${'a'.repeat(200)}`])('is not read from what stands for %j', (text) => {
    expect(decodeListPosition(Buffer.from(text).toString('base64url'))).toBeUndefined();
  });

  test('orders by start, the newest first, then by id', () => {
    const positions = [
      { startedAtMs: 1, execution: 'b' },
      { startedAtMs: 2, execution: 'a' },
      { startedAtMs: 2, execution: 'c' },
    ];
    expect(positions.toSorted(newestFirst).map(({ execution }) => execution)).toEqual(['c', 'a', 'b']);
  });
});
