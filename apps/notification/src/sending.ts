/**
 * The sending stage: claims what is due, a little ahead of the connections, and hands it to the mail server.
 *
 * Owns: how much is claimed ahead, and when. Does not own: single attempts (attempts.ts).
 */
import { randomUUID } from 'node:crypto';
import { createAttempts, type AttemptsOptions } from './attempts.ts';
import { proposeAll, type Deciding, type Made } from './changes.ts';
import type { MailTransport, MailTransports } from './ports.ts';
import type { RateLimit } from './rate-limit.ts';
import { createServerGate } from './server-gate.ts';
import type { Round } from './stage.ts';

/** Deliveries claimed for each connection, so that a connection never waits for the database between two messages. */
export const CLAIMS_PER_CONNECTION = 4;
/** Deliveries put on hold in one round when there is no mail server. */
export const HOLD_BATCH_MAX = 200;
/** How long a delivery is put on hold when there is no mail server, in milliseconds. */
export const HOLD_MS = 60_000;

export interface SendingOptions extends AttemptsOptions {
  readonly owner: string;
  readonly transports: MailTransports;
  readonly rate: RateLimit;
  /** Wakes the stage: at once, or at that time. */
  wake(atMs?: number): void;
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
  const attempts = createAttempts({
    ...options,
    onAttempt(result, durationMs) {
      gate.report(result.serverUsable);
      options.onAttempt(result, durationMs);
    },
  });

  const begin = ({ record, commands }: Made, transport: MailTransport, claimedAt: number): void => {
    for (const command of commands) {
      if (command.kind !== 'send') continue;
      const { token } = command;
      const flight = attempts.run({ record, token, claimedAt }, transport).finally(() => {
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
      attempts.endAll();
      await before(landed(), withinMs);
      attempts.abandon();
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
