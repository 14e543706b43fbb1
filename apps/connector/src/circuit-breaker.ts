/**
 * Circuit breakers: a target that fails time after time is left alone for a while.
 *
 * Owns the states and their limits. Reads no clock: the time comes with every call, in milliseconds of a
 * monotonic clock.
 *
 * C1 Closed: all calls go. After `failuresMax` failures in a row it opens.
 * C2 Open: no call goes until the time it names. Half-open: one trial goes, the others are refused.
 * C3 A trial that succeeds closes it; one that fails opens it for twice as long, up to a limit.
 */
import { BREAKERS_MAX, BREAKER_FAILURES_MAX, BREAKER_OPEN_MS, BREAKER_OPEN_MS_MAX } from './limits.ts';
import type { TargetHealth } from './manifest.ts';

export type BreakerState = 'closed' | 'open' | 'half-open';

export interface BreakerLimits {
  readonly failuresMax: number;
  readonly openMs: number;
  readonly openMsMax: number;
  readonly breakersMax: number;
}

export const DEFAULT_BREAKER_LIMITS: BreakerLimits = {
  failuresMax: BREAKER_FAILURES_MAX,
  openMs: BREAKER_OPEN_MS,
  openMsMax: BREAKER_OPEN_MS_MAX,
  breakersMax: BREAKERS_MAX,
};

interface Breaker {
  state: BreakerState;
  failures: number;
  openMs: number;
  /** When the next trial may go (open), or when the one that goes counts as lost (half-open). */
  untilMs: number;
}

/** Whether a call may go; when not, in how many milliseconds the next trial may. */
export type Admittance = { readonly kind: 'go' } | { readonly kind: 'refused'; readonly retryInMs: number };

const GO: Admittance = { kind: 'go' };

export class BreakerBook {
  readonly #limits: BreakerLimits;
  /** In order of use, so that the first is the one used longest ago. */
  readonly #breakers = new Map<string, Breaker>();

  constructor(limits: BreakerLimits = DEFAULT_BREAKER_LIMITS) {
    this.#limits = limits;
  }

  admit(name: string, nowMs: number): Admittance {
    const breaker = this.#breakers.get(name);
    if (breaker === undefined || breaker.state === 'closed') return GO;
    if (nowMs < breaker.untilMs) return { kind: 'refused', retryInMs: Math.ceil(breaker.untilMs - nowMs) };
    // The trial has as long as the breaker was open; if nothing is heard of it by then, another one may go.
    breaker.state = 'half-open';
    breaker.untilMs = nowMs + breaker.openMs;
    return GO;
  }

  /** Says what a call that was let go told of the target; yields the new state when it changed. */
  report(name: string, health: TargetHealth, nowMs: number): BreakerState | undefined {
    const known = this.#breakers.get(name);
    if (health === 'unasked') {
      // A trial that never reached the target decides nothing: the next call is one.
      if (known?.state === 'half-open') known.untilMs = nowMs;
      return undefined;
    }
    if (health === 'up') {
      if (known === undefined) return undefined;
      this.#breakers.delete(name);
      return known.state === 'closed' ? undefined : 'closed';
    }
    const breaker = known ?? { state: 'closed', failures: 0, openMs: this.#limits.openMs, untilMs: 0 };
    this.#touch(name, breaker);
    breaker.failures += 1;
    if (breaker.state === 'open') return undefined;
    if (breaker.state === 'half-open') breaker.openMs = Math.min(breaker.openMs * 2, this.#limits.openMsMax);
    else if (breaker.failures < this.#limits.failuresMax) return undefined;
    breaker.state = 'open';
    breaker.untilMs = nowMs + breaker.openMs;
    return 'open';
  }

  /** How many breakers are in each state; those never failed are not counted. */
  counts(): Readonly<Record<BreakerState, number>> {
    const counts = { 'closed': 0, 'open': 0, 'half-open': 0 };
    for (const { state } of this.#breakers.values()) counts[state] += 1;
    return counts;
  }

  #touch(name: string, breaker: Breaker): void {
    this.#breakers.delete(name);
    this.#breakers.set(name, breaker);
    if (this.#breakers.size <= this.#limits.breakersMax) return;
    const oldest = this.#breakers.keys().next();
    if (oldest.done !== true) this.#breakers.delete(oldest.value);
  }
}
