import { createEndings } from './endings.ts';

test('what was started last ends first, and each once', async () => {
  const ended: string[] = [];
  const endings = createEndings(() => undefined);
  endings.add(() => void ended.push('first'));
  const second = endings.add(() => void ended.push('second'));
  endings.add(() => void ended.push('third'));
  await second();
  await endings.all();
  await second();
  await endings.all();
  expect(ended).toEqual(['second', 'third', 'first']);
});

test('an ending that fails is told and does not keep the others', async () => {
  const told: string[] = [];
  const ended: string[] = [];
  const endings = createEndings((line) => void told.push(line));
  endings.add(() => void ended.push('first'));
  endings.add(() => Promise.reject(new Error('it hangs')));
  await endings.all();
  expect(ended).toEqual(['first']);
  expect(told).toEqual(['bench: something did not end as it should: it hangs']);
});
