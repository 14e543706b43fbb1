import { fits, type Performed } from './performed.ts';

const fork: readonly Performed[] = ['a/1', { isRace: false, branches: [['b/1', 'c/1'], ['d/1']] }, 'e/1'];
const race: readonly Performed[] = [{ isRace: true, branches: [['b/1', 'c/1'], ['d/1', 'd/1']] }, 'e/1', { isRace: true, branches: [['b/1', 'c/1'], ['d/1', 'd/1']] }, 'e/1'];

test.each([
  ['branches in any order to one another', fork, ['a/1', 'd/1', 'b/1', 'c/1', 'e/1'], true],
  ['a branch in its own order', fork, ['a/1', 'd/1', 'c/1', 'b/1', 'e/1'], false],
  ['every branch to its end', fork, ['a/1', 'b/1', 'd/1', 'e/1'], false],
  ['nothing twice', fork, ['a/1', 'b/1', 'c/1', 'd/1', 'd/1', 'e/1'], false],
  ['one branch of a race to its end, others as far as they came', race, ['d/1', 'b/1', 'c/1', 'e/1', 'd/1', 'd/1', 'e/1'], true],
  ['no race without a winner', race, ['d/1', 'b/1', 'e/1', 'd/1', 'd/1', 'e/1'], false],
  ['nothing missing at the end', race, ['d/1', 'd/1', 'e/1'], false],
])('what was performed is compared with the plan: %s', (_, expected, performed, isRight) => {
  expect(fits(performed, expected, true)).toBe(isRight);
});

test('a beginning is enough of a cancelled execution, and only a beginning', () => {
  expect(fits(['a/1', 'd/1', 'b/1'], fork, false)).toBe(true);
  expect(fits(['d/1', 'b/1'], race, false)).toBe(true);
  expect(fits([], race, false)).toBe(true);
  expect(fits(['a/1', 'e/1'], fork, false)).toBe(false);
  expect(fits(['d/1', 'e/1'], race, false)).toBe(false);
});
