/** Writes the page of features: `npm run features`. */
import { writeFile } from 'node:fs/promises';
import { featureFiles, featurePage, referenceEntries } from './feature-table.ts';

await writeFile(new URL('../../../../docs/guide/reference.md', import.meta.url), featurePage(await referenceEntries(), await featureFiles()));
