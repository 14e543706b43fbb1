/** A workflow's version as a JSON document: what applying one answers. */
import type { Workflow, WorkflowDiff } from '@millrace/contracts/gateway/v1/gateway';
import { jsonValue, type Json } from './value.ts';

export interface WorkflowDocument {
  readonly namespace: string;
  readonly name: string;
  readonly version: string;
  /** SHA-256 of the definition; `sha256:HASH` starts exactly this content. */
  readonly hash: string;
  /** The same content had been applied before. */
  readonly existing: boolean;
  /** It starts only where its exact version is named, and may be replaced until it is published. */
  readonly draft: boolean;
  readonly warnings: readonly string[];
}

/** What differs between two versions. */
export interface WorkflowDiffDocument {
  readonly name: string;
  readonly from: string;
  readonly to: string;
  readonly changes: readonly {
    /** A task stands by its name: `/do/charge/with/uri`. */
    readonly path: string;
    readonly kind: string;
    /** Null when it was added. */
    readonly before: Json;
    /** Null when it was removed. */
    readonly after: Json;
  }[];
}

export function workflowDocument(workflow: Workflow): WorkflowDocument {
  return {
    namespace: workflow.namespace,
    name: workflow.name,
    version: workflow.version,
    hash: workflow.hash,
    existing: workflow.existing,
    draft: workflow.draft,
    warnings: [...workflow.warnings],
  };
}

export function workflowDiffDocument({ name, from, to, changes }: WorkflowDiff): WorkflowDiffDocument {
  return { name, from, to, changes: changes.map(({ path, kind, beforeJson, afterJson }) => ({ path, kind, before: jsonValue(beforeJson), after: jsonValue(afterJson) })) };
}
