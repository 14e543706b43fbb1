/** A workflow's version as a JSON document: what applying one answers. */
import type { Workflow } from '@millrace/contracts/gateway/v1/gateway';

export interface WorkflowDocument {
  readonly namespace: string;
  readonly name: string;
  readonly version: string;
  /** SHA-256 of the definition; `sha256:HASH` starts exactly this content. */
  readonly hash: string;
  /** The same content had been applied before. */
  readonly existing: boolean;
  readonly warnings: readonly string[];
}

export function workflowDocument(workflow: Workflow): WorkflowDocument {
  return {
    namespace: workflow.namespace,
    name: workflow.name,
    version: workflow.version,
    hash: workflow.hash,
    existing: workflow.existing,
    warnings: [...workflow.warnings],
  };
}
