/**
 * Timers of one lane in the order they are due: a binary heap of (due, execution, activation).
 *
 * An entry is never removed early: who takes it looks whether it still holds.
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
}

export function createDueQueue(): DueQueue {
  const heap: Due[] = [];
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
  };
}
