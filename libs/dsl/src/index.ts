export { canonicalJson, contentHash } from './canonical-json.ts';
export { readDocuments, type ReadResult } from './read-documents.ts';
export { workflowOfValue, type ResourceDocument, type SourceDocument, type WorkflowDocument } from './source-document.ts';
export { validateWorkflow, WORKFLOW_SCHEMA, type ValidationResult } from './validate-workflow.ts';
export { compileWorkflow, type CompileResult } from './compile/compile-workflow.ts';
export { compileSource, expressionSource, type SourceResult } from './compile/expression.ts';
export { failureOf, formatProblem, reasonOf, type Place, type Problem, type ProblemReason } from './problem.ts';
export { COMPILED_SCHEMAS_MAX, DEFINITION_BYTES_MAX, DEPTH_MAX, DOCUMENTS_MAX, FILE_BYTES_MAX, PROBLEMS_MAX, VALUES_MAX } from './limits.ts';
