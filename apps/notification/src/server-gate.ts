/**
 * Keeps an unusable mail server from using up the attempts of everything that waits: after a failure to get in, one
 * message at a time tries the server, at growing intervals, until one gets an answer.
 */

/** Waits between two tries of a server that does not let us in, in milliseconds. */
export const GATE_MIN_MS = 500;
export const GATE_MAX_MS = 30_000;

export interface ServerGate {
  /** How many sends may begin now, of the slots that are free. */
  allowance(freeSlots: number, inFlight: number): number;
  /** When the gate may open, Unix milliseconds; undefined while it is open. */
  opensAtMs(): number | undefined;
  /** What an attempt found. */
  report(serverUsable: boolean): void;
}

export function createServerGate(now: () => number): ServerGate {
  let waitMs = 0;
  let closedUntilMs = 0;
  return {
    allowance(freeSlots, inFlight) {
      if (waitMs === 0) return freeSlots;
      return now() < closedUntilMs || inFlight > 0 ? 0 : Math.min(1, freeSlots);
    },
    opensAtMs: () => (waitMs === 0 ? undefined : closedUntilMs),
    report(serverUsable) {
      if (serverUsable) {
        waitMs = 0;
        return;
      }
      // Attempts that were under way together fail together: they are one finding.
      if (waitMs > 0 && now() < closedUntilMs) return;
      waitMs = Math.min(GATE_MAX_MS, Math.max(GATE_MIN_MS, 2 * waitMs));
      closedUntilMs = now() + waitMs;
    },
  };
}
