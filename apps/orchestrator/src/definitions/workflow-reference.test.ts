import { readReference, versionFor } from './workflow-reference.ts';

const published = (version: string) => ({ version, state: 'published' as const });
const draft = (version: string) => ({ version, state: 'draft' as const });
const VERSIONS = [published('1.2.0'), published('1.2.9'), published('1.10.0'), draft('1.11.0'), published('2.0.0-rc.1'), published('2.0.0'), published('2.1.0-rc.1'), draft('3.0.0')];

test.each([
  ['^1.2', '1.10.0'],
  ['~1.2.0', '1.2.9'],
  ['1.x', '1.10.0'],
  ['1', '1.10.0'],
  ['>=1.2.0 <1.10.0', '1.2.9'],
  ['1.2.x || 2.x', '2.0.0'],
  ['*', '2.0.0'],
  ['>=2.1.0-rc.0', '2.1.0-rc.1'],
  ['2.0.0-rc.1', '2.0.0-rc.1'],
  ['latest', '2.1.0-rc.1'],
  [undefined, '2.1.0-rc.1'],
])('%s is the highest published version in it', (wanted, version) => {
  expect(versionFor(VERSIONS, wanted)?.version).toBe(version);
});

test('a draft is found by its exact version alone', () => {
  expect(versionFor(VERSIONS, '3.0.0')).toEqual(draft('3.0.0'));
  expect(versionFor(VERSIONS, '1.11.0')).toEqual(draft('1.11.0'));
  for (const wanted of ['^3.0.0', '>=3', '3.x', '=3.0.0']) expect(versionFor(VERSIONS, wanted)).toBeUndefined();
  expect(versionFor([draft('1.0.0')], undefined)).toBeUndefined();
});

test.each(['', ' ', 'newest', '9.9.9', '^9', 'x'.repeat(2_000)])('nothing is found for %j', (wanted) => expect(versionFor(VERSIONS, wanted)).toBeUndefined());

test('a name ends at the first @', () => {
  expect(readReference('orders')).toEqual({ name: 'orders', wanted: undefined });
  expect(readReference('orders@^1.2')).toEqual({ name: 'orders', wanted: '^1.2' });
});
