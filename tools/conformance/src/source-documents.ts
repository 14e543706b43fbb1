/** The documents of a folder, each checked and compiled. */
import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { scenariosOf, type Scenario } from './gherkin.ts';
import { bundleDocument, compileWorkflow, formatProblem, readDocuments, validateWorkflow, type WorkflowDocument } from '@millrace/dsl';

/** Largest number of documents looked at. */
export const DOCUMENTS_MAX = 5_000;

/** What functions at addresses are taken to be: they answer with their input. */
const STAND_IN_FUNCTION = 'set: { called: "${ . }" }';

/** What schemas at addresses are taken to be: anything fits. Told by their addresses. */
const STAND_IN_SCHEMA = '{}';

/** What became of one document before anything runs. */
export type CheckedDocument =
  | { readonly file: string; readonly kind: 'invalid'; readonly problems: readonly string[] }
  /** Valid, and this release does not run it. */
  | { readonly file: string; readonly kind: 'unsupported'; readonly problems: readonly string[] }
  | { readonly file: string; readonly kind: 'runnable'; readonly document: WorkflowDocument };

/** Every YAML and JSON file below the folder, in order of their names. */
export async function checkFolder(folder: string): Promise<readonly CheckedDocument[]> {
  const files = (await readdir(folder, { recursive: true, withFileTypes: true }))
    .filter((entry) => entry.isFile() && /\.(ya?ml|json)$/i.test(entry.name))
    .map((entry) => path.join(entry.parentPath, entry.name))
    .sort()
    .slice(0, DOCUMENTS_MAX);
  return Promise.all(files.map(async (file) => checkText(path.relative(folder, file), await readFile(file, 'utf8'))));
}

/** One file with one workflow. */
export async function checkText(file: string, text: string): Promise<CheckedDocument> {
  const read = readDocuments(text, { fileName: file });
  if (read.kind === 'refused') return { file, kind: 'invalid', problems: read.problems.map(formatProblem) };
  const document = read.documents[0];
  if (document?.kind !== 'workflow') return { file, kind: 'invalid', problems: [`${file} has no workflow`] };
  const validation = validateWorkflow(document);
  if (validation.kind === 'refused') return { file, kind: 'invalid', problems: validation.problems.map(formatProblem) };
  const bundle = await bundleDocument(document, (uri) => Promise.resolve(/schema/i.test(uri) ? STAND_IN_SCHEMA : STAND_IN_FUNCTION));
  if (bundle.kind === 'refused') return { file, kind: 'unsupported', problems: bundle.problems.map(formatProblem) };
  const compiled = compileWorkflow(bundle.document);
  if (compiled.kind === 'compiled') return { file, kind: 'runnable', document: bundle.document };
  return { file, kind: compiled.reason === 'workflow-unsupported' ? 'unsupported' : 'invalid', problems: compiled.problems.map(formatProblem) };
}

/** The scenarios of every feature file below the folder, each named by its file and its own name. */
export async function featureScenarios(folder: string): Promise<readonly { readonly file: string; readonly scenario: Scenario }[]> {
  const files = (await readdir(folder, { recursive: true, withFileTypes: true })).filter((entry) => entry.isFile() && entry.name.endsWith('.feature')).map((entry) => path.join(entry.parentPath, entry.name)).sort();
  const found = await Promise.all(files.map(async (file) => scenariosOf(await readFile(file, 'utf8')).map((scenario) => ({ file: `${path.relative(folder, file)}: ${scenario.name}`, scenario }))));
  return found.flat().slice(0, DOCUMENTS_MAX);
}
