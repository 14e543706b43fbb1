import type { ClientStart, Evidence } from '../evidence.ts';
import { journal, RIGHT, WHOLE } from './sample.test-support.ts';
import { checkStarts, type Model } from './starts.ts';

const model: Model = { status: 'completed', output: (n) => ({ n }) };
const violationsOf = (broken: Partial<Evidence>, as: Model = model): readonly string[] => checkStarts({ ...RIGHT, ...broken }, () => as).violations;
const [right] = RIGHT.starts as readonly [ClientStart];

test('a start that was answered twice with one execution, which ended as it must, is right', () => {
  expect(violationsOf({})).toEqual([]);
});

test('a start that no answer came to is found', () => {
  expect(violationsOf({ starts: [right, { ...right, key: 'lost', answers: [] }] })).toEqual(['the start o/chain/lost was never accepted']);
});

test('a key that named two executions is found', () => {
  const twice = { ...right, answers: [...right.answers, { execution: 'y', atMs: 9, status: 'pending' }] };
  expect(violationsOf({ starts: [twice] })).toContain('the start o/chain/k was answered with 2 executions: x, y');
});

test('two keys that named one execution are found', () => {
  expect(violationsOf({ starts: [right, { ...right, key: 'other' }] })).toContain('the starts o/chain/other and o/chain/k were answered with the same execution x');
});

test('a key that was accepted again with another input is found', () => {
  expect(violationsOf({ starts: [{ ...right, conflicts: ['x'] }] })).toEqual(['the start o/chain/k was sent with another input, and accepted as x']);
});

test('an accepted start that is not in the history is found, and so is an execution that nobody started (E4)', () => {
  expect(violationsOf({ journals: [] })).toEqual(['execution x of the start o/chain/k is not in the history']);
  expect(violationsOf({ journals: [WHOLE, journal([], { execution: 'z' })] })).toEqual(['execution z is in the history, and no client was told of it']);
});

test('an execution of somebody else, under the id that was answered, is found', () => {
  expect(violationsOf({ journals: [{ ...WHOLE, organisation: 'p' }] })).toEqual(['execution x of the start o/chain/k is one of p/chain/k']);
});

test('an end that is not the one due is found, and so is one that the history contradicts', () => {
  expect(violationsOf({ ends: [{ execution: 'x', status: 'faulted', outputJson: '', detail: 'why' }] })).toEqual(['execution x of the start o/chain/k is faulted, where completed is due why']);
  expect(violationsOf({ ends: [] })).toEqual(['execution x of the start o/chain/k is not read, where completed is due']);
  expect(violationsOf({ journals: [{ ...WHOLE, status: 'faulted' }] })).toEqual(['execution x was read as completed and is faulted in the history']);
});

test('an output that is not the one due is found, in what is read and in what was replied', () => {
  expect(violationsOf({ ends: [{ execution: 'x', status: 'completed', outputJson: '{"n":"other"}', detail: '' }] })).toEqual(['execution x of the start o/chain/k has the output {"n":"other"}']);
  const answers = [{ execution: 'x', atMs: 5, status: 'completed', outputJson: '{"n":null}' }];
  expect(violationsOf({ starts: [{ ...right, answers }] })).toEqual(['the start o/chain/k was told the output {"n":null} of execution x']);
});

test('a reply of another end than the one due is found', () => {
  expect(violationsOf({ starts: [{ ...right, answers: [{ execution: 'x', atMs: 5, status: 'faulted' }] }] })).toEqual(['the start o/chain/k was told that execution x is faulted, where completed is due']);
});

test('a cancellation that nobody asked for is found', () => {
  const cancelled = { ends: [{ execution: 'x', status: 'cancelled', outputJson: '', detail: '' }], journals: [{ ...WHOLE, status: 'cancelled' }], starts: [{ ...right, answers: right.answers.slice(0, 1) }] };
  const as: Model = { status: 'cancelled', output: () => undefined };
  expect(violationsOf(cancelled, as)).toEqual(['execution x was cancelled, and nobody asked for that']);
  expect(violationsOf({ ...cancelled, cancels: [{ execution: 'x', status: 'cancelled' }] }, as)).toEqual([]);
});
