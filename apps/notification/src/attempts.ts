/**
 * Single attempts: from a stored claim to a stored outcome.
 *
 * Invariants
 * N5 An attempt begins only under a stored claim (N3), soon after it, and is ended before the claim's lease runs out,
 *    by the monotonic clock: a process that was stopped meanwhile begins nothing under an old claim.
 * N6 However long a message waited for a connection, it has the whole time of an attempt once it has one: a slow
 *    server makes messages wait, not outcomes unknown.
 */
import { classify, type DeliveryEvent } from '@millrace/delivery';
import { persist, type Deciding } from './changes.ts';
import type { GroupCommit } from './group-commit.ts';
import type { Change, DeliveryRecord, MailTransport, SendResult } from './ports.ts';

/** How long a claimed delivery may wait for a connection before it is given back, in milliseconds. */
export const CLAIM_WAIT_MS = 5_000;

export interface AttemptsOptions {
  readonly deciding: Deciding;
  readonly writes: GroupCommit<Change, boolean>;
  /** How long one attempt may take once a connection has it, in milliseconds. With CLAIM_WAIT_MS less than the lease. */
  readonly sendTimeoutMs: number;
  /** An attempt has ended that says something about the server. */
  onAttempt(result: SendResult, durationMs: number): void;
  /** The core did not take the outcome: somebody else has had the delivery meanwhile. */
  onDisplaced(record: DeliveryRecord): void;
}

/** A claimed delivery. `claimedAt` is of the monotonic clock, from before the claim was stored. */
export interface Claimed {
  readonly record: DeliveryRecord;
  readonly token: string;
  readonly claimedAt: number;
}

export interface Attempts {
  /** Resolves when the outcome is stored, or nobody wants it any more. */
  run(claimed: Claimed, transport: MailTransport): Promise<void>;
  /** Ends the attempts under way; what was not handed over goes back. */
  endAll(): void;
  /** Waits no longer for a store that is away; leases do the rest. */
  abandon(): void;
}

export function createAttempts(options: AttemptsOptions): Attempts {
  const ending = new AbortController();
  const abandoning = new AbortController();
  /** Messages that a connection has at the moment. */
  let begun = 0;

  const settle = async (record: DeliveryRecord, event: DeliveryEvent): Promise<void> => {
    const outcome = await persist({ record, event }, options.deciding, options.writes, abandoning.signal);
    if (outcome?.kind === 'refused') options.onDisplaced(record);
  };

  /** Sends within the limits: so long until a connection has it, and so long from then on. */
  const send = async ({ record, claimedAt }: Claimed, transport: MailTransport, message: NonNullable<DeliveryRecord['message']>): Promise<{ readonly result: SendResult; readonly timedOut: boolean }> => {
    const limit = new AbortController();
    let timer = setTimeout(() => limit.abort(), Math.max(0, CLAIM_WAIT_MS - (performance.now() - claimedAt)));
    const result = await transport.send(
      { deliveryId: record.id, messageId: record.messageId, recipient: record.recipient, message, dateMs: record.delivery.createdAtMs },
      AbortSignal.any([limit.signal, ending.signal]),
      () => {
        begun += 1;
        clearTimeout(timer);
        // The process may have been stopped since the claim; its timers did not run then.
        if (performance.now() - claimedAt > CLAIM_WAIT_MS) limit.abort();
        else timer = setTimeout(() => limit.abort(), options.sendTimeoutMs);
      },
    );
    clearTimeout(timer);
    if (result.begun) begun -= 1;
    return { result, timedOut: limit.signal.aborted };
  };

  return {
    async run(claimed, transport) {
      const { record, token, claimedAt } = claimed;
      if (record.message === undefined || performance.now() - claimedAt > CLAIM_WAIT_MS) {
        return settle(record, { kind: 'released', token });
      }
      const startedAt = performance.now();
      const { result, timedOut } = await send(claimed, transport, record.message);
      // What waited in vain while others had the connections, or is broken off because this instance stops, costs no
      // attempt and says nothing of the server.
      const crowdedOut = timedOut && !result.begun && begun > 0;
      if (result.answer.kind === 'lost-before-end' && (ending.signal.aborted || crowdedOut)) {
        return settle(record, { kind: 'released', token });
      }
      options.onAttempt(result, performance.now() - startedAt);
      return settle(record, { kind: 'answered', token, verdict: classify(result.answer) });
    },
    endAll: () => ending.abort(),
    abandon: () => abandoning.abort(),
  };
}
