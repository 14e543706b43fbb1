/**
 * The sending stage: claims what is due, a little ahead of the connections, and hands it to the mail server.
 *
 * Owns: how much is claimed ahead, each attempt's time limit, and storing each outcome.
 * Does not own: SMTP (the transport does), and what an outcome means (the core does).
 *
 * Invariants
 * N5 An attempt begins only under a stored claim (N3), soon after it, and is ended before the claim's lease runs out,
 *    by the monotonic clock: a process that was stopped meanwhile begins nothing under an old claim.
 * N6 However long a message waited for a connection, it has the whole time of an attempt once it has one: a slow
 *    server makes messages wait, not outcomes unknown.
 */
import { randomUUID } from 'node:crypto';
import { classify, type DeliveryEvent } from '@millrace/delivery';
import { persist, proposeAll, type Deciding, type Made } from './changes.ts';
import type { GroupCommit } from './group-commit.ts';
import type { Change, DeliveryRecord, MailTransport, MailTransports, SendResult } from './ports.ts';
import type { RateLimit } from './rate-limit.ts';
import { createServerGate } from './server-gate.ts';
import type { Round } from './stage.ts';

/** Deliveries claimed for each connection, so that a connection never waits for the database between two messages. */
export const CLAIMS_PER_CONNECTION = 4;
/** How long a claimed delivery may wait for a connection before it is given back, in milliseconds. */
export const CLAIM_WAIT_MS = 5_000;
/** Deliveries put on hold in one round when there is no mail server. */
export const HOLD_BATCH_MAX = 200;
/** How long a delivery is put on hold when there is no mail server, in milliseconds. */
export const HOLD_MS = 60_000;

export interface SendingOptions {
  readonly owner: string;
  readonly deciding: Deciding;
  readonly writes: GroupCommit<Change, boolean>;
  readonly transports: MailTransports;
  readonly rate: RateLimit;
  /** How long one attempt may take once a connection has it, in milliseconds. With CLAIM_WAIT_MS less than the lease. */
  readonly sendTimeoutMs: number;
  /** Wakes the stage: at once, or at that time. */
  wake(atMs?: number): void;
  onAttempt(result: SendResult, durationMs: number): void;
  /** The core did not take the outcome: somebody else has had the delivery meanwhile. */
  onDisplaced(record: DeliveryRecord): void;
}

export interface Sending {
  round(): Promise<Round>;
  /** Whether an attempt under that token is under way here. */
  holdsHere(token: string): boolean;
  inFlight(): number;
  /** Waits for the attempts under way; after `withinMs` ends them, so that what was not begun goes back at once. */
  finish(withinMs: number): Promise<void>;
}

export function createSending(options: SendingOptions): Sending {
  const { deciding, transports, rate } = options;
  const flights = new Map<string, Promise<void>>();
  const gate = createServerGate(deciding.now);
  /** Messages that a connection has at the moment. */
  let begun = 0;
  const ending = new AbortController();
  /** Ends waiting for the store as well, after the attempts themselves were ended. */
  const abandoning = new AbortController();

  const attempt = async (record: DeliveryRecord, token: string, transport: MailTransport, claimedAt: number): Promise<void> => {
    const waitMs = CLAIM_WAIT_MS - (performance.now() - claimedAt);
    if (waitMs <= 0 || record.message === undefined) {
      await persist({ record, event: { kind: 'released', token } }, deciding, options.writes, abandoning.signal);
      return;
    }
    const startedAt = performance.now();
    const limit = new AbortController();
    let timer = setTimeout(() => limit.abort(), waitMs);
    const result = await transport.send(
      { deliveryId: record.id, messageId: record.messageId, recipient: record.recipient, message: record.message, dateMs: record.delivery.createdAtMs },
      AbortSignal.any([limit.signal, ending.signal]),
      () => {
        begun += 1;
        clearTimeout(timer);
        timer = setTimeout(() => limit.abort(), options.sendTimeoutMs);
      },
    );
    clearTimeout(timer);
    if (result.begun) begun -= 1;
    // What waited in vain while others had the connections, or is broken off because this instance stops, costs no
    // attempt and says nothing of the server.
    const crowdedOut = limit.signal.aborted && !result.begun && begun > 0;
    const brokenOff = result.answer.kind === 'lost-before-end' && (ending.signal.aborted || crowdedOut);
    if (!brokenOff) {
      options.onAttempt(result, performance.now() - startedAt);
      gate.report(result.serverUsable);
    }
    const event: DeliveryEvent = brokenOff ? { kind: 'released', token } : { kind: 'answered', token, verdict: classify(result.answer) };
    const outcome = await persist({ record, event }, deciding, options.writes, abandoning.signal);
    if (outcome?.kind === 'refused') options.onDisplaced(record);
  };

  const begin = ({ record, commands }: Made, transport: MailTransport, claimedAt: number): void => {
    for (const command of commands) {
      if (command.kind !== 'send') continue;
      const { token } = command;
      const flight = attempt(record, token, transport, claimedAt).finally(() => {
        flights.delete(token);
        options.wake();
      });
      flights.set(token, flight);
    }
  };

  return {
    async round() {
      const nowMs = deciding.now();
      // One way out for all today; a way for each organisation makes this a round for each of them.
      const transport = transports.of('');
      if (transport === undefined) return hold(deciding, nowMs);
      const window = transport.concurrency * CLAIMS_PER_CONNECTION;
      // Half full is full enough: claims are made in batches, not one for each message that ends.
      if (flights.size > window / 2) return 'idle';
      const allowed = gate.allowance(Math.min(window - flights.size, rate.available()), flights.size);
      if (allowed <= 0) {
        const opensAtMs = gate.opensAtMs();
        if (opensAtMs !== undefined && opensAtMs > nowMs) options.wake(opensAtMs);
        else if (rate.available() === 0) options.wake(rate.nextAtMs());
        return 'idle';
      }
      const due = await deciding.store.due(['queued', 'deferred'], nowMs, allowed);
      if (due.length === 0) {
        const nextMs = await deciding.store.nextDueMs(['queued', 'deferred']);
        if (nextMs !== undefined) options.wake(nextMs);
        return 'idle';
      }
      const claimedAt = performance.now();
      const claimed = await proposeAll(
        due.map((record) => ({ record, event: { kind: 'claim', owner: options.owner, token: randomUUID() } })),
        deciding,
      );
      rate.take(claimed.length);
      for (const one of claimed) begin(one, transport, claimedAt);
      return 'more';
    },
    holdsHere: (token) => flights.has(token),
    inFlight: () => flights.size,
    async finish(withinMs) {
      const landed = async (): Promise<void> => {
        while (flights.size > 0) await Promise.allSettled(flights.values());
      };
      await before(landed(), withinMs);
      ending.abort();
      await before(landed(), withinMs);
      abandoning.abort();
      await landed();
    },
  };
}

/** Without a mail server deliveries wait, and say so. */
async function hold(deciding: Deciding, nowMs: number): Promise<Round> {
  const due = await deciding.store.due(['queued', 'deferred'], nowMs, HOLD_BATCH_MAX);
  const detail = 'no mail server is configured; set MILLRACE_SMTP_URL for the notification service';
  await proposeAll(
    due.map((record) => ({ record, event: { kind: 'hold', detail, untilMs: nowMs + HOLD_MS } })),
    deciding,
  );
  return due.length === HOLD_BATCH_MAX ? 'more' : 'idle';
}

async function before(work: Promise<void>, withinMs: number): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  await Promise.race([work, new Promise<void>((resolve) => (timer = setTimeout(resolve, withinMs)))]);
  clearTimeout(timer);
}
