export {
  executionDocument,
  executionListDocument,
  explanationDocument,
  rerunDocument,
  type RerunDocument,
  executionSummaryDocument,
  problemDocument,
  taskDocument,
  type ExecutionDocument,
  type ExecutionListDocument,
  type ExecutionSummaryDocument,
  type FaultDocument,
  type TaskDocument,
} from './execution-document.ts';
export { approvalLinkDocument, approvalListDocument, type ApprovalDocument, type ApprovalLinkDocument, type ApprovalListDocument } from './approval-document.ts';
export { jobDocument, type JobDocument } from './job-document.ts';
export { traceDocument, type SpanDocument, type TraceDocument } from './trace-document.ts';
export { deliveryDocument, deliveryListDocument, type DeliveryDocument, type DeliveryListDocument } from './delivery-document.ts';
export { deadLetterDocument, deadLetterListDocument, type DeadLetterDocument, type DeadLetterListDocument } from './dead-letter-document.ts';
export { workflowDiffDocument, workflowDocument, type WorkflowDiffDocument, type WorkflowDocument } from './workflow-document.ts';
export { isoTime, jsonValue, type Json } from './value.ts';
export { decodeListPosition, encodeListPosition, newestFirst, type ListPosition } from './list-position.ts';
export { scheduleDocument, scheduleListDocument, subscriptionDocument, subscriptionListDocument, type ScheduleDocument, type SubscriptionDocument } from './trigger-document.ts';
