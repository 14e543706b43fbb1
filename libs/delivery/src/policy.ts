/** What happens to a delivery whose outcome is not known: sent again under the same Message-ID, or given up. */
export type UnknownPolicy = 'resend' | 'fail';

/** Limits and waits of a delivery. Times in milliseconds. */
export interface DeliveryPolicy {
  /** Attempts that may begin before the delivery fails. */
  readonly attemptsMax: number;
  /** How long after acceptance an attempt may still begin. RFC 5321 section 4.5.4.1 asks for four to five days. */
  readonly ageMaxMs: number;
  /** Wait after the first attempt that was deferred; doubles with each. */
  readonly retryBaseMs: number;
  /** Longest wait between two attempts. */
  readonly retryCapMs: number;
  /** Share of a wait that jitter spreads it over, 0 to 1. */
  readonly retryJitter: number;
  /** How long one claim lasts. An attempt must end before. */
  readonly leaseMs: number;
  /** How long an unknown outcome waits for a late answer before `unknown` is resolved. */
  readonly unknownHoldMs: number;
  readonly unknown: UnknownPolicy;
}

const SECOND_MS = 1_000;
const MINUTE_MS = 60 * SECOND_MS;
const DAY_MS = 24 * 60 * MINUTE_MS;

export const DEFAULT_POLICY: DeliveryPolicy = {
  attemptsMax: 200,
  ageMaxMs: 4 * DAY_MS,
  retryBaseMs: 2 * SECOND_MS,
  retryCapMs: 30 * MINUTE_MS,
  retryJitter: 0.2,
  leaseMs: 40 * SECOND_MS,
  unknownHoldMs: 2 * SECOND_MS,
  unknown: 'resend',
};

/**
 * The wait after so many attempts (from 1), in whole milliseconds: exponential, capped, and spread by a jitter that
 * follows from the seed, so that the same delivery always waits the same while its neighbours wait differently.
 */
export function retryDelayMs(policy: DeliveryPolicy, attempts: number, seed: string): number {
  // Beyond 2^40 the cap has long been reached, and the product stays exact.
  const exponential = policy.retryBaseMs * 2 ** Math.min(40, Math.max(0, attempts - 1));
  const wait = Math.min(policy.retryCapMs, exponential);
  return Math.max(1, Math.round(wait * (1 - policy.retryJitter * fraction(`${seed}/${attempts}`))));
}

/** A number in [0, 1) that follows from the text: FNV-1a, 32 bits, with a final mix so that short texts spread. */
function fraction(text: string): number {
  let hash = 0x811c9dc5;
  for (let index = 0; index < text.length; index++) hash = Math.imul(hash ^ text.charCodeAt(index), 0x01000193);
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return ((hash ^ (hash >>> 16)) >>> 0) / 2 ** 32;
}
