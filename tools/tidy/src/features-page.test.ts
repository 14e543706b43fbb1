/** docs/guide/features.md names tests that are there. */
import { readFile } from 'node:fs/promises';
import path from 'node:path';

const ROOT = path.resolve(import.meta.dirname, '../../..');

test('every test that the page names is in the file that it names', async () => {
  const page = await readFile(path.join(ROOT, 'docs/guide/features.md'), 'utf8');
  const rows = page.split('\n').filter((line) => line.startsWith('| ') && !line.startsWith('| feature ')).map((line) => line.split(' | ').map((cell) => cell.replace(/^\| | \|$/g, '')));
  expect(rows.length).toBeGreaterThan(35);
  const missing: string[] = [];
  for (const [feature = '', , name = '', file = ''] of rows) {
    const text = await readFile(path.join(ROOT, file.replaceAll('`', '')), 'utf8').catch(() => '');
    if (!text.includes(name)) missing.push(`${feature}: "${name}" is not in ${file}`);
  }
  expect(missing).toEqual([]);
});
