export { bundleDocument, type BundleResult, type FetchText } from './bundle-document.ts';
export { canonicalJson, contentHash } from './canonical-json.ts';
export { readDocuments, type ReadResult } from './read-documents.ts';
export { valueOfYaml } from './value-of-yaml.ts';
export { workflowOfValue, type ResourceDocument, type SourceDocument, type WorkflowDocument } from './source-document.ts';
export { validateWorkflow, WORKFLOW_SCHEMA, type ValidationResult } from './validate-workflow.ts';
export { compileWorkflow, type CompileResult } from './compile/compile-workflow.ts';
export { editorSchema, EDITOR_SCHEMA_ID, type KindSchemas } from './editor-schema.ts';
export { diffDocuments, type DocumentChange } from './document-diff.ts';
export { closestName } from './closest-name.ts';
export { findingsOf } from './schema-findings.ts';
export { problemAt } from './source-document.ts';
export { scheduleOf, EVERY_MS_MIN, type StartingEvents, type WorkflowSchedule } from './compile/schedule.ts';
export { readCron, TIME_ZONE_DEFAULT, type CronCalendar, type CronReading } from './cron.ts';
export { programText } from './program-text.ts';
export { compileSource, expressionSource, type SourceResult } from './compile/expression.ts';
export {
  checkResource,
  type CatchUp,
  type ConnectionAuth,
  type ConnectionResource,
  type LimitsResource,
  type OrganisationResource,
  type Resource,
  type ResourceResult,
  type ScheduleResource,
  type SecretResource,
  type SubscriptionResource,
  type WebhookResource,
} from './resource.ts';
export { CONCURRENCY_MAX, RESOURCE_KINDS, RESOURCE_SCHEMAS, SECRET_CHARACTERS_MAX, STARTS_PER_SECOND_MAX, WEBHOOK_SECRET_CHARACTERS_MAX, WEIGHT_MAX, type ResourceKind } from './resource-schema.ts';
export { NAME_PATTERN } from './resource-name.ts';
export { failureOf, formatProblem, reasonOf, type Place, type Problem, type ProblemReason } from './problem.ts';
export { COMPILED_SCHEMAS_MAX, DEFINITION_BYTES_MAX, DEPTH_MAX, DOCUMENTS_MAX, FILE_BYTES_MAX, PROBLEMS_MAX, VALUES_MAX } from './limits.ts';
