import { createAnswerBatch, ANSWER_CHARACTERS_MAX, ANSWERS_MAX } from './answer-batch.ts';

const sent: number[][] = [];
const batch = createAnswerBatch<number>((answers) => sent.push(answers));

beforeEach(() => {
  sent.length = 0;
});

test('answers of one turn leave together', async () => {
  batch.add(1, 10);
  batch.add(2, 10);
  expect(sent).toEqual([]);
  await Promise.resolve();
  expect(sent).toEqual([[1, 2]]);
});

test('no message is longer than the limit, but for a single long answer', async () => {
  for (let index = 0; index < 5; index++) batch.add(index, ANSWER_CHARACTERS_MAX / 2);
  batch.add(5, ANSWER_CHARACTERS_MAX * 2);
  await Promise.resolve();
  expect(sent).toEqual([[0, 1], [2, 3], [4], [5]]);
});

test('no message has more answers than the limit', async () => {
  for (let index = 0; index <= ANSWERS_MAX; index++) batch.add(index, 0);
  await Promise.resolve();
  expect(sent.map((each) => each.length)).toEqual([ANSWERS_MAX, 1]);
});
