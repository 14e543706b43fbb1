/** The crash matrix of docs/failures.md claims nothing that no test proves. */
import { readFileSync } from 'node:fs';
import { glob } from 'node:fs/promises';
import path from 'node:path';
import { FAULTS } from './faults/fault-list.ts';

const ROOT = path.resolve(import.meta.dirname, '../../..');
const MATRIX = /## The crash matrix\n(.*?)\n## /s;
const TEST = /`([\w.-]+\.test\.ts)` "([^"]+)"/g;
const FAULT = /fault "([^"]+)"/g;
const POINT = /simulation "([^"]+)"/g;
/** As text: the simulation is no part of this package. */
const POINTS = new Set([.../export const POINTS = \[(.*?)\]/s.exec(readFileSync(path.join(ROOT, 'tools/simulate/src/world/points.ts'), 'utf8'))?.[1]?.matchAll(/'([^']+)'/g) ?? []].map(([, name]) => name));

const text = readFileSync(path.join(ROOT, 'docs/failures.md'), 'utf8');
const rows = (MATRIX.exec(text)?.[1] ?? '').split('\n').filter((line) => line.startsWith('| ') && !line.startsWith('| dies |') && !line.startsWith('| what |'));

async function sources(): Promise<ReadonlyMap<string, string>> {
  const found = new Map<string, string>();
  for await (const file of glob('{apps,libs,tools}/*/src/**/*.test.ts', { cwd: ROOT })) {
    const name = path.basename(file);
    found.set(name, (found.get(name) ?? '') + readFileSync(path.join(ROOT, file), 'utf8').replaceAll("\\'", "'"));
  }
  return found;
}

test('every line of the matrix names a test or a fault, and all that are named exist', async () => {
  const files = await sources();
  const names = new Set(FAULTS.map(({ name }) => name));
  const wrong: string[] = [];
  for (const row of rows) {
    const tests = [...row.matchAll(TEST)];
    const faults = [...row.matchAll(FAULT)];
    const points = [...row.matchAll(POINT)];
    if (tests.length + faults.length + points.length === 0) wrong.push(`nothing proves: ${row}`);
    for (const [, file = '', title = ''] of tests) if (files.get(file)?.includes(title) !== true) wrong.push(`${file} has no test ${JSON.stringify(title)}`);
    for (const [, name = ''] of faults) if (!names.has(name)) wrong.push(`there is no fault ${JSON.stringify(name)}`);
    for (const [, name = ''] of points) if (!POINTS.has(name)) wrong.push(`the simulation has no crash point ${JSON.stringify(name)}`);
  }
  expect(wrong).toEqual([]);
  expect(rows.length).toBeGreaterThan(30);
});

test('every crash point of the simulation stands in the matrix', () => {
  const named = new Set(rows.flatMap((row) => [...row.matchAll(POINT)].map(([, name]) => name)));
  expect([...POINTS].filter((name) => !named.has(name))).toEqual([]);
  expect(POINTS.size).toBeGreaterThan(20);
});
