import { createProgress } from './progress.ts';

function recorder(isTTY: boolean): { readonly isTTY: boolean; write(text: string): void; readonly texts: string[] } {
  const texts: string[] = [];
  return { isTTY, write: (text) => void texts.push(text), texts };
}

test('without a terminal a line comes at most every two seconds, and the last one always', () => {
  const output = recorder(false);
  let now = 0;
  const progress = createProgress(output, () => now);
  for (const line of ['a', 'b', 'c', 'd', 'e']) {
    progress.show(line);
    now += 900;
  }
  progress.end();
  expect(output.texts).toEqual(['a\n', 'd\n', 'e\n']);
});

test('on a terminal the line is written over itself', () => {
  const output = recorder(true);
  const progress = createProgress(output, () => 0);
  progress.show('a');
  progress.show('a');
  progress.show('b');
  progress.end();
  expect(output.texts.map((text) => text.replaceAll('\r\u001b[2K', '<'))).toEqual(['<a', '<b', '\n']);
});
