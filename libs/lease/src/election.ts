/**
 * Who is the authority: one instance at a time, by a renewed entry in the bucket `limits`.
 *
 * Owns taking, renewing and giving up the seat. Does not own what the authority does.
 *
 * N1 Every change of the entry is a compare-and-set, so a seat is taken from what was seen and nothing else.
 * N2 The holder's term counts from before an acknowledged renewal was sent; others wait a whole term and a
 *    margin after the renewal they saw last, by their own clocks, and only while their watch is in touch. So
 *    a term has ended before the next begins.
 * N3 Leases given in one term may be live in the next: the new holder learns first (the core's A4).
 */
import type { Bucket } from '@millrace/bus';
import type { Cancel, Clock } from '@millrace/clock';
import { MillraceError } from '@millrace/errors';
import type { Logger } from '@millrace/telemetry';
import { AUTHORITY_KEY, decodeAuthority, encodeAuthority, type AuthorityEntry } from './limits-bucket.ts';

/** How long the seat is held after a renewal, in milliseconds. */
export const TERM_MS = 2_500;
/** Others wait this much longer, in milliseconds. */
export const TERM_MARGIN_MS = 500;
/** Time between renewals, in milliseconds. */
export const RENEW_MS = 1_000;
const TURN_MS = 200;
const WRITE_TIMEOUT_MS = 1_000;

/** This process, once it can be reached. */
export interface Candidate {
  readonly instance: string;
  readonly incarnation: string;
  readonly address: string;
}

export interface ElectionOptions {
  readonly bucket: Pick<Bucket, 'get' | 'update'>;
  /** Undefined until others can reach this process. */
  readonly candidate: () => Candidate | undefined;
  readonly clock: Clock;
  readonly logger: Logger;
  /** `predecessor`: somebody held the seat before, ever. */
  readonly onElected: (predecessor: boolean) => void;
  readonly onDeposed: () => void;
}

export interface Election {
  /** Begins to campaign. `isFresh`: whether the watch that tells `take` is in touch. */
  start(isFresh: () => boolean): void;
  /** The entry as the bucket has it now. */
  take(value: Uint8Array | undefined, revision: number): void;
  /** Whether this process holds the seat at this moment. */
  leading(): boolean;
  /** Who holds it, as far as is known. */
  holder(): AuthorityEntry | undefined;
  /** Gives the seat up so that another takes it at once. */
  close(): Promise<void>;
}

/** An election that nobody has entered yet: see `start`. */
export function createElection(options: ElectionOptions): Election {
  const { bucket, candidate, clock, logger, onElected, onDeposed } = options;
  let seen: { readonly entry: AuthorityEntry | undefined; readonly revision: number } = { entry: undefined, revision: 0 };
  let seenAtMs = clock.monotonicMs();
  let mine: { entry: AuthorityEntry; revision: number; untilMs: number; renewedAtMs: number } | undefined;
  let closed = false;
  let busy: Promise<void> | undefined;

  const leading = (): boolean => mine !== undefined && clock.monotonicMs() < mine.untilMs;

  function depose(why: string): void {
    if (mine === undefined) return;
    mine = undefined;
    seenAtMs = clock.monotonicMs();
    logger.warn('This instance is no longer the authority', { why });
    onDeposed();
  }

  async function campaign(self: Candidate): Promise<void> {
    const { entry: before, revision } = seen;
    const entry: AuthorityEntry = { ...self, epoch: (before?.epoch ?? 0) + 1, renewal: 0, released: false };
    const sentAtMs = clock.monotonicMs();
    const taken = await bucket.update(AUTHORITY_KEY, encodeAuthority(entry), revision, { timeoutMs: WRITE_TIMEOUT_MS });
    mine = { entry, revision: taken, untilMs: sentAtMs + TERM_MS, renewedAtMs: sentAtMs };
    if (closed) return;
    logger.info('This instance is the authority', { epoch: entry.epoch, before: before?.instance });
    onElected(before !== undefined);
  }

  async function renew(held: NonNullable<typeof mine>): Promise<void> {
    const sentAtMs = clock.monotonicMs();
    const entry = { ...held.entry, renewal: held.entry.renewal + 1 };
    try {
      const revision = await bucket.update(AUTHORITY_KEY, encodeAuthority(entry), held.revision, { timeoutMs: WRITE_TIMEOUT_MS });
      Object.assign(held, { entry, revision, untilMs: sentAtMs + TERM_MS, renewedAtMs: sentAtMs });
    } catch (error) {
      if (!(error instanceof MillraceError) || error.reason !== 'revision-conflict') throw error;
      // Either a renewal of ours whose answer was lost, or somebody else's entry.
      const stored = await bucket.get(AUTHORITY_KEY);
      const standing = stored?.value === undefined ? undefined : decodeAuthority(stored.value);
      if (stored !== undefined && standing?.incarnation === entry.incarnation && standing.epoch === entry.epoch) {
        Object.assign(held, { entry: standing, revision: stored.revision });
      } else depose('another instance took the seat');
    }
  }

  async function turn(isFresh: () => boolean): Promise<void> {
    const nowMs = clock.monotonicMs();
    if (mine !== undefined) {
      if (nowMs - mine.renewedAtMs >= RENEW_MS) await renew(mine);
      return;
    }
    if (!isFresh()) {
      seenAtMs = nowMs;
      return;
    }
    const self = candidate();
    if (self === undefined) return;
    const { entry } = seen;
    const vacant = entry === undefined || entry.released || entry.incarnation === self.incarnation;
    if (vacant || nowMs - seenAtMs >= TERM_MS + TERM_MARGIN_MS) await campaign(self);
  }

  function takeTurn(isFresh: () => boolean): void {
    if (closed) return;
    // Also while a renewal waits for its answer: by then another may have the seat.
    if (mine !== undefined && clock.monotonicMs() >= mine.untilMs) depose('the term ended without a renewal');
    if (busy !== undefined) return;
    busy = turn(isFresh)
      .catch((error: unknown) => logger.debug('A write for the seat of the authority failed', { error }))
      .finally(() => (busy = undefined));
  }
  let stop: Cancel | undefined;

  return {
    start(isFresh) {
      stop ??= clock.every(TURN_MS, () => takeTurn(isFresh));
    },
    take(value, revision) {
      if (revision === seen.revision) return;
      seen = { entry: value === undefined ? undefined : decodeAuthority(value), revision };
      seenAtMs = clock.monotonicMs();
      // Not from within: a write of ours that is under way decides first.
      if (mine !== undefined && busy === undefined && seen.entry?.incarnation !== mine.entry.incarnation) depose('another instance took the seat');
    },
    leading,
    holder: () => mine?.entry ?? seen.entry,
    async close() {
      closed = true;
      stop?.();
      await busy;
      const held = mine;
      if (held === undefined) return;
      mine = undefined;
      onDeposed();
      const entry = { ...held.entry, released: true };
      await bucket.update(AUTHORITY_KEY, encodeAuthority(entry), held.revision, { timeoutMs: WRITE_TIMEOUT_MS }).catch((error: unknown) => {
        logger.info('The seat of the authority was not given up; it becomes free when the term ends', { error });
      });
    },
  };
}
