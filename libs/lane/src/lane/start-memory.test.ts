import { payloadOf } from '@millrace/engine';
import { createStartMemory, inputDigest, isSameInput, NO_DIGEST, START_MEMORY_MS, STARTS_REMEMBERED_MAX } from './start-memory.ts';

test('a key is remembered with what it was used for', () => {
  const memory = createStartMemory();
  memory.remember('one', payloadOf({ n: 1 }, '{ "n": 1 }'), 0);
  expect(memory.has('one')).toBe(true);
  expect(memory.has('two')).toBe(false);
  expect(memory.matches('one', payloadOf({ n: 1 }))).toBe(true);
  expect(memory.matches('one', payloadOf({ n: 2 }))).toBe(false);
});

test('an input of which nothing was kept matches any', () => {
  const memory = createStartMemory();
  memory.recall('one', NO_DIGEST, 0);
  expect(memory.matches('one', payloadOf('anything'))).toBe(true);
});

test('after a day keys are forgotten, oldest first, and the memory says that it is not whole', () => {
  const memory = createStartMemory();
  memory.remember('old', payloadOf(1), 0);
  memory.remember('new', payloadOf(1), 1_000);
  memory.forget(START_MEMORY_MS - 1);
  expect([memory.has('old'), memory.partial]).toEqual([true, false]);
  memory.forget(START_MEMORY_MS);
  expect([memory.has('old'), memory.has('new'), memory.partial]).toEqual([false, true, true]);
});

test('more keys than the limit push the oldest out, and one said again is the latest', () => {
  const memory = createStartMemory();
  const digest = inputDigest(payloadOf(null));
  for (let index = 0; index < STARTS_REMEMBERED_MAX; index++) memory.recall(String(index), digest, index);
  expect(memory.partial).toBe(false);
  memory.recall('0', digest, STARTS_REMEMBERED_MAX);
  memory.recall('one more', digest, STARTS_REMEMBERED_MAX);
  expect([memory.has('0'), memory.has('1'), memory.has('2'), memory.partial]).toEqual([true, false, true, true]);
});

test('inputs are compared by value, not by how they were written', () => {
  expect(isSameInput(payloadOf({ a: [1] }, '{"a": [1]}'), payloadOf({ a: [1] }))).toBe(true);
  expect(isSameInput(payloadOf({ a: 1 }), payloadOf({ a: 2 }))).toBe(false);
});
