/**
 * What owners may hold of strict limits, written down where the next authority finds it (the core's A5).
 *
 * Owns the one value of the bucket `permits`: reading it at the beginning of a term, writing it while the term lasts. Does
 * not own the decisions, nor who is the authority.
 *
 * - K1 What `secure` affirms stands in the bucket: an amount counts from when its write was acknowledged, and no longer
 *   from when a lower one was sent.
 * - K2 A term begins by writing what was read anew, with its epoch. A write of a former term that is still under way then
 *   fails; none of that time is affirmed any more, for its authority grants nothing after its term.
 * - K3 One write at a time; what changes meanwhile goes into the next.
 */
import { decodeJson, encodeJson, type Bucket } from '@millrace/bus';
import type { Clock } from '@millrace/clock';
import { MillraceError } from '@millrace/errors';
import type { StrictHolding } from '@millrace/fairness';
import type { Logger } from '@millrace/telemetry';

/** The key of the record. */
export const STRICT_KEY = 'strict';
/** How often amounts that are held no more are taken out, in milliseconds. */
export const LOWER_MS = 10_000;
/** Pairs of owner and organisation in a record; more wait until others are taken out. Their value stays below 1 MiB. */
export const HOLDINGS_MAX = 10_000;
/** Time between attempts, in milliseconds. */
const RETRY_MS = 200;
const WRITE_TIMEOUT_MS = 1_000;

export interface StrictRecordOptions {
  /** The bucket `permits`. */
  readonly bucket: Pick<Bucket, 'get' | 'update'>;
  readonly clock: Clock;
  readonly logger: Logger;
  /** The epoch of the term that this process holds at this moment; undefined when it holds none. */
  readonly term: () => number | undefined;
  /** What may be held of strict limits now. */
  readonly holdings: () => readonly StrictHolding[];
  /** A term has begun: what its predecessor wrote. */
  readonly onRead: (holdings: readonly StrictHolding[]) => void;
  /** More is affirmed than before. */
  readonly onWritten: () => void;
}

export interface StrictRecord {
  /** This process is the authority now. */
  begin(): void;
  /** Whether the record says that the owner may hold so many; when not, it will. */
  secure(owner: string, organisation: string, permits: number): boolean;
  /** Lets time pass: takes out what is held no more. */
  advance(): void;
}

interface StoredRecord {
  readonly epoch: number;
  readonly holdings: readonly StrictHolding[];
}

/** A record of no term yet. */
export function createStrictRecord({ bucket, clock, logger, term, holdings, onRead, onWritten }: StrictRecordOptions): StrictRecord {
  /** By owner and organisation: what shall stand there, and what surely does (K1). */
  let wanted = new Map<string, StrictHolding>();
  let affirmed = new Map<string, number>();
  let revision = 0;
  let epoch: number | undefined;
  let isDue = false;
  let isRead = false;
  let isClaimed = false;
  /** The term whose work is in progress. */
  let working: number | undefined;
  let loweredAtMs = 0;

  /** Reads and claims the record for the term; false when another has it. */
  async function claim(mine: number): Promise<boolean> {
    const stored = await bucket.get(STRICT_KEY);
    const before = stored?.value === undefined ? { epoch: 0, holdings: [] } : decodeRecord(stored.value);
    if (before.epoch > mine) return false;
    const made = await bucket.update(STRICT_KEY, encodeRecord({ epoch: mine, holdings: before.holdings }), stored?.revision ?? 0, { timeoutMs: WRITE_TIMEOUT_MS });
    if (epoch !== mine) return false;
    revision = made;
    affirmed = amountsOf(before.holdings);
    for (const each of before.holdings) if (each.permits > (wanted.get(keyOf(each))?.permits ?? 0)) wanted.set(keyOf(each), each);
    if (!isRead) {
      isRead = true;
      loweredAtMs = clock.monotonicMs();
      onRead(before.holdings);
    }
    onWritten();
    return true;
  }

  async function write(mine: number): Promise<void> {
    const list = [...wanted.values()];
    const next = amountsOf(list);
    for (const [key, permits] of affirmed) affirmed.set(key, Math.min(permits, next.get(key) ?? 0));
    isDue = false;
    try {
      const made = await bucket.update(STRICT_KEY, encodeRecord({ epoch: mine, holdings: list }), revision, { timeoutMs: WRITE_TIMEOUT_MS });
      if (epoch !== mine) return;
      revision = made;
      affirmed = next;
      onWritten();
    } catch (error) {
      isDue = true;
      throw error;
    }
  }

  /** Works while the term lasts and there is something to write. */
  async function work(mine: number): Promise<void> {
    try {
      while (epoch === mine && term() === mine && (!isClaimed || isDue)) if (!(await attempt(mine))) return;
    } finally {
      // In the turn in which it was seen that nothing is due: what becomes due afterwards begins anew.
      if (working === mine) working = undefined;
    }
  }

  /** False when another term has the record. */
  async function attempt(mine: number): Promise<boolean> {
    try {
      if (isClaimed) await write(mine);
      else if (await claim(mine)) isClaimed = true;
      else return false;
    } catch (error) {
      if (epoch !== mine) return false;
      // Whether an answer was lost or somebody else wrote: what stands there is read again.
      isClaimed = false;
      if (error instanceof MillraceError && error.reason === 'revision-conflict') return true;
      logger.debug('What owners hold of strict limits could not be written down', { error });
      await clock.sleep(RETRY_MS);
    }
    return true;
  }

  function soon(): void {
    const mine = epoch;
    if (mine === undefined || working === mine) return;
    working = mine;
    void work(mine);
  }

  return {
    begin() {
      epoch = term();
      wanted = new Map();
      affirmed = new Map();
      isDue = false;
      isRead = false;
      isClaimed = false;
      soon();
    },
    secure(owner, organisation, permits) {
      const key = keyOf({ owner, organisation });
      if ((affirmed.get(key) ?? 0) >= permits) return true;
      if ((wanted.get(key)?.permits ?? 0) < permits && (wanted.has(key) || wanted.size < HOLDINGS_MAX)) {
        wanted.set(key, { owner, organisation, permits });
        isDue = true;
        soon();
      }
      return false;
    },
    advance() {
      const nowMs = clock.monotonicMs();
      if (!isRead || nowMs - loweredAtMs < LOWER_MS) return;
      loweredAtMs = nowMs;
      const held = new Map(holdings().map((each) => [keyOf(each), each]));
      isDue ||= [...wanted].some(([key, { permits }]) => permits !== held.get(key)?.permits) || [...held].some(([key]) => !wanted.has(key));
      wanted = new Map([...held].slice(0, HOLDINGS_MAX));
      if (isDue) soon();
    },
  };
}

function keyOf({ owner, organisation }: Pick<StrictHolding, 'owner' | 'organisation'>): string {
  return `${organisation} ${owner}`;
}

function amountsOf(holdings: readonly StrictHolding[]): Map<string, number> {
  return new Map(holdings.map((each) => [keyOf(each), each.permits]));
}

function encodeRecord({ epoch, holdings }: StoredRecord): Uint8Array {
  return encodeJson({ epoch, held: holdings.map(({ owner, organisation, permits }) => [owner, organisation, permits]) });
}

function decodeRecord(value: Uint8Array): StoredRecord {
  const { epoch, held } = decodeJson(value) as { readonly epoch: number; readonly held: readonly (readonly [string, string, number])[] };
  return { epoch, holdings: held.map(([owner, organisation, permits]) => ({ owner, organisation, permits })) };
}
