/**
 * Group commit: while one batch is being written the next one fills, so that many writers share one durable write
 * and nobody waits for a timer.
 *
 * Invariants
 * 1. At most one batch is under way; items keep their order.
 * 2. Every item settles exactly once, with its batch's result or failure.
 */

export interface GroupCommit<Item, Result> {
  /** Joins the next batch. */
  add(item: Item): Promise<Result>;
  /** Items not settled yet. */
  pending(): number;
}

/** `write` takes at most `itemsMax` items and gives a result for each, in order. */
export function groupCommit<Item, Result>(write: (items: readonly Item[]) => Promise<readonly Result[]>, itemsMax: number): GroupCommit<Item, Result> {
  interface Waiting {
    readonly item: Item;
    readonly resolve: (result: Result) => void;
    readonly reject: (error: unknown) => void;
  }
  const queue: Waiting[] = [];
  let underWay = 0;

  const drain = async (): Promise<void> => {
    while (queue.length > 0) {
      const batch = queue.splice(0, itemsMax);
      underWay = batch.length;
      try {
        const results = await write(batch.map(({ item }) => item));
        batch.forEach(({ resolve }, index) => resolve(results[index] as Result));
      } catch (error) {
        for (const { reject } of batch) reject(error);
      }
    }
    underWay = 0;
  };

  return {
    add(item) {
      return new Promise((resolve, reject) => {
        queue.push({ item, resolve, reject });
        if (underWay === 0) {
          underWay = 1;
          // Whoever adds in the same turn shares the first batch.
          queueMicrotask(() => void drain());
        }
      });
    },
    pending: () => queue.length + underWay,
  };
}
