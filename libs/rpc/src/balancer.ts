/**
 * Which instance gets the next call: the one with the fewest calls outstanding, among those that are not
 * draining and did not just fail. Keeps counts only; opens nothing.
 */
import type { Instance } from '@millrace/bus';

/** An instance that could not be reached is passed over for this long, in milliseconds, while there are others. */
export const AVOID_MS = 1_000;

export interface Balancer {
  /** The best of `instances` outside `tried`; undefined when there is none. */
  pick(instances: readonly Instance[], tried?: ReadonlySet<string>): Instance | undefined;
  /** Counts a call; the function returned ends it, saying whether the instance was reached. */
  begin(address: string): (reached: boolean) => void;
  /** Calls under way to an address. */
  outstanding(address: string): number;
}

/** Makes a balancer; `nowMs` is a monotonic clock. */
export function createBalancer(nowMs: () => number = () => performance.now()): Balancer {
  const outstanding = new Map<string, number>();
  const avoidUntilMs = new Map<string, number>();
  // Where the search begins moves on, so that idle instances take turns.
  let turn = 0;

  const count = (address: string): number => outstanding.get(address) ?? 0;

  return {
    pick: (instances, tried) => {
      const now = nowMs();
      turn = (turn + 1) % 0x3fffffff;
      let best: Instance | undefined;
      let bestScore = Number.POSITIVE_INFINITY;
      for (let index = 0; index < instances.length; index += 1) {
        const candidate = instances[(index + turn) % instances.length];
        const address = candidate?.addresses.grpc;
        if (candidate === undefined || address === undefined || candidate.draining || tried?.has(address)) continue;
        // One that just failed comes after all others, and is still better than none.
        const score = count(address) + ((avoidUntilMs.get(address) ?? 0) > now ? Number.MAX_SAFE_INTEGER / 2 : 0);
        if (score >= bestScore) continue;
        best = candidate;
        bestScore = score;
      }
      return best;
    },
    begin: (address) => {
      outstanding.set(address, count(address) + 1);
      let over = false;
      return (reached) => {
        if (over) return;
        over = true;
        const left = count(address) - 1;
        if (left > 0) outstanding.set(address, left);
        else outstanding.delete(address);
        if (reached) avoidUntilMs.delete(address);
        else avoidUntilMs.set(address, nowMs() + AVOID_MS);
      };
    },
    outstanding: count,
  };
}
