/**
 * Timers of one lane in the order they are due: a binary heap of (due, execution, activation).
 *
 * An entry that does not hold any more may stay until it is due, or until all are looked at: who takes it looks.
 */
export interface Due {
  readonly dueMs: number;
  readonly execution: string;
  readonly activation: number;
}

export interface DueQueue {
  readonly size: number;
  push(due: Due): void;
  /** The earliest, which stays. */
  peek(): Due | undefined;
  /** Takes the earliest when it is due at `nowMs`. */
  take(nowMs: number): Due | undefined;
  /** Removes all entries but those that hold. */
  keep(holds: (due: Due) => boolean): void;
}

export function createDueQueue(): DueQueue {
  let heap: Due[] = [];
  const at = (index: number): Due => heap[index] as Due;
  function swap(a: number, b: number): void {
    const held = at(a);
    heap[a] = at(b);
    heap[b] = held;
  }
  function sink(from: number): void {
    for (let index = from; ; ) {
      const left = 2 * index + 1;
      let least = index;
      if (left < heap.length && at(left).dueMs < at(least).dueMs) least = left;
      if (left + 1 < heap.length && at(left + 1).dueMs < at(least).dueMs) least = left + 1;
      if (least === index) return;
      swap(index, least);
      index = least;
    }
  }
  return {
    get size() {
      return heap.length;
    },
    push(due) {
      heap.push(due);
      for (let index = heap.length - 1; index > 0; ) {
        const parent = (index - 1) >> 1;
        if (at(parent).dueMs <= at(index).dueMs) return;
        swap(parent, index);
        index = parent;
      }
    },
    peek: () => heap[0],
    take(nowMs) {
      const first = heap[0];
      if (first === undefined || first.dueMs > nowMs) return undefined;
      const last = heap.pop() as Due;
      if (heap.length > 0) {
        heap[0] = last;
        sink(0);
      }
      return first;
    },
    keep(holds) {
      heap = heap.filter(holds);
      for (let index = (heap.length >> 1) - 1; index >= 0; index--) sink(index);
    },
  };
}
