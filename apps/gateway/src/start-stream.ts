/**
 * One stream of starts from a client: the hot path of the gateway.
 *
 * Owns: turning streamed starts into orders, gathering answers into batches, and when to stop reading. Does not
 * own gRPC: the transport is a small port, so that the adapter alone knows the call.
 *
 * Invariants
 * 1. Every start gets a final answer (its end, its durability when nobody waits for the end, or a refusal) or the
 *    stream breaks.
 * 2. The stream is not read while the router is full, while too many of its starts are open or not yet durable, or
 *    while its client does not take answers: so a fast client is slowed, never refused, and what it sends waits with
 *    it rather than in front of others (T2).
 */
import type { ExecutionEnd, StartOrder } from './ports.ts';
import type { StartListener, StartRouter, StartTicket } from './start-router.ts';

/** Starts of one stream that have no final answer yet. */
export const STREAM_OPEN_MAX = 100_000;
/** Starts of one stream that are neither durable nor refused: they stand before the starts of all others. */
export const STREAM_UNDECIDED_MAX = 512;
/** Characters of input of those starts; a single larger one goes alone. */
export const STREAM_UNDECIDED_CHARS_MAX = 512 * 1024;
/** Answers in one message. */
export const BATCH_ANSWERS_MAX = 1000;
/** Characters of output in one message, as a measure of its bytes (at most three times as many); one larger output goes alone. */
export const BATCH_OUTPUT_CHARS_MAX = 512 * 1024;
/** Answers that may wait for a client that does not read. */
export const WAITING_ANSWERS_MAX = 10_000;

/** A start as the client streams it. */
export interface StreamedStart {
  readonly number: number;
  readonly workflow: string;
  readonly inputJson: string;
  readonly idempotencyKey: string;
  readonly wait: boolean;
  readonly acknowledge: boolean;
  readonly organisation: string;
  readonly traceparent: string;
}

export interface StreamedAnswer {
  readonly number: number;
  readonly execution: string;
  /** pending, completed, faulted, cancelled or refused. */
  readonly status: string;
  readonly outputJson: string;
  readonly error: ExecutionEnd['error'];
  readonly reason: string;
  readonly message: string;
}

/** The client's side of the stream. */
export interface StartStreamTransport {
  /** False when the client does not keep up; `StartStream.drained` says that it does again. */
  write(answers: readonly StreamedAnswer[]): boolean;
  pause(): void;
  resume(): void;
  end(): void;
}

export interface StartStream {
  receive(starts: readonly StreamedStart[]): void;
  drained(): void;
  /** The client sends no more; the stream ends after the last answer. */
  finish(): void;
  /** The client has gone. */
  abandon(): void;
}

export type OrderVerdict = { readonly kind: 'order'; readonly order: StartOrder } | { readonly kind: 'refused'; readonly reason: string; readonly message: string };

