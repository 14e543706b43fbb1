/**
 * What callers do with executions, whichever transport they came by.
 *
 * Owns access (an organisation's key never learns that another's execution exists) and the shape of waiting.
 * Does not own routing to lanes (start-router.ts and the ports).
 */
import { randomUUID } from 'node:crypto';
import type { Execution, Trace } from '@millrace/contracts/execution/v1/execution';
import type { RerunExecutionResponse } from '@millrace/contracts/gateway/v1/gateway';
import { parseId } from '@millrace/identity';
import { MillraceError, REASONS, type Reason } from '@millrace/errors';
import { mergeLists } from './execution-list.ts';
import { orderOf, type MakeExecutionId } from './order.ts';
import { operatorOf, type Caller } from './principal.ts';
import type { Deliveries, ExecutionEnd, ExecutionViews, Fault, ListPart, OperatorCommand, RerunCommand, TailEvent } from './ports.ts';
import type { StartRouter } from './start-router.ts';

/** The longest a call may wait for an execution's end, in milliseconds. */
export const WAIT_MS_MAX = 600_000;
/** Entries of a page without a limit, and at most. */
export const PAGE_ENTRIES = 50;
export const PAGE_ENTRIES_MAX = 500;
/** Longest reason of an operator, in characters. */
export const REASON_CHARACTERS_MAX = 1_000;
/** How long a trace waits for the spans of deliveries, in milliseconds; afterwards it is shown without them. */
export const DELIVERY_SPANS_TIMEOUT_MS = 2_000;

export interface StartCommand {
  readonly workflow: string;
  readonly version: string;
  readonly inputJson: string;
  readonly idempotencyKey: string;
  /** 0: answer once the start is durable. */
  readonly waitMs: number;
  readonly traceparent: string;
  readonly acceptedAtMs: number;
}

export interface StartOutcome {
  readonly execution: string;
  /** pending, running (the wait ended first), completed, faulted or cancelled. */
  readonly status: string;
  readonly existing: boolean;
  readonly outputJson: string;
  readonly error: Fault | undefined;
}

export interface Explanation {
  readonly execution: string;
  /** Empty when nobody could be asked. */
  readonly status: string;
  readonly sentence: string;
}

export interface Executions {
  /** `signal` ends the wait, not the execution. */
  start(caller: Caller, command: StartCommand, signal?: AbortSignal): Promise<StartOutcome>;
  get(caller: Caller, execution: string): Promise<Execution>;
  /** Pauses, resumes or cancels; who did it and why stands in the history. @throws MillraceError `execution-ended`. */
  operate(caller: Caller, execution: string, act: OperatorCommand['act'], reason: string): Promise<Execution>;
  /** Makes an execution from another, or says what would become of its side effects. @throws MillraceError `execution-running`, `task-unknown`, `workflow-unknown`. */
  rerun(caller: Caller, execution: string, command: RerunCommand): Promise<RerunExecutionResponse>;
  /** Why the execution is not moving, in one sentence. */
  explain(caller: Caller, execution: string): Promise<Explanation>;
  trace(caller: Caller, execution: string): Promise<Trace>;
  list(caller: Caller, query: { readonly status: string; readonly workflow: string; readonly where: string; readonly cursor: string; readonly limit: number }): Promise<ListPart>;
  /** Answers every start that waits for an end with what it is now: the process stops. */
  endWaits(): void;
  tail(caller: Caller, filter: { readonly execution: string; readonly workflow: string }, onEvent: (event: TailEvent) => void, signal: AbortSignal): Promise<void>;
}

export interface ExecutionsOptions {
  readonly router: StartRouter;
  readonly views: ExecutionViews;
  readonly deliveries: Deliveries;
  readonly makeId: MakeExecutionId;
}

