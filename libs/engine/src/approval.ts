/**
 * Approvals: tasks that wait until a person has said yes or no.
 *
 * Owns which approval a decision means, and what it becomes. Does not own who may decide: a host does.
 *
 * A1 An approval is decided once: the task that waits for it is over with the decision.
 * A2 Events never reach it, decisions are addressed to its execution: so an execution that waits for nothing else leaves
 *    memory (E8), and no worker has anything of it.
 * A3 What was signed for one activation, and for whom it was then, is void for the next one and after a delegation.
 */
import type { Journal, Operator } from './decide.ts';
import { fill, siteOf } from './evaluate.ts';
import { nodeOf, type Activation, type Execution } from './execution.ts';
import { payloadOf } from './payload.ts';
import { Fault } from './problem.ts';
import type { JsonValue, ListenNode } from './program.ts';
import type { ApprovalAct } from './record.ts';

/** Which approval of an execution is meant. */
export interface ApprovalOrder {
  /** The task's name or reference; empty: the only one that waits. */
  readonly task: string;
  /** Where given, the task's activation and how often it had been delegated (A3). */
  readonly signed?: { readonly activation: number; readonly delegations: number };
  /** `delegate`: to whom. */
  readonly to?: string;
}

/** An approval that waits. */
export interface ApprovalView {
  readonly activation: number;
  readonly reference: string;
  readonly name: string;
  /** What the task says of it. */
  readonly details: JsonValue;
  /** Whose turn it is; empty when nobody is named. */
  readonly assignee: string;
  readonly delegations: number;
  readonly askedAtMs: number;
  /** When the task's own time is over. */
  readonly expiresAtMs: number | undefined;
}

export type ApprovalChoice =
  | { readonly kind: 'found'; readonly activation: Activation }
  | { readonly kind: 'refused'; readonly reason: 'approval-unknown' | 'approval-link-void' | 'argument-invalid'; readonly message: string };

export function isApprovalAct(act: string): act is ApprovalAct {
  return act === 'approve' || act === 'reject' || act === 'delegate';
}

/** The approvals that wait, in the order in which they were asked for. */
export function approvalsOf(execution: Execution): readonly ApprovalView[] {
  return waiting(execution).map(({ activation, node }) => {
    const details = detailsOf(execution, activation, node);
    return {
      activation: activation.number,
      reference: node.reference,
      name: node.name,
      details,
      assignee: assigneeOf(activation, details),
      delegations: activation.listen?.delegated?.number ?? 0,
      askedAtMs: activation.enteredAtMs,
      expiresAtMs: activation.deadlineMs,
    };
  });
}

export function chooseApproval(execution: Execution, { task, signed }: ApprovalOrder): ApprovalChoice {
  const there = waiting(execution);
  const meant = there.filter(({ activation, node }) => (signed === undefined || activation.number === signed.activation) && (task === '' || node.name === task || node.reference === task));
  const [first] = meant;
  if (first === undefined) {
    const names = there.map(({ node }) => node.name);
    return { kind: 'refused', reason: 'approval-unknown', message: `Execution ${execution.id} waits for no approval${task === '' ? '' : ` ${task}`}${names.length === 0 || signed !== undefined ? '' : `; it waits for ${names.join(', ')}`}` };
  }
  if (meant.length > 1) return { kind: 'refused', reason: 'argument-invalid', message: `Execution ${execution.id} waits for ${meant.length} approvals (${meant.map(({ node }) => node.reference).join(', ')}); say which` };
  if (signed !== undefined && signed.delegations !== (first.activation.listen?.delegated?.number ?? 0)) return { kind: 'refused', reason: 'approval-link-void', message: `The approval ${first.node.name} was delegated to ${first.activation.listen?.delegated?.to ?? 'somebody else'} after this link was made` };
  return { kind: 'found', activation: first.activation };
}

/** Records what a person did; a decision ends the task's waiting. */
export function actOnApproval(execution: Execution, act: ApprovalAct, { by, reason }: Operator, { number }: Activation, to: string | undefined, journal: Journal): void {
  journal.emit({ kind: 'operated', number: execution.operations + 1, act, by, ...(reason === undefined ? {} : { reason }), activation: number, ...(act === 'delegate' && to !== undefined ? { to } : {}) });
  if (act === 'delegate') return;
  const event = { decision: act === 'approve' ? 'approved' : 'rejected', by, comment: reason ?? null, at: new Date(journal.nowMs).toISOString() };
  journal.emit({ kind: 'heard', activation: number, key: 'approval', filter: 0, event: payloadOf(event), done: true });
}

function waiting(execution: Execution): readonly { readonly activation: Activation; readonly node: ListenNode }[] {
  if (execution.end !== undefined) return [];
  return [...execution.activations.values()].flatMap((activation) => {
    const node = nodeOf(execution, activation);
    return node.kind === 'listen' && node.approval !== undefined && activation.listen?.done === false ? [{ activation, node }] : [];
  });
}

/** As they were when the task was entered; a defect of the document is shown in their place. */
function detailsOf(execution: Execution, activation: Activation, node: ListenNode): JsonValue {
  try {
    return node.approval === undefined ? {} : fill(node.approval, activation.input, siteOf(execution, node, activation, activation.enteredAtMs));
  } catch (error) {
    if (error instanceof Fault) return { problem: error.problem.detail ?? error.problem.type };
    throw error;
  }
}

function assigneeOf(activation: Activation, details: JsonValue): string {
  const delegated = activation.listen?.delegated;
  if (delegated !== undefined) return delegated.to;
  const stated = typeof details === 'object' && details !== null && !Array.isArray(details) ? (details as { readonly [name: string]: JsonValue })['assignee'] : undefined;
  return typeof stated === 'string' ? stated : '';
}
