/**
 * Virtual time: events in the order they are due, delivered one at a time.
 *
 * - Two events of one moment come in the order they were planned, so a run depends on nothing but its seed.
 * - After each event every promise it settled has run before the next comes: a turn of the real event loop lies between.
 */
import type { Machine } from './machine.ts';

export interface PlannedEvent {
  atMs: number;
  readonly order: number;
  readonly kind: string;
  /** Where it happens; nowhere in particular when it is the world's. It vanishes with its machine, and waits while that stands still. */
  readonly machine: Machine | undefined;
  run: (() => void) | undefined;
}

export interface Timeline {
  readonly nowMs: number;
  readonly delivered: number;
  plan(delayMs: number, kind: string, machine: Machine | undefined, run: () => void): PlannedEvent;
  /** Delivers the next event; undefined when there is none. */
  deliver(): PlannedEvent | undefined;
  /** When the next event is due. */
  peekMs(): number;
}

export function createTimeline(): Timeline {
  const heap: PlannedEvent[] = [];
  let nowMs = 0;
  let order = 0;
  let delivered = 0;

  const isBefore = (a: PlannedEvent, b: PlannedEvent): boolean => a.atMs < b.atMs || (a.atMs === b.atMs && a.order < b.order);

  function push(event: PlannedEvent): void {
    heap.push(event);
    for (let index = heap.length - 1; index > 0; ) {
      const parent = (index - 1) >> 1;
      const above = heap[parent] as PlannedEvent;
      if (!isBefore(event, above)) return;
      heap[parent] = event;
      heap[index] = above;
      index = parent;
    }
  }

  function pop(): PlannedEvent | undefined {
    const [first] = heap;
    const last = heap.pop();
    if (first === undefined || last === undefined || heap.length === 0) return first;
    let index = 0;
    for (;;) {
      const left = 2 * index + 1;
      if (left >= heap.length) break;
      const right = left + 1;
      const child = right < heap.length && isBefore(heap[right] as PlannedEvent, heap[left] as PlannedEvent) ? right : left;
      if (!isBefore(heap[child] as PlannedEvent, last)) break;
      heap[index] = heap[child] as PlannedEvent;
      index = child;
    }
    heap[index] = last;
    return first;
  }

  /** What was cancelled, or belonged to a machine that is gone, never happens. */
  function settleTop(): PlannedEvent | undefined {
    for (;;) {
      const [first] = heap;
      if (first === undefined) return undefined;
      if (first.run === undefined || first.machine?.alive === false) {
        pop();
        continue;
      }
      const until = first.machine?.standsUntilMs ?? 0;
      if (until <= first.atMs) return first;
      pop();
      first.atMs = until;
      push(first);
    }
  }

  return {
    get nowMs() {
      return nowMs;
    },
    get delivered() {
      return delivered;
    },
    plan(delayMs, kind, machine, run) {
      const event = { atMs: nowMs + Math.max(0, delayMs), order: order++, kind, machine, run };
      push(event);
      return event;
    },
    peekMs: () => settleTop()?.atMs ?? Infinity,
    deliver() {
      const event = settleTop();
      if (event === undefined) return undefined;
      pop();
      nowMs = Math.max(nowMs, event.atMs);
      delivered++;
      const { run } = event;
      event.run = undefined;
      run?.();
      return event;
    },
  };
}
