import { readFile } from 'node:fs/promises';
import { runFeature } from './feature-document.ts';
import { featureFiles, featurePage, referenceEntries } from './feature-table.ts';

const files = await featureFiles();
const entries = await referenceEntries();

test.each(files.map((file) => [file.name, file] as const))('%s runs as it says', (_, { workflow, feature }) => {
  const { expect: wanted } = feature;
  const outcome = runFeature(workflow, feature);
  // An error and arguments may be stated in part, everything else is stated whole.
  expect(outcome).toMatchObject({ ...wanted, ...(wanted.output === undefined ? {} : { output: wanted.output }) });
  if ('output' in wanted) expect(outcome.output).toEqual(wanted.output);
  if (wanted.path !== undefined) expect(outcome.path).toEqual(wanted.path);
  if (wanted.error === undefined && wanted.refused === undefined) expect(outcome.error).toBeUndefined();
  if (wanted.refused === undefined) expect(outcome.refused).toBeUndefined();
});

test('every entry of the reference has a document, or says where it is tested', () => {
  const covered = new Set(files.flatMap(({ feature }) => feature.covers));
  expect(entries.filter(({ section, name, note }) => note === undefined && !covered.has(`${section}.${name}`)).map(({ section, name }) => `${section}.${name}`)).toEqual([]);
});

test('documents cover nothing that the reference does not have', () => {
  const known = new Set(entries.map(({ section, name }) => `${section}.${name}`));
  expect(files.flatMap(({ name, feature }) => feature.covers.filter((covered) => !known.has(covered)).map((covered) => `${name}: ${covered}`))).toEqual([]);
});

test('the page is in step: `npm run features` writes it', async () => {
  expect(await readFile(new URL('../../../../docs/guide/reference.md', import.meta.url), 'utf8')).toBe(featurePage(entries, files));
});