/** @param orderOf checks a start and makes its order. */
export function createStartStream(router: StartRouter, transport: StartStreamTransport, orderOf: (start: StreamedStart) => OrderVerdict): StartStream {
  const tickets = new Map<StartListener, StartTicket>();
  let answers: StreamedAnswer[] = [];
  let scheduled = false;
  let writable = true;
  let paused = false;
  let finishing = false;
  let over = false;
  let undecided = 0;
  let undecidedChars = 0;
  /** Read, and kept back until some of those before them are decided. */
  let backlog: StreamedStart[] = [];
  let backlogFrom = 0;

  const hasEnough = (): boolean => undecided >= STREAM_UNDECIDED_MAX || undecidedChars >= STREAM_UNDECIDED_CHARS_MAX;
  const shouldPause = (): boolean => router.isFull() || hasEnough() || backlogFrom < backlog.length || tickets.size >= STREAM_OPEN_MAX || answers.length >= WAITING_ANSWERS_MAX;

  function applyPressure(): void {
    if (over) return;
    if (!paused && shouldPause()) {
      paused = true;
      transport.pause();
      if (router.isFull()) router.onRoom(relievePressure);
    }
  }

  function relievePressure(): void {
    if (!paused || over) return;
    if (router.isFull()) return router.onRoom(relievePressure);
    if (shouldPause()) return;
    paused = false;
    transport.resume();
  }

  function answer(value: StreamedAnswer): void {
    if (over) return;
    answers.push(value);
    if (!scheduled && writable) {
      scheduled = true;
      setImmediate(flush);
    }
  }

  function flush(): void {
    scheduled = false;
    let from = 0;
    while (!over && writable && from < answers.length) {
      let chars = 0;
      let to = from;
      while (to < answers.length && to - from < BATCH_ANSWERS_MAX) {
        chars += answers[to]?.outputJson.length ?? 0;
        if (to > from && chars > BATCH_OUTPUT_CHARS_MAX) break;
        to += 1;
      }
      writable = transport.write(from === 0 && to === answers.length ? answers : answers.slice(from, to));
      from = to;
    }
    answers = from === answers.length ? [] : answers.slice(from);
    relievePressure();
    endWhenDone();
  }

  function endWhenDone(): void {
    if (over || !finishing || tickets.size > 0 || answers.length > 0 || backlogFrom < backlog.length) return;
    over = true;
    transport.end();
  }

  function take(start: StreamedStart): void {
    const verdict = orderOf(start);
    if (verdict.kind === 'refused') return answer(refusal(start.number, '', verdict.reason, verdict.message));
    const { order } = verdict;
    const { number } = start;
    undecided++;
    undecidedChars += start.inputJson.length;
    let isUndecided = true;
    const decided = (): void => {
      if (!isUndecided) return;
      isUndecided = false;
      undecided--;
      undecidedChars -= start.inputJson.length;
      advance();
    };
    const listener: StartListener = {
      accepted: () => {
        decided();
        if (start.acknowledge || !order.wait) answer({ number, execution: order.execution, status: 'pending', outputJson: '', error: undefined, reason: '', message: '' });
        if (!order.wait) close();
      },
      ended: (end) => {
        answer({ number, execution: order.execution, status: end.status, outputJson: end.outputJson, error: end.error, reason: '', message: '' });
        close();
      },
      refused: (reason, message) => {
        answer(refusal(number, order.execution, reason, message));
        close();
      },
    };
    let closed = false;
    const close = (): void => {
      closed = true;
      tickets.delete(listener);
      decided();
    };
    const ticket = router.start(order, listener);
    if (!closed) tickets.set(listener, ticket);
  }

  let advancing = false;
  /** Takes what was kept back, as far as it may now. */
  function advance(): void {
    // A start that is refused at once comes back here from within.
    if (advancing || over) return;
    advancing = true;
    while (backlogFrom < backlog.length && !hasEnough()) take(backlog[backlogFrom++] as StreamedStart);
    advancing = false;
    if (backlogFrom === backlog.length && backlogFrom > 0) {
      backlog = [];
      backlogFrom = 0;
    }
    if (paused && undecided <= STREAM_UNDECIDED_MAX / 2) relievePressure();
  }

  return {
    receive(starts) {
      if (over) return;
      backlog = backlogFrom === backlog.length ? [...starts] : [...backlog.slice(backlogFrom), ...starts];
      backlogFrom = 0;
      advance();
      applyPressure();
    },
    drained() {
      writable = true;
      if (!scheduled && answers.length > 0) flush();
    },
    finish() {
      finishing = true;
      endWhenDone();
    },
    abandon() {
      over = true;
      answers = [];
      backlog = [];
      backlogFrom = 0;
      for (const ticket of tickets.values()) ticket.abandon();
      tickets.clear();
    },
  };
}

function refusal(number: number, execution: string, reason: string, message: string): StreamedAnswer {
  return { number, execution, status: 'refused', outputJson: '', error: undefined, reason, message };
}
