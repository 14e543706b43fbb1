/**
 * The table of the reference: every task, property and error, and the documents that test it.
 *
 * Owns which file has what, and the page. `features/reference.yaml` lists what the reference has; an entry without a
 * document says where else it is tested, or what there is instead.
 */
import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { valueOfYaml } from '@millrace/dsl';
import { readFeature, type FeatureCase } from './feature-document.ts';

export const FEATURES = new URL('../../features/', import.meta.url);

export interface FeatureFile {
  /** Below `features/`, as in `set/by-expression.yaml`. */
  readonly name: string;
  readonly workflow: string;
  readonly feature: FeatureCase;
}

export interface ReferenceEntry {
  readonly section: string;
  readonly name: string;
  /** Where it is tested besides the documents, or what there is instead. */
  readonly note?: string;
}

/** Every feature document, in order of names. */
export async function featureFiles(): Promise<readonly FeatureFile[]> {
  const folder = FEATURES.pathname;
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const names = entries.filter((entry) => entry.isFile()).map((entry) => path.relative(folder, path.join(entry.parentPath, entry.name))).filter((name) => /^[^/]+\/[^/]+\.yaml$/.test(name));
  return Promise.all(names.sort().map(async (name) => ({ name, ...readFeature(await readFile(path.join(folder, name), 'utf8')) })));
}

export async function referenceEntries(): Promise<readonly ReferenceEntry[]> {
  const sections = valueOfYaml(await readFile(new URL('reference.yaml', FEATURES), 'utf8')) as unknown as Readonly<Record<string, readonly (string | Readonly<Record<string, string>>)[]>>;
  return Object.entries(sections).flatMap(([section, entries]) =>
    entries.map((entry): ReferenceEntry => {
      if (typeof entry === 'string') return { section, name: entry };
      const [name = '', note = ''] = Object.entries(entry)[0] ?? [];
      return { section, name, note };
    }),
  );
}

/** The page's text. */
export function featurePage(entries: readonly ReferenceEntry[], files: readonly FeatureFile[]): string {
  const sections = [...new Set(entries.map(({ section }) => section))];
  return [
    '# The reference, feature by feature',
    '',
    'Every task, property and error of the [DSL reference](https://github.com/serverlessworkflow/specification/blob/v1.0.3/dsl-reference.md) 1.0.3 and the documents of this repository that test it. Each is a workflow with its input, what its calls answer, and the path, arguments, output or error that must come of it; a test runs them all, and keeps this page, which `npm run features` writes, in step with them. Calls are tested here by what they would send; [what is sent and what comes back](features.md) has tests with real servers.',
    ...sections.flatMap((section) => ['', `## ${section}`, '', '| | tested by |', '|---|---|', ...entries.filter((entry) => entry.section === section).map((entry) => rowOf(entry, files))]),
    '',
  ].join('\n');
}

function rowOf({ section, name, note }: ReferenceEntry, files: readonly FeatureFile[]): string {
  const documents = files.filter(({ feature }) => feature.covers.includes(`${section}.${name}`)).map((file) => `[${file.name.replace(/\.yaml$/, '')}](../../tools/conformance/features/${file.name})`);
  return `| \`${name}\` | ${[...documents, ...(note === undefined ? [] : [note])].join(', ')} |`;
}
