/**
 * Approvals, whichever way a person came: with a key over gRPC, REST and the command line, or with a link.
 *
 * Owns what links may do, and how histories name who decided. Does not own what is decided: the execution's owner does.
 */
import type { Approval, Approvals as ApprovalList, Execution } from '@millrace/contracts/execution/v1/execution';
import type { ApprovalLink } from '@millrace/contracts/gateway/v1/gateway';
import { MillraceError } from '@millrace/errors';
import { parseId } from '@millrace/identity';
import { LINK_VALID_MS, LINK_VALID_MS_MAX, type LinkSigner } from './approval-links.ts';
import { checkedReason } from './executions.ts';
import type { ApprovalCommand, ExecutionReference, ExecutionViews } from './ports.ts';
import { operatorOf, type Caller } from './principal.ts';

/** Longest name of a person, in characters: that of a mail address. */
export const PERSON_CHARACTERS_MAX = 320;
/** Where links lead, at the gateway's REST address. */
export const LINK_PATH = '/approve';

export interface Approvals {
  list(caller: Caller, execution: string): Promise<ApprovalList>;
  /** @throws MillraceError `approval-unknown`, `approval-decided`. */
  act(caller: Caller, execution: string, command: { readonly act: string; readonly task: string; readonly reason: string; readonly to: string }): Promise<Execution>;
  createLink(caller: Caller, execution: string, order: { readonly task: string; readonly for: string; readonly validMs: number }): Promise<ApprovalLink>;
  /** What a link is about; changes nothing. @throws MillraceError `approval-link-void`, `approval-decided`, `approval-unknown`. */
  read(link: string): Promise<Approval>;
  /** @throws MillraceError as `read`. */
  actByLink(link: string, command: { readonly act: string; readonly reason: string; readonly to: string }): Promise<Execution>;
}

export interface ApprovalsOptions {
  readonly views: ExecutionViews;
  readonly signer: LinkSigner;
  nowMs(): number;
}

export function createApprovals({ views, signer, nowMs }: ApprovalsOptions): Approvals {
  const act = (reference: ExecutionReference, command: ApprovalCommand): Promise<Execution> => {
    checkedReason(command.reason);
    checkedPerson(command.to);
    return views.actOnApproval(reference, command);
  };
  return {
    list: (caller, execution) => views.listApprovals({ organisation: caller.sight, execution: checked(execution) }),
    act: (caller, execution, command) => act({ organisation: caller.sight, execution: checked(execution) }, { ...command, by: operatorOf(caller), signed: undefined }),
    async createLink(caller, execution, order) {
      if (!(order.validMs >= 0 && order.validMs <= LINK_VALID_MS_MAX)) throw new MillraceError('argument-invalid', { message: `A link can be used at most ${LINK_VALID_MS_MAX} ms (a year)` });
      const reference = { organisation: caller.sight, execution: checked(execution) };
      const approval = chosen((await views.listApprovals(reference)).approvals, order.task, execution);
      const whose = checkedPerson(order.for === '' ? approval.assignee : order.for);
      const expiresAtMs = nowMs() + (order.validMs === 0 ? LINK_VALID_MS : order.validMs);
      const link = signer.sign({ ...reference, activation: approval.activation, delegations: approval.delegations, for: whose, expiresAtMs });
      return { path: `${LINK_PATH}?link=${link}`, for: whose, expiresAtMs };
    },
    async read(link) {
      const { organisation, execution, activation, delegations } = signer.read(link, nowMs());
      const { approvals } = await views.listApprovals({ organisation, execution });
      const found = approvals.find((each) => each.activation === activation);
      if (found === undefined) throw new MillraceError('approval-decided', { message: 'It was decided before, or its time is over: there is nothing left to decide' });
      if (found.delegations !== delegations) throw new MillraceError('approval-link-void', { message: `It was delegated to ${found.assignee} after this link was made` });
      return found;
    },
    actByLink(link, command) {
      const { organisation, execution, activation, delegations, for: whose } = signer.read(link, nowMs());
      return act({ organisation, execution }, { ...command, task: '', by: whose === '' ? 'link' : `link/${whose}`, signed: { activation, delegations } });
    },
  };
}

function chosen(approvals: readonly Approval[], task: string, execution: string): Approval {
  const meant = approvals.filter((each) => task === '' || each.name === task || each.task === task);
  const [first] = meant;
  if (first === undefined) throw new MillraceError('approval-unknown', { message: `Execution ${execution} waits for no approval${task === '' ? '' : ` ${task}`}` });
  if (meant.length > 1) throw new MillraceError('argument-invalid', { message: `Execution ${execution} waits for ${meant.length} approvals (${meant.map((each) => each.task).join(', ')}); say which` });
  return first;
}

function checked(execution: string): string {
  if (parseId(execution) === undefined) throw new MillraceError('execution-unknown', { message: `${JSON.stringify(execution.slice(0, 64))} is no id of an execution` });
  return execution;
}

function checkedPerson(person: string): string {
  if (person.length > PERSON_CHARACTERS_MAX) throw new MillraceError('argument-invalid', { message: `A person's name has at most ${PERSON_CHARACTERS_MAX} characters, not ${person.length}` });
  return person;
}
