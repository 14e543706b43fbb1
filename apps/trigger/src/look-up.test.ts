import { LOOK_UPS_MAX, createLookUp } from './look-up.ts';

/** Questions that the test answers itself. */
function asker() {
  const questions: { readonly name: string; readonly answer: (value: string | undefined) => void; readonly fail: (error: Error) => void }[] = [];
  return {
    questions,
    ask: (_organisation: string, name: string) => new Promise<string | undefined>((answer, fail) => questions.push({ name, answer, fail })),
  };
}

test('those who ask for the same webhook share one question', async () => {
  const { ask, questions } = asker();
  const lookUp = createLookUp(ask);
  const both = Promise.all([lookUp('acme', 'hook'), lookUp('acme', 'hook')]);
  expect(questions).toHaveLength(1);
  questions[0]?.answer('found');
  expect(await both).toEqual(['found', 'found']);
});

test('a question that was answered is asked anew the next time, failed or not', async () => {
  const { ask, questions } = asker();
  const lookUp = createLookUp(ask);
  const first = lookUp('acme', 'hook');
  questions[0]?.fail(new Error('away'));
  await expect(first).rejects.toThrow('away');
  const second = lookUp('acme', 'hook');
  questions[1]?.answer(undefined);
  expect(await second).toBeUndefined();
});

test('no more questions are asked at once than the limit', async () => {
  const { ask, questions } = asker();
  const lookUp = createLookUp(ask);
  for (let index = 0; index < LOOK_UPS_MAX; index += 1) void lookUp('acme', `hook-${index}`);
  expect(await lookUp('acme', 'one-too-many')).toBeUndefined();
  expect(questions).toHaveLength(LOOK_UPS_MAX);
});

test.each(['', 'a.b', '*', '>', 'A', '../x'])('nobody is asked for %j, which is no name', async (name) => {
  const { ask, questions } = asker();
  expect(await createLookUp(ask)('acme', name)).toBeUndefined();
  expect(questions).toEqual([]);
});
