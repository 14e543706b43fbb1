/**
 * How much work may be under way at once between the fair queue and the journal: as much as keeps everybody busy, and
 * no more.
 *
 * A step is under way from when it leaves the queue until the frame with its result is durable. Whatever is under way
 * stands in plain queues (a worker's, the lane's mailbox) in which an organisation that sends much delays all others;
 * what waits in the fair queue does not. So the window is kept as small as the work allows (T2). It is counted in core
 * microseconds, as the fair queue counts, not in steps: twenty heavy ones delay others as much as a thousand light ones.
 *
 * Owns the size. Does not own what is under way (scheduler.ts counts), nor workers' own credits, which bound it too.
 *
 * - The measure is a step's overhead: the time under way without the work itself, by this process' clock and the
 *   length of the work by its worker's: clocks need not agree. Slow work is no overhead.
 * - Above the least overhead that was seen lately plus OVERHEAD_MS the window shrinks in proportion; while it is the
 *   limit and overhead is below, it grows.
 */

/**
 * Work under way, in core microseconds: at first, and the bounds of the window. The least is several times what keeps
 * a lane busy (a thousand light steps), since overhead has other causes too (a rush of starts, say), against which a
 * smaller window does nothing but cost.
 */
export const WINDOW = { first: 60_000, least: 30_000, most: 2_000_000 } as const;
/** Overhead that is aimed at, above what a step has when nothing waits, in milliseconds. */
export const OVERHEAD_MS = 60;
/** Between two adjustments, in milliseconds: one full turn of what is under way, within these. */
const INTERVAL_MS = { least: 20, most: 500 } as const;
/** How long the least overhead is remembered, in milliseconds: half of this to all of it. */
const BASE_MS = 30_000;
/** The most that one adjustment takes away, and what it adds. */
const SHRINK_MOST = 0.6;
const GROW = { factor: 1.0625, by: 500 } as const;

export interface FlowWindow {
  /** Core microseconds. */
  readonly size: number;
  /** Whether one more may leave with so much under way; remembers that the window was the limit when not. */
  hasRoom(underWay: number): boolean;
  /** A step's result is durable. */
  sample(overheadMs: number, nowMs: number): void;
}

export function createFlowWindow(): FlowWindow {
  let size: number = WINDOW.first;
  let limited = false;
  let sum = 0;
  let count = 0;
  let sinceMs = 0;
  /** The least of the present and of the last half of BASE_MS. */
  let least = Infinity;
  let leastBefore = Infinity;
  let halfSinceMs = 0;

  function adjust(averageMs: number): void {
    const aimMs = Math.min(least, leastBefore) + OVERHEAD_MS;
    if (averageMs > aimMs) size = Math.max(WINDOW.least, Math.floor(size * Math.max(SHRINK_MOST, aimMs / averageMs)));
    else if (limited) size = Math.min(WINDOW.most, Math.ceil(size * GROW.factor) + GROW.by);
    limited = false;
  }

  return {
    get size() {
      return size;
    },
    hasRoom(underWay) {
      if (underWay < size) return true;
      limited = true;
      return false;
    },
    sample(overheadMs, nowMs) {
      // A clock that was set is no measure.
      if (!(overheadMs >= 0)) return;
      sum += overheadMs;
      count++;
      least = Math.min(least, overheadMs);
      const averageMs = sum / count;
      if (nowMs - sinceMs < Math.min(INTERVAL_MS.most, Math.max(INTERVAL_MS.least, averageMs))) return;
      adjust(averageMs);
      sum = 0;
      count = 0;
      sinceMs = nowMs;
      if (nowMs - halfSinceMs < BASE_MS / 2) return;
      halfSinceMs = nowMs;
      leastBefore = least;
      least = Infinity;
    },
  };
}
