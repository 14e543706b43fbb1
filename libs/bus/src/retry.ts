/**
 * Waiting for JetStream: which of its failures pass by themselves, and repeating until they have.
 */
import { JetStreamApiError } from '@nats-io/jetstream';
import { errors } from '@nats-io/transport-node';
import { MillraceError } from '@millrace/errors';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Bus } from './connection.ts';

const RETRY_MIN_MS = 50;
const RETRY_MAX_MS = 2_000;
/** The log hears of an outage this often, in milliseconds. */
const COMPLAIN_EVERY_MS = 5_000;

/** Codes of JetStream's API (github.com/nats-io/nats-server, server/errors.json). */
const WRONG_LAST_SEQUENCE: ReadonlySet<number> = new Set([10071, 10164]);
const STREAM_NOT_FOUND = 10059;
/** Not enough servers for the copies that are wanted: so it is while a cluster is coming up. */
const NO_SUITABLE_PEERS = 10005;

/** Whether a compare-and-set lost, or the first write of a key was not the first. */
export function isConflict(error: unknown): boolean {
  return error instanceof JetStreamApiError && WRONG_LAST_SEQUENCE.has(error.code);
}

/** Whether the stream (or bucket) does not exist. */
export function isStreamMissing(error: unknown): boolean {
  return error instanceof JetStreamApiError && error.code === STREAM_NOT_FOUND;
}

/** Whether the same request may succeed a moment later: nobody answered, or JetStream is not ready. */
export function isPassing(error: unknown): boolean {
  if (error instanceof JetStreamApiError) return error.status === 503 || error.code === NO_SUITABLE_PEERS;
  if (error instanceof errors.ClosedConnectionError || error instanceof errors.DrainingConnectionError) return false;
  // A timeout, nobody listening on JetStream's subjects, a link that broke: all end with the outage.
  return (
    error instanceof errors.TimeoutError ||
    error instanceof errors.NoRespondersError ||
    error instanceof errors.RequestError ||
    error instanceof errors.ConnectionError ||
    // What the client makes of "nobody answers": a stream whose leader is being elected looks like that too.
    (error instanceof Error && error.name === 'JetStreamNotEnabled')
  );
}

/**
 * Repeats an idempotent operation until JetStream has answered it.
 *
 * @throws MillraceError `bus-failed` when it was refused for good or the bus was closed.
 */
export async function untilAnswered<T>(bus: Bus, what: string, operation: () => Promise<T>): Promise<T> {
  let waitMs = RETRY_MIN_MS;
  let complainAtMs = performance.now() + COMPLAIN_EVERY_MS;
  for (;;) {
    try {
      return await operation();
    } catch (error) {
      if (!isPassing(error) || bus.status() === 'closed') {
        throw MillraceError.from(error, 'bus-failed', { message: `${what} failed: ${messageOf(error)}` });
      }
      if (performance.now() >= complainAtMs) {
        bus.logger.warn('JetStream does not answer', { what, error });
        complainAtMs = performance.now() + COMPLAIN_EVERY_MS;
      }
    }
    await sleep(waitMs);
    waitMs = Math.min(waitMs * 2, RETRY_MAX_MS);
  }
}

/** The message of whatever was thrown. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
