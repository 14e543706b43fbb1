/** Files of workflows and resources, read and checked on this side, so that problems have places. */
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { bundleDocument, checkResource, compileWorkflow, readDocuments, type Problem, type Resource, type SourceDocument, type WorkflowDocument } from '@millrace/dsl';
import { MillraceError } from '@millrace/errors';
import { checkTestDocument, isTestDocument, type TestDocument } from '@millrace/workflow-testing';
import type { Terminal } from './terminal.ts';

export type CheckedDocument =
  | { readonly kind: 'workflow'; readonly file: string; readonly name: string; readonly version: string; readonly document: WorkflowDocument }
  | { readonly kind: 'resource'; readonly file: string; readonly resource: Resource };

export interface CheckedFile {
  readonly file: string;
  /** Those of the documents that are right. */
  readonly documents: readonly CheckedDocument[];
  /** Documents for `millrace test`; no cluster ever sees them. */
  readonly tests: readonly TestDocument[];
  readonly problems: readonly Problem[];
  readonly warnings: readonly Problem[];
}

/** Standard input, as a file name. */
const STANDARD_INPUT = '-';

/** @throws MillraceError `argument-invalid` when the file cannot be read. */
export async function checkFile(file: string, terminal: Terminal): Promise<CheckedFile> {
  const text = await readSource(file, terminal);
  const read = readDocuments(text, { fileName: file });
  if (read.kind === 'refused') return { file, documents: [], tests: [], problems: read.problems, warnings: [] };
  const documents: CheckedDocument[] = [];
  const tests: TestDocument[] = [];
  const problems: Problem[] = [];
  const warnings: Problem[] = [];
  for (const document of read.documents) {
    const verdict = await check(document);
    problems.push(...verdict.problems);
    warnings.push(...verdict.warnings);
    if (verdict.checked !== undefined) documents.push(verdict.checked);
    if (verdict.test !== undefined) tests.push(verdict.test);
  }
  return { file, documents, tests, problems, warnings };
}

export async function readSource(file: string, terminal: Terminal): Promise<string> {
  if (file === STANDARD_INPUT) return terminal.readInput();
  if (CODE.test(file)) return documentsOfCode(file, terminal);
  try {
    return await readFile(path.resolve(terminal.directory, file), 'utf8');
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    const why = code === 'ENOENT' ? 'there is no such file' : code === 'EISDIR' ? 'it is a folder; name the files in it' : message;
    throw new MillraceError('argument-invalid', { message: `${file} cannot be read: ${why}`, cause: error });
  }
}

/** Files that are run for the workflows they export, such as those of `@millrace/workflow`. */
const CODE = /\.[cm]?[jt]s$/;

async function documentsOfCode(file: string, terminal: Terminal): Promise<string> {
  let exported: Readonly<Record<string, unknown>>;
  try {
    exported = (await import(pathToFileURL(path.resolve(terminal.directory, file)).href)) as Readonly<Record<string, unknown>>;
  } catch (error) {
    throw new MillraceError('argument-invalid', { message: `${file} cannot be run: ${error instanceof Error ? error.message : String(error)}`, cause: error });
  }
  const documents = [...new Set(Object.values(exported))].filter((value) => typeof value === 'object' && value !== null && ('document' in value || 'millrace' in value));
  if (documents.length === 0) throw new MillraceError('argument-invalid', { message: `${file} exports no workflow; export what \`.build()\` returns` });
  return documents.map((document) => JSON.stringify(document)).join('\n---\n');
}

/** How long fetching a function or schema may take, in milliseconds, and the longest one, in characters. */
const FETCH_TIMEOUT_MS = 10_000;
const FETCH_CHARACTERS_MAX = 1024 * 1024;

/** Functions and schemas come from wherever this command runs; what is applied has them within it. */
async function fetchText(uri: string, headers: Readonly<Record<string, string>> = {}): Promise<string> {
  const answer = await fetch(uri, { headers, signal: AbortSignal.timeout(FETCH_TIMEOUT_MS) });
  if (!answer.ok) throw new Error(`it answered ${answer.status}`);
  const text = await answer.text();
  if (text.length > FETCH_CHARACTERS_MAX) throw new Error(`it is longer than ${FETCH_CHARACTERS_MAX} characters`);
  return text;
}

interface Verdict {
  readonly checked?: CheckedDocument;
  readonly test?: TestDocument;
  readonly problems: readonly Problem[];
  readonly warnings: readonly Problem[];
}

async function check(document: SourceDocument): Promise<Verdict> {
  if (document.kind === 'resource' && isTestDocument(document)) {
    const result = checkTestDocument(document);
    if (result.kind === 'refused') return { problems: result.problems, warnings: [] };
    return { test: result.test, problems: [], warnings: [] };
  }
  if (document.kind === 'resource') {
    const result = checkResource(document);
    if (result.kind === 'refused') return { problems: result.problems, warnings: [] };
    return { checked: { kind: 'resource', file: document.fileName, resource: result.resource }, problems: [], warnings: [] };
  }
  const bundle = await bundleDocument(document, fetchText);
  if (bundle.kind === 'refused') return { problems: bundle.problems, warnings: [] };
  const result = compileWorkflow(bundle.document);
  if (result.kind === 'refused') return { problems: result.problems, warnings: [] };
  const { name, version } = result.program;
  return { checked: { kind: 'workflow', file: document.fileName, name, version, document: bundle.document }, problems: [], warnings: result.warnings };
}
