/** Documents for tests. */
import { readFileSync } from 'node:fs';
import { readDocuments } from './read-documents.ts';
import type { SourceDocument, WorkflowDocument } from './source-document.ts';

/** What most tests do not care about; the document goes on in line 6. */
export const HEAD = `document:
  dsl: '1.0.3'
  namespace: tests
  name: sample
  version: 1.0.0
`;

/** The text of a file in `fixtures/`. */
export function fixtureText(name: string): string {
  return readFileSync(new URL(`../fixtures/${name}`, import.meta.url), 'utf8');
}

/** The documents of a text that must be readable. */
export function documentsOf(text: string): readonly SourceDocument[] {
  const result = readDocuments(text, { fileName: 'f' });
  if (result.kind === 'refused') throw new Error(result.problems.map((problem) => `${problem.line}:${problem.column}: ${problem.message}`).join('\n'));
  return result.documents;
}

/** The one workflow of a text. */
export function workflowOf(text: string): WorkflowDocument {
  const [document] = documentsOf(text);
  if (document?.kind !== 'workflow') throw new Error('the text has no workflow');
  return document;
}
