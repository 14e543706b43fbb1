/**
 * The slot table and moves of slots as they stand in the bucket `lanes`: reading, and changing by compare-and-set.
 *
 * Owns the keys `table`, `move.<id>` and `plan`. Does not own what they lead to.
 *
 * - A write whose answer is lost is looked at again before anything is decided; what is not known is tried until it is.
 */
import { decodeJson, encodeJson, type Bucket } from '@millrace/bus';
import type { Clock } from '@millrace/clock';
import { MillraceError } from '@millrace/errors';
import { parseSlotTable, type SlotMove, type SlotTable } from '@millrace/identity';

/** What is needed of the bucket `lanes`. */
export type LanesBucket = Pick<Bucket, 'get' | 'put' | 'create' | 'update' | 'delete' | 'watch'>;

export const TABLE_KEY = 'table';
export const MOVE_PREFIX = 'move.';
export const PLAN_KEY = 'plan';

/** Between tries while NATS does not answer, in milliseconds. */
const RETRY_MS = { first: 20, most: 500 } as const;

/**
 * asked: the owner of `from` is to give the slots away. released: its log says that it has. adopted: the log of `to`
 * says that it has them, and so does the table. over: recovery of `to` needs the objects no more; when that of `from`
 * does not either, the entry goes.
 */
export type MovePhase = 'asked' | 'released' | 'adopted' | 'over';

export interface PendingMove extends SlotMove {
  readonly id: string;
  readonly phase: MovePhase;
  /** Names of the objects, once released. */
  readonly objects: readonly string[];
}

/** Where slots shall go: what is left of it follows from the table. */
export interface LanePlan {
  readonly id: string;
  readonly lanes: number;
  /** The lane of every slot. */
  readonly target: readonly number[];
}

export function moveKey(id: string): string {
  return `${MOVE_PREFIX}${id}`;
}

/** The table as the bucket's leader has it; waits while NATS is away. Rejects with the signal's reason. */
export async function readSlotTable(bucket: Pick<LanesBucket, 'get'>, clock: Clock, signal: AbortSignal): Promise<SlotTable> {
  for (let waitMs: number = RETRY_MS.first; ; waitMs = Math.min(waitMs * 2, RETRY_MS.most)) {
    const table = await bucket.get(TABLE_KEY).then(
      (stored) => (stored?.value === undefined ? undefined : parseSlotTable(decodeJson(stored.value))),
      () => undefined,
    );
    if (table !== undefined) return table;
    await clock.sleep(waitMs, signal);
  }
}

export type Change<T> = (current: T) => Promise<T | undefined> | T | undefined;

/**
 * Replaces the value of a key by what `change` makes of it, again when somebody else was first; resolves to the value
 * that stands then. `change` says undefined to leave it as it is. Undefined when there is no readable value.
 */
export async function changeValue<T>(bucket: LanesBucket, key: string, parse: (value: unknown) => T | undefined, change: Change<T>, clock: Clock, signal: AbortSignal): Promise<T | undefined> {
  for (let waitMs: number = RETRY_MS.first; ; waitMs = Math.min(waitMs * 2, RETRY_MS.most)) {
    signal.throwIfAborted();
    try {
      const stored = await bucket.get(key);
      const current = stored?.value === undefined ? undefined : parse(decodeJson(stored.value));
      if (stored === undefined || current === undefined) return undefined;
      const next = await change(current);
      if (next === undefined) return current;
      await bucket.update(key, encodeJson(next), stored.revision);
      return next;
    } catch (error) {
      if (!(error instanceof MillraceError) || (error.reason !== 'revision-conflict' && error.reason !== 'bus-failed')) throw error;
      if (error.reason === 'bus-failed') await clock.sleep(waitMs, signal);
    }
  }
}

/** Reads a move; undefined for what is not one, so that a damaged entry moves nothing. */
export function parseMove(value: unknown): PendingMove | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  const { id, from, to, slots, phase, objects } = value as Readonly<Record<string, unknown>>;
  const isPhase = phase === 'asked' || phase === 'released' || phase === 'adopted' || phase === 'over';
  if (typeof id !== 'string' || typeof from !== 'number' || typeof to !== 'number' || !isPhase) return undefined;
  if (!isListOf(slots, 'number') || !isListOf(objects, 'string')) return undefined;
  return { id, from, to, slots: slots as number[], phase, objects: objects as string[] };
}

export function parsePlan(value: unknown): LanePlan | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  const { id, lanes, target } = value as Readonly<Record<string, unknown>>;
  return typeof id === 'string' && typeof lanes === 'number' && isListOf(target, 'number') ? { id, lanes, target: target as number[] } : undefined;
}

function isListOf(value: unknown, type: 'number' | 'string'): boolean {
  return Array.isArray(value) && value.every((each) => typeof each === type);
}
