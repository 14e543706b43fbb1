/** Approvals that wait for a person's decision, as REST and the command line show them. */
import type { Approval, Approvals } from '@millrace/contracts/execution/v1/execution';
import type { ApprovalLink } from '@millrace/contracts/gateway/v1/gateway';
import { isoTime, jsonValue, type Json } from './value.ts';

export interface ApprovalDocument {
  readonly execution: string;
  /** JSON pointer of the task. */
  readonly task: string;
  readonly name: string;
  readonly details: Json;
  /** Whose turn it is; null when nobody is named. */
  readonly assignee: string | null;
  readonly delegations: number;
  readonly askedAt: string | null;
  /** Null: it waits without an end. */
  readonly expiresAt: string | null;
}

export interface ApprovalListDocument {
  readonly approvals: readonly ApprovalDocument[];
}

export interface ApprovalLinkDocument {
  /** Path and query at the gateway's REST address. */
  readonly path: string;
  readonly for: string | null;
  readonly expiresAt: string | null;
}

export function approvalListDocument({ approvals }: Approvals): ApprovalListDocument {
  return { approvals: approvals.map(approvalDocument) };
}

function approvalDocument({ execution, task, name, detailsJson, assignee, delegations, askedAtMs, expiresAtMs }: Approval): ApprovalDocument {
  return { execution, task, name, details: jsonValue(detailsJson), assignee: assignee === '' ? null : assignee, delegations, askedAt: isoTime(askedAtMs), expiresAt: isoTime(expiresAtMs) };
}

export function approvalLinkDocument({ path, for: whose, expiresAtMs }: ApprovalLink): ApprovalLinkDocument {
  return { path, for: whose === '' ? null : whose, expiresAt: isoTime(expiresAtMs) };
}
