/**
 * Why an execution is not moving, in one sentence.
 *
 * Owns which of the things it waits for is named first: what an operator did, then what is refused, then what is under
 * way, then what is only a matter of time. Does not own where a step is at the moment: its owner knows, and says so.
 */
import { approvalsOf } from './approval.ts';
import { nodeOf, type Activation, type Execution } from './execution.ts';
import type { EventFilter, ListenNode } from './program.ts';

/** Where an outstanding step is. */
export type StepPlace =
  | { readonly kind: 'worker'; readonly worker: string; readonly sinceMs: number }
  /** No worker that is connected runs the operation. */
  | { readonly kind: 'no-worker' }
  /** Its organisation has as many steps running as it may. */
  | { readonly kind: 'throttled' }
  /** Its turn comes. */
  | { readonly kind: 'queued' };

/** What the owner of the execution knows beside its state. */
export interface Surroundings {
  readonly nowMs: number;
  stepPlace(activation: Activation): StepPlace;
}

/** Things of one kind that are named one by one; of more the first, and how many there are. */
const NAMED_MAX = 3;
/** Characters of a text that comes from a workflow or an error. */
const TEXT_MAX = 160;

/** What it waits for, the most telling first. */
interface Reason {
  readonly weight: number;
  readonly text: string;
}

/** One sentence without the execution's id. */
export function explain(execution: Execution, surroundings: Surroundings): string {
  const { end, paused } = execution;
  if (end !== undefined) return `It has ended at ${at(end.atMs)}: ${end.status}${end.error === undefined ? '' : `, ${short(end.error.detail ?? end.error.title ?? end.error.type)}`}.`;
  if (paused !== undefined) {
    const running = [...execution.activations.values()].filter((each) => each.arguments !== undefined && surroundings.stepPlace(each).kind === 'worker').length;
    return `It was paused by ${paused.by} at ${at(paused.atMs)}${paused.reason === undefined ? '' : ` (${short(paused.reason)})`} and goes on once it is resumed${running === 0 ? '' : `; ${running} of its steps ${running === 1 ? 'is' : 'are'} still with workers`}.`;
  }
  if (!execution.begun) return `It has not begun: it waits, since ${at(execution.acceptedAtMs)}, for the limit of organisation ${execution.organisation} on starts a second.`;
  if (execution.ready.length > 0) return 'It is moving: it has tasks that are decided next.';
  const reasons = [...execution.activations.values()].flatMap((activation) => reasonOf(execution, activation, surroundings)).sort((a, b) => b.weight - a.weight);
  const [first] = reasons;
  if (first === undefined) return 'It waits for nothing that is known here; its next turn is on the way.';
  const named = reasons.slice(0, NAMED_MAX).map(({ text }) => text);
  const more = reasons.length - named.length;
  return `It waits for ${named.join('; ')}${more === 0 ? '' : `; and ${more} more`}.`;
}

function reasonOf(execution: Execution, activation: Activation, surroundings: Surroundings): readonly Reason[] {
  const node = nodeOf(execution, activation);
  const where = node.reference;
  if (node.kind === 'call' && activation.arguments !== undefined) {
    const attempt = activation.attempt > 1 ? `, attempt ${activation.attempt}` : '';
    const place = surroundings.stepPlace(activation);
    switch (place.kind) {
      case 'no-worker':
        return [{ weight: 5, text: `a worker of kind ${node.operation} (task ${where}${attempt}): none is connected` }];
      case 'throttled':
        return [{ weight: 4, text: `a step of organisation ${execution.organisation} to end (task ${where}${attempt}): as many are running as its limit of concurrency allows` }];
      case 'queued':
        return [{ weight: 3, text: `its turn among the steps that are ready (task ${where}${attempt})` }];
      case 'worker':
        return [{ weight: 2, text: `the result of ${node.operation} (task ${where}${attempt}), which worker ${place.worker} has had since ${at(place.sinceMs)}` }];
    }
  }
  const { guard, dueMs, listen } = activation;
  if (guard?.phase === 'delaying' && dueMs !== undefined) {
    return [{ weight: 3, text: `attempt ${guard.retries + 1} of task ${where} at ${at(dueMs)}${guard.error === undefined ? '' : `, after the error ${short(guard.error.detail ?? guard.error.title ?? guard.error.type)}`}` }];
  }
  if (listen !== undefined && node.kind === 'listen' && node.approval !== undefined) return [approvalReason(execution, activation, where)];
  if (listen !== undefined && node.kind === 'listen' && !listen.done) return [{ weight: 2, text: `${eventsOf(node)} (task ${where}, ${listen.events.length} taken so far)` }];
  if (node.kind === 'wait' && dueMs !== undefined) return [{ weight: 1, text: `the timer of task ${where}, until ${at(dueMs)}` }];
  return [];
}

function approvalReason(execution: Execution, { number, dueMs }: Activation, where: string): Reason {
  const found = approvalsOf(execution).find(({ activation }) => activation === number);
  const whose = found === undefined || found.assignee === '' ? '' : ` by ${short(found.assignee)}`;
  return { weight: 2, text: `the approval of task ${where}${whose}${dueMs === undefined ? '' : `, until ${at(dueMs)}`}` };
}

function eventsOf(node: ListenNode): string {
  const filters = node.to.filters.map(filterText).filter((text) => text !== '');
  const joined = filters.slice(0, NAMED_MAX).join(node.to.mode === 'all' ? ' and ' : ' or ');
  return filters.length === 0 ? 'any event' : `an event with ${joined}`;
}

function filterText({ with: conditions }: EventFilter): string {
  return conditions.map(({ attribute, expression }) => short(`${attribute} ${expression.source}`)).join(', ');
}

function short(text: string): string {
  return text.length <= TEXT_MAX ? text : `${text.slice(0, TEXT_MAX)}…`;
}

function at(ms: number): string {
  return new Date(ms).toISOString();
}
