import type { ExecutionSummary } from '@millrace/contracts/execution/v1/execution';
import { decodeListPosition } from '@millrace/documents';
import { mergeLists } from './execution-list.ts';

const summary = (execution: string, startedAtMs: number, endedAtMs = 0): ExecutionSummary => ({
  execution,
  organisation: 'acme',
  workflow: 'w',
  version: '1',
  status: endedAtMs === 0 ? 'running' : 'completed',
  startedAtMs,
  endedAtMs,
  fieldsJson: '',
});
const part = (executions: readonly ExecutionSummary[], cursor = '') => ({ executions, cursor });

test('sources are one list, the newest first', () => {
  const merged = mergeLists([part([summary('a', 3), summary('b', 1)]), part([summary('c', 2)])], 10);
  expect(merged.executions.map(({ execution }) => execution)).toEqual(['a', 'c', 'b']);
  expect(merged.cursor).toBe('');
});

test('an execution that two sources have is shown once, as the one says that saw it end', () => {
  const merged = mergeLists([part([summary('a', 1, 9)]), part([summary('a', 1)])], 10);
  expect(merged.executions).toEqual([summary('a', 1, 9)]);
  expect(mergeLists([part([summary('a', 1)]), part([summary('a', 1, 9)])], 10).executions).toEqual([summary('a', 1, 9)]);
});

test('a page that is cut goes on after its last entry', () => {
  const merged = mergeLists([part([summary('a', 3), summary('b', 1)]), part([summary('c', 2)])], 2);
  expect(decodeListPosition(merged.cursor)).toEqual({ startedAtMs: 2, execution: 'c' });
});

test('a page that fits goes on when a source has more', () => {
  const merged = mergeLists([part([summary('a', 3)], 'more'), part([])], 2);
  expect(decodeListPosition(merged.cursor)).toEqual({ startedAtMs: 3, execution: 'a' });
});

test('nothing is an end', () => {
  expect(mergeLists([part([]), part([])], 2)).toEqual({ executions: [], cursor: '' });
});
