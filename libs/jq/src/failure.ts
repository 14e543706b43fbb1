// How an evaluation ends without a value. Failures are thrown inside the evaluator and become values at its edge.
// They carry no stack: throwing one costs about a microsecond, and jq programs raise and catch errors in loops.

import type { Meter } from './budget.ts';
import type { JsonValue } from './json-value.ts';

/**
 * raised: the program called `error`. type: an operation met a value it is not defined for.
 * The other three are budgets; jq's own `try` never sees them.
 */
export type FailureReason = 'raised' | 'type' | 'fuel-exhausted' | 'allocation-exceeded' | 'depth-exceeded';

/** Makes a message when somebody wants it: most type errors end at a `?` and showing large values costs steps. */
export type MakeMessage = (m: Meter) => string;

/** A failed evaluation. */
export class JqFailure {
  readonly reason: FailureReason;
  readonly #value: JsonValue | MakeMessage;

  constructor(reason: FailureReason, value: JsonValue | MakeMessage) {
    this.reason = reason;
    this.#value = value;
  }

  /** What `catch` receives. */
  value(m: Meter): JsonValue {
    return typeof this.#value === 'function' ? this.#value(m) : this.#value;
  }
}

export const FUEL_EXHAUSTED = new JqFailure('fuel-exhausted', 'the expression used up its fuel (evaluation steps)');
export const ALLOCATION_EXCEEDED = new JqFailure('allocation-exceeded', 'the expression created more data than its allocation budget allows');
export const DEPTH_EXCEEDED = new JqFailure('depth-exceeded', 'the expression calls or nests values more deeply than its depth budget allows');

/** An operation was given a value of a type it does not take. */
export function typeFailure(message: string | MakeMessage): JqFailure {
  return new JqFailure('type', message);
}

/** True for failures that jq's `try` may catch. */
export function isCatchable(failure: unknown): failure is JqFailure {
  return failure instanceof JqFailure && (failure.reason === 'raised' || failure.reason === 'type');
}

/** Unwinds to a `label`; the meter says which one. */
export class BreakSignal {
  readonly kind = 'break';
}

export const BREAK = new BreakSignal();
