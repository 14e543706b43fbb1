/**
 * Runs in a worker thread: reads, checks and compiles one document after another, and says what came of each.
 *
 * The program itself cannot leave the thread; who asked makes it from the document, which has been checked then.
 */
import { parentPort } from 'node:worker_threads';
import { compileWorkflow, formatProblem, readDocuments, type Problem } from '@millrace/dsl';

export interface DocumentJob {
  readonly text: string;
  readonly fileName: string;
}

export type DocumentAnswer =
  | { readonly kind: 'refused'; readonly problems: readonly Problem[] }
  | { readonly kind: 'other' }
  /** `json` is the document as JSON text. */
  | { readonly kind: 'checked'; readonly hash: string; readonly json: string; readonly warnings: readonly string[] };

export function checkDocument({ text, fileName }: DocumentJob): DocumentAnswer {
  const read = readDocuments(text, { fileName });
  if (read.kind === 'refused') return { kind: 'refused', problems: read.problems };
  const [document, second] = read.documents;
  if (document?.kind !== 'workflow' || second !== undefined) return { kind: 'other' };
  const compiled = compileWorkflow(document);
  if (compiled.kind === 'refused') return { kind: 'refused', problems: compiled.problems };
  return { kind: 'checked', hash: compiled.program.hash, json: JSON.stringify(compiled.program.document), warnings: compiled.warnings.map(formatProblem) };
}

parentPort?.on('message', (job: DocumentJob) => parentPort?.postMessage(checkDocument(job)));