export function createExecutions({ router, views, deliveries, makeId }: ExecutionsOptions): Executions {
  const waits = new Set<() => void>();
  return {
    endWaits() {
      for (const end of waits) end();
    },
    start(caller, command, signal) {
      const waitMs = Math.min(command.waitMs, WAIT_MS_MAX);
      const order = orderOf({ ...command, organisation: caller.organisation, wait: waitMs > 0 }, makeId);
      return new Promise<StartOutcome>((resolve, reject) => {
        let existing = false;
        const outcome = (status: string, end?: ExecutionEnd): StartOutcome => ({
          execution: order.execution,
          status,
          existing,
          outputJson: end?.outputJson ?? '',
          error: end?.error,
        });
        const settle = (finish: () => void): void => {
          clearTimeout(timer);
          signal?.removeEventListener('abort', giveUp);
          waits.delete(giveUp);
          finish();
        };
        let durable = false;
        let late = false;
        const giveUp = (): void => {
          // Until the start is durable nothing is known that could be answered: the router bounds that wait.
          late = true;
          if (!durable) return;
          ticket.abandon();
          settle(() => resolve(outcome('running')));
        };
        const timer = waitMs > 0 ? setTimeout(giveUp, waitMs) : undefined;
        signal?.addEventListener('abort', giveUp, { once: true });
        if (waitMs > 0) waits.add(giveUp);
        const ticket = router.start(order, {
          accepted: (wasThere) => {
            existing = wasThere;
            durable = true;
            if (waitMs === 0) settle(() => resolve(outcome('pending')));
            else if (late) queueMicrotask(giveUp);
          },
          ended: (end) => settle(() => resolve(outcome(end.status, end))),
          refused: (reason, message) => settle(() => reject(refusalError(reason, message))),
        });
      });
    },
    get: (caller, execution) => views.get({ organisation: caller.sight, execution: checkedId(execution) }),
    operate: (caller, execution, act, reason) => views.operate({ organisation: caller.sight, execution: checkedId(execution) }, { act, by: operatorOf(caller), reason: checkedReason(reason) }),
    rerun: (caller, execution, command) =>
      views.rerun(
        { organisation: caller.sight, execution: checkedId(execution) },
        // Without a key each call makes one more; the owner may be asked twice for the same.
        { ...command, idempotencyKey: command.idempotencyKey === '' ? randomUUID() : command.idempotencyKey, by: operatorOf(caller), reason: checkedReason(command.reason) },
      ),
    async explain(caller, execution) {
      try {
        return { execution, ...(await views.explain({ organisation: caller.sight, execution: checkedId(execution) })) };
      } catch (error) {
        const { reason } = MillraceError.from(error);
        if (reason !== 'lane-unowned' && reason !== 'lane-displaced' && reason !== 'service-unavailable') throw error;
        return { execution, status: '', sentence: 'It waits for its lane to be owned: no orchestrator that has it answers.' };
      }
    },
    async trace(caller, execution) {
      const reference = { organisation: caller.sight, execution: checkedId(execution) };
      const trace = await views.trace(reference);
      // Deliveries are kept by organisation, and an operator need not name one: the trace says whose it is.
      const organisation = caller.sight === '' ? organisationOf(trace) : caller.sight;
      const spansOfDeliveries = await within(deliveries.spans({ ...reference, organisation }), DELIVERY_SPANS_TIMEOUT_MS).catch(() => []);
      const spans = [...trace.spans, ...spansOfDeliveries];
      return { traceId: trace.traceId, spans: spans.sort((a, b) => a.startedAtMs - b.startedAtMs) };
    },
    async list(caller, query) {
      const limit = pageLimit(query.limit);
      // An operator who searches sees every organisation, as with an id.
      const organisation = query.where === '' ? caller.organisation : caller.sight;
      return mergeLists(await views.list({ ...query, organisation, nowMs: 0, limit }), limit);
    },
    tail: (caller, filter, onEvent, signal) => views.tail({ ...filter, organisation: caller.sight }, onEvent, signal),
  };
}

function organisationOf({ spans }: Trace): string {
  return spans.find((span) => 'millrace.organisation' in span.attributes)?.attributes['millrace.organisation'] ?? '';
}

/** Entries a page may have for the number asked for; 0 asks for the default. */
export function pageLimit(asked: number): number {
  return asked === 0 ? PAGE_ENTRIES : Math.min(asked, PAGE_ENTRIES_MAX);
}

/** The failure of a refused start. */
export function refusalError(reason: string, message: string): MillraceError {
  const known: Reason = reason in REASONS ? (reason as Reason) : 'internal';
  return new MillraceError(known, message === '' ? {} : { message });
}

/** @throws MillraceError `argument-invalid`. */
export function checkedReason(reason: string): string {
  if (reason.length > REASON_CHARACTERS_MAX) throw new MillraceError('argument-invalid', { message: `A reason has at most ${REASON_CHARACTERS_MAX} characters, not ${reason.length}` });
  return reason;
}

function checkedId(execution: string): string {
  if (parseId(execution) === undefined) {
    throw new MillraceError('execution-unknown', { message: `${JSON.stringify(execution.slice(0, 64))} is no id of an execution` });
  }
  return execution;
}

function within<T>(promise: Promise<T>, timeoutMs: number): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new MillraceError('deadline-exceeded')), timeoutMs);
    promise.then(resolve, reject).finally(() => clearTimeout(timer));
  });
}
