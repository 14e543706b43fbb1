/**
 * Accepts requests to webhooks.
 *
 * Owns the order of things: find the webhook, check and read the request, derive the execution's id, make
 * the start durable, answer, and with `reply: output` wait for the end. Does not own HTTP or NATS.
 *
 * Invariants
 * 1. 202 or an output is answered only after the start is durable in its lane's input.
 * 2. Organisation, workflow and key alone decide the id of a keyed start: the same delivery sent twice, to
 *    any instance of any service, is one execution.
 */
import type { Reply, StartInput } from '@millrace/engine';
import { MillraceError } from '@millrace/errors';
import { acceptedAnswer, replyAnswer, type HookAnswer } from './hook-answer.ts';
import { readHookRequest, type HookRequest } from './hook-request.ts';
import type { LaneAppender } from './lane-appender.ts';
import type { ReplyInbox } from './ports.ts';
import { startJson, workflowName } from './start-appender.ts';
import type { ServedWebhook, WebhookBook } from './webhook-book.ts';

/** How long a request with `reply: output` waits by default, in milliseconds. `Prefer: wait=SECONDS` says otherwise. */
export const REPLY_WAIT_MS = 30_000;
/** The longest wait that `Prefer` can ask for, in milliseconds. */
export const REPLY_WAIT_MS_MAX = 600_000;

export interface HookCall extends HookRequest {
  readonly organisation: string;
  readonly name: string;
  /** A valid W3C traceparent of the caller, if it sent one. */
  readonly traceparent?: string;
}

export interface AcceptHookPorts {
  readonly book: WebhookBook;
  /** A webhook that the book does not have yet: one stored by another instance a moment ago. */
  lookUp(organisation: string, name: string): Promise<ServedWebhook | undefined>;
  readonly appender: LaneAppender;
  readonly inbox: ReplyInbox;
  /** Makes the id of a start; the same key gives the same id, no key a new one. */
  executionId(organisation: string, workflowName: string, key: string | undefined): string;
  /** The lane of an id. @throws MillraceError `lane-unowned` while no slot table is known. */
  laneOf(execution: string): number;
}

/** @throws MillraceError for everything that is not accepted; the answer is then its problem document. */
export async function acceptHook(ports: AcceptHookPorts, call: HookCall): Promise<HookAnswer> {
  const served = ports.book.find(call.organisation, call.name) ?? (await ports.lookUp(call.organisation, call.name));
  if (served === undefined) {
    throw new MillraceError('webhook-unknown', { message: `There is no webhook ${call.name} of organisation ${call.organisation}; apply a resource of \`kind: webhook\`` });
  }
  const { webhook } = served;
  const start = readHookRequest(served, call);
  const execution = ports.executionId(webhook.organisation, workflowName(webhook.workflow), start.key);
  const lane = ports.laneOf(execution);
  const header: Omit<StartInput, 'input' | 'replyTo'> = {
    kind: 'start',
    organisation: webhook.organisation,
    execution,
    workflow: webhook.workflow,
    ...(start.key === undefined ? {} : { key: start.key }),
    ...(call.traceparent === undefined ? {} : { traceparent: call.traceparent }),
    acceptedAtMs: call.acceptedAtMs,
    acceptedBy: 'trigger',
  };
  if (webhook.reply === 'accepted') {
    await ports.appender.append(lane, startJson(header, start.inputJson), call.traceparent);
    return acceptedAnswer(execution);
  }
  return answerWithEnd(ports, call, execution, (replyTo) => ports.appender.append(lane, startJson({ ...header, replyTo }, start.inputJson), call.traceparent));
}

async function answerWithEnd(ports: AcceptHookPorts, call: HookCall, execution: string, append: (replyTo: string) => Promise<void>): Promise<HookAnswer> {
  let deliver: (reply: Reply | undefined) => void = () => undefined;
  const ended = new Promise<Reply | undefined>((resolve) => {
    deliver = resolve;
  });
  const place = ports.inbox.open((reply) => deliver(reply));
  const timer = setTimeout(() => deliver(undefined), replyWaitMs(call.headers['prefer']));
  try {
    await append(place.subject);
    const reply = await ended;
    return reply === undefined ? acceptedAnswer(execution) : replyAnswer(reply);
  } finally {
    clearTimeout(timer);
    place.close();
  }
}

/** The wait that a `Prefer` header asks for (RFC 7240, section 4.3). */
export function replyWaitMs(prefer: string | readonly string[] | undefined): number {
  const match = /(?:^|[,;\s])wait\s*=\s*"?(\d{1,6})"?/i.exec(String(prefer ?? ''));
  return match?.[1] === undefined ? REPLY_WAIT_MS : Math.min(Number(match[1]) * 1000, REPLY_WAIT_MS_MAX);
}
