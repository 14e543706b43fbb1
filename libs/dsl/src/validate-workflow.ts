/**
 * Whether a document is a valid Serverless Workflow document, whatever this release can run of it.
 */
import { readFileSync } from 'node:fs';
import { findingsOf } from './schema-findings.ts';
import { type JsonObject } from './json-value.ts';
import { PROBLEMS_MAX } from './limits.ts';
import { inFileOrder, type Problem } from './problem.ts';
import { problemAt, type WorkflowDocument } from './source-document.ts';
import { checkWorkflowRules } from './workflow-rules.ts';
import { workflowVocabulary } from './workflow-vocabulary.ts';

/** The specification's JSON Schema of the DSL 1.0.3; see schema/NOTICE. */
export const WORKFLOW_SCHEMA: JsonObject = JSON.parse(readFileSync(new URL('../schema/workflow-1.0.3.json', import.meta.url), 'utf8')) as JsonObject;

const VOCABULARY = workflowVocabulary(WORKFLOW_SCHEMA);

export type ValidationResult =
  | { readonly kind: 'valid'; readonly warnings: readonly Problem[] }
  | { readonly kind: 'refused'; readonly problems: readonly Problem[] };

/** Checks a document against the DSL's schema and rules. Problems are in the order of the file. */
export function validateWorkflow(document: WorkflowDocument): ValidationResult {
  const bySchema = findingsOf(WORKFLOW_SCHEMA, document.value, VOCABULARY).map((found) => problemAt(document, found, 'workflow-invalid', found.message, found.suggestion));
  const byRule = checkWorkflowRules(document);
  const problems = [...bySchema, ...byRule.problems];
  if (problems.length > 0) return { kind: 'refused', problems: inFileOrder(problems).slice(0, PROBLEMS_MAX) };
  return { kind: 'valid', warnings: inFileOrder(byRule.warnings) };
}
