import type { ExecutionDocument } from '@millrace/documents';
import { executionListText, executionText } from './execution-text.ts';
import { eventDocument, eventLine } from './tail.ts';

const EXECUTION: ExecutionDocument = {
  execution: 'k1',
  organisation: 'acme',
  workflow: 'orders',
  version: '1.0.0',
  definition: 'f00d',
  status: 'faulted',
  startedAt: '2026-01-01T00:00:00.000Z',
  endedAt: '2026-01-01T00:00:01.500Z',
  input: {},
  output: null,
  error: { type: 'https://example.com/e', status: 503, title: 'Unavailable', detail: 'nobody there', instance: '/do/0/ask' },
  tasks: [
    { reference: '/do/0/ask', name: 'ask', status: 'faulted', attempts: 3, startedAt: '2026-01-01T00:00:00.000Z', endedAt: '2026-01-01T00:00:01.500Z' },
    { reference: '/do/1/each/for/do/0/keep', name: 'keep', iteration: 2, status: 'running', attempts: 1, startedAt: '2026-01-01T00:00:00.000Z', endedAt: null },
  ],
  origin: null,
  operations: [],
  events: [],
};

test('an execution that faulted shows why, and its tasks', () => {
  expect(executionText(EXECUTION)).toMatchInlineSnapshot(`
"k1  faulted  orders@1.0.0 of acme  in 1.50 s
error  Unavailable (503) at /do/0/ask: nobody there

task                      iteration  status   attempts    took
/do/0/ask                            faulted         3  1.50 s
/do/1/each/for/do/0/keep          2  running         1
"
`);
});

test('an execution that completed shows its output', () => {
  expect(executionText({ ...EXECUTION, status: 'completed', error: null, output: { total: 3 }, tasks: [] })).toContain('"total": 3');
});

test('a list says where it goes on', () => {
  expect(executionListText({ executions: [EXECUTION], cursor: 'abc' })).toContain('More with --cursor abc\n');
  expect(executionListText({ executions: [], cursor: null })).toBe('No executions.\n');
});

test('an event is one line, without what it does not have', () => {
  const event = { organisation: 'acme', execution: 'k1', workflow: 'orders', atMs: Date.parse('2026-01-01T10:20:30.456Z'), kind: 'task.completed', reference: '/do/0/ask', detail: '' };
  expect(eventLine(eventDocument(event))).toBe('10:20:30.456  k1  acme/orders  task.completed  /do/0/ask');
  expect(eventDocument(event)).toMatchObject({ at: '2026-01-01T10:20:30.456Z', detail: null });
});
