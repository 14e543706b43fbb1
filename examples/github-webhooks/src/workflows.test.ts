/** The example's own documents, checked as `millrace validate` checks them. */
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { checkResource, compileWorkflow, formatProblem, readDocuments } from '@millrace/dsl';
import { ORGANISATIONS } from './organisations.ts';
import { resourceDocuments } from './resources.ts';

const FOLDER = path.resolve(import.meta.dirname, '..');

function problemsIn(text: string, fileName: string): readonly string[] {
  const read = readDocuments(text, { fileName });
  if (read.kind === 'refused') return read.problems.map(formatProblem);
  return read.documents.flatMap((document) => {
    const result = document.kind === 'workflow' ? compileWorkflow(document) : checkResource(document);
    return result.kind === 'refused' ? result.problems.map(formatProblem) : [];
  });
}

test.each(readdirSync(FOLDER).filter((name) => name.endsWith('.yaml')))('%s is right', (name) => {
  expect(problemsIn(readFileSync(path.join(FOLDER, name), 'utf8'), name)).toEqual([]);
});

test('resources with addresses and secrets of a run are right', () => {
  const text = resourceDocuments({ organisation: 'acme', classifierUrl: 'http://127.0.0.1:1', ledger: '/tmp/a b/acme.sqlite', webhookSecret: 'secret' });
  expect(problemsIn(text, 'acme.yaml')).toEqual([]);
});

test('every organisation has limits of its own', () => {
  const text = readFileSync(path.join(FOLDER, 'organisations.yaml'), 'utf8');
  const read = readDocuments(text, { fileName: 'organisations.yaml' });
  const documents = read.kind === 'read' ? read.documents.map((document) => document.value) : [];
  const limits = documents.filter((value) => value['kind'] === 'limits');
  expect(limits.map((value) => value['name'])).toEqual(ORGANISATIONS.map(({ name }) => name));
  expect(new Set(limits.map((value) => JSON.stringify(value['spec']))).size).toBe(ORGANISATIONS.length);
});
