/** What the target saw: no key missing, and repeats only of attempts that were outstanding at a fault. */
import type { Arrival } from '@millrace/testkit';

/** A time in which something was broken, wall clock in milliseconds. */
export interface FaultWindow {
  readonly name: string;
  readonly fromMs: number;
  toMs: number;
}

export interface ArrivalFindings {
  readonly arrivals: number;
  /** Attempts that arrived more than once. */
  readonly repeatedAttempts: number;
  readonly violations: readonly string[];
}

/** How long before its first arrival a step may have been dispatched, in milliseconds. */
const DISPATCH_MS = 2_000;

export function checkArrivals(arrivals: readonly Arrival[], keys: ReadonlySet<string>, faults: readonly FaultWindow[]): ArrivalFindings {
  const byAttempt = new Map<string, Arrival[]>();
  const arrived = new Set<string>();
  const violations: string[] = [];
  for (const arrival of arrivals) {
    if (arrival.key === undefined) {
      violations.push(`an arrival at ${arrival.path} has no Idempotency-Key`);
      continue;
    }
    arrived.add(arrival.key);
    const attempt = `${arrival.key} attempt ${String(arrival.headers['millrace-attempt'])}`;
    byAttempt.set(attempt, [...(byAttempt.get(attempt) ?? []), arrival]);
  }
  for (const key of keys) if (!arrived.has(key)) violations.push(`step ${key} has a result and never arrived`);
  let repeatedAttempts = 0;
  for (const [attempt, list] of byAttempt) {
    if (list.length === 1) continue;
    repeatedAttempts++;
    const first = (list[0] as Arrival).atMs;
    const last = (list.at(-1) as Arrival).atMs;
    if (!faults.some((fault) => fault.fromMs <= last && fault.toMs >= first - DISPATCH_MS)) violations.push(`${attempt} arrived ${list.length} times, and nothing was broken between its dispatch and its last arrival`);
  }
  return { arrivals: arrivals.length, repeatedAttempts, violations };
}
