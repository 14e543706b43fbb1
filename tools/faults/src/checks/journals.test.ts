import type { JournalRecord } from '../evidence.ts';
import { checkJournals } from './journals.ts';
import { journal, record, WHOLE } from './sample.test-support.ts';

const ofRecords = (...records: readonly JournalRecord[]): readonly string[] => checkJournals({ journals: [journal(records.map((each, index) => [index, each]))] }).violations;
const started = record('started');
const resolved = record('resolved', { activation: 2, worker: 'c' });
const ended = record('ended', { status: 'completed' });

test('a journal with one start, one result a step and one end is right', () => {
  expect(checkJournals({ journals: [WHOLE] })).toEqual({ violations: [], figures: { executions: 1, steps: 1 } });
});

test('a result that stands twice is found, and so is a result beside a failure of the same attempt', () => {
  expect(ofRecords(started, resolved, resolved, ended)).toEqual(['execution x: activation 2 attempt 1 has two outcomes', 'execution x: activation 2 has two results']);
  expect(ofRecords(started, record('failed', { activation: 2, worker: 'c' }), resolved, ended)).toEqual(['execution x: activation 2 attempt 1 has two outcomes']);
  expect(ofRecords(started, record('failed', { activation: 2, worker: 'c' }), record('resolved', { activation: 2, attempt: 2, worker: 'c' }), ended)).toEqual([]);
});

test('a second end, or none, or something after it, is found (E4)', () => {
  expect(ofRecords(started, ended, ended)).toEqual(['execution x has 2 terminal records']);
  expect(ofRecords(started, resolved)).toEqual(['execution x has 0 terminal records']);
  expect(ofRecords(started, ended, resolved)).toEqual(['execution x has records after its end']);
});

test('a journal without its beginning, or with two, is found', () => {
  expect(ofRecords(resolved, ended)).toEqual(['execution x has 0 first records', 'execution x begins with resolved']);
  expect(ofRecords(started, started, ended)).toEqual(['execution x has 2 first records']);
});

test('a history that says otherwise than its journal is found', () => {
  expect(checkJournals({ journals: [{ ...WHOLE, status: 'faulted' }] }).violations).toEqual(['execution x is faulted in the history and completed in its journal']);
});
