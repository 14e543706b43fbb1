/**
 * What one organisation's expressions take of a lane's time, and how long its next turns wait for it.
 *
 * E6 A decision that evaluates an expression to the end of its budget holds up everybody on the event loop. One is
 * bounded by its budget; many in a row are by this: after a turn that spent HEAVY_FUEL or more the organisation's next
 * turns wait SHARE times as long as it took, so that no organisation takes more than a twentieth of the time by such
 * turns. Fuel is counted, not time: a pause of the machine is nobody's. Ordinary turns spend some tens and are free.
 */
import type { Clock } from '@millrace/clock';

/** A turn that spends less is free, in steps of the evaluator. */
export const HEAVY_FUEL = 20_000;
/** Steps in a millisecond, when they are slow. */
const FUEL_PER_MS = 20_000;
/** How many times as long as a heavy turn took the organisation waits. */
export const SHARE = 19;
/** Longest wait, in milliseconds. */
export const WAIT_MS_MAX = 5_000;
/** Organisations that are remembered as waiting; of more the one that came first is forgotten. */
const ORGANISATIONS_MAX = 10_000;

export class CoreTime {
  readonly #clock: Clock;
  /** When each may go on, on the monotonic clock. */
  readonly #until = new Map<string, number>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** A turn of the organisation spent so much fuel. */
  note(organisation: string, fuel: number): void {
    const nowMs = this.#clock.monotonicMs();
    const tookMs = fuel / FUEL_PER_MS;
    const until = Math.min(Math.max(this.#until.get(organisation) ?? 0, nowMs) + tookMs * SHARE, nowMs + WAIT_MS_MAX);
    this.#until.delete(organisation);
    this.#until.set(organisation, until);
    if (this.#until.size > ORGANISATIONS_MAX) for (const [first] of this.#until) return void this.#until.delete(first);
  }

  /** Milliseconds until the organisation's next turn is due; 0 nearly always. */
  waitMs(organisation: string): number {
    if (this.#until.size === 0) return 0;
    const until = this.#until.get(organisation);
    if (until === undefined) return 0;
    const waitMs = until - this.#clock.monotonicMs();
    if (waitMs > 0) return waitMs;
    this.#until.delete(organisation);
    return 0;
  }
}
