/** docs/limits.md says what the code says. */
import { readFile } from 'node:fs/promises';
import path from 'node:path';

const ROOT = path.resolve(import.meta.dirname, '../../..');
const ROW = /^\| `(\w+)` in `([^`]+)` \| (\d+) \| [^|]+ \| [^|]+ \|$/;

async function rows(): Promise<readonly (readonly [name: string, file: string, value: number])[]> {
  const page = await readFile(path.join(ROOT, 'docs/limits.md'), 'utf8');
  return page.split('\n').filter((line) => line.startsWith('| `')).map((line) => {
    const [, name = line, file = '', value = ''] = ROW.exec(line) ?? [];
    return [name, file, Number(value)] as const;
  });
}

/** The number of `const NAME = …;`, where it is written with digits and `*` alone. */
function valueIn(text: string, name: string): number {
  const [, written = ''] = new RegExp(`^(?:export )?const ${name}(?:: number)? = ([\\d_* ]+);`, 'm').exec(text) ?? [];
  return written.split('*').reduce((product, factor) => product * Number(factor.replaceAll('_', '')), written === '' ? NaN : 1);
}

test('every limit of the page is in the code, with that value', async () => {
  const found = await rows();
  expect(found.length).toBeGreaterThan(40);
  const wrong: string[] = [];
  for (const [name, file, value] of found) {
    const text = file === '' ? '' : await readFile(path.join(ROOT, file), 'utf8').catch(() => '');
    const actual = valueIn(text, name);
    if (actual !== value) wrong.push(`${name} in ${file}: the page says ${value}, the code ${actual}`);
  }
  expect(wrong).toEqual([]);
});
