/**
 * What one process knows of one organisation: what runs, its bucket of starts, its recent peak.
 */
import type { Entitlement, Limits } from './permits.ts';

/** Over how long the peak of what runs is kept, so that short steps do not give permits back at each end. */
export const PEAK_WINDOW_MS = 1_000;
/** What a bucket holds at most: the starts of so many seconds, and one at least. */
export const BURST_SECONDS = 1;

export interface Account {
  readonly organisation: string;
  running: number;
  limits: Limits | undefined;
  entitlement: Entitlement | undefined;
  stepRefused: boolean;
  startRefused: boolean;
  changed: boolean;
  tokens: number;
  tokensAtMs: number;
  /** Peak of `running` and starts made, in the window in progress and the one before. */
  windowAtMs: number;
  peak: number;
  peakBefore: number;
  starts: number;
  startsBefore: number;
}

export function newAccount(organisation: string): Account {
  return {
    organisation, running: 0, limits: undefined, entitlement: undefined, stepRefused: false, startRefused: false, changed: false,
    tokens: 1, tokensAtMs: Number.NEGATIVE_INFINITY, windowAtMs: 0, peak: 0, peakBefore: 0, starts: 0, startsBefore: 0,
  };
}

/** Adds the tokens of the time since the last look (P5). */
export function refill(account: Account, rate: number, nowMs: number): void {
  if (account.tokensAtMs === Number.NEGATIVE_INFINITY) account.tokensAtMs = nowMs;
  const most = Math.max(1, rate * BURST_SECONDS);
  account.tokens = Math.min(most, account.tokens + (rate * Math.max(0, nowMs - account.tokensAtMs)) / 1000);
  account.tokensAtMs = nowMs;
}

/** Begins a new window when the one in progress is over. */
export function roll(account: Account, nowMs: number): void {
  const passedMs = nowMs - account.windowAtMs;
  if (passedMs < PEAK_WINDOW_MS) return;
  const adjacent = passedMs < 2 * PEAK_WINDOW_MS;
  account.peakBefore = adjacent ? account.peak : account.running;
  account.startsBefore = adjacent ? account.starts : 0;
  account.peak = account.running;
  account.starts = 0;
  account.windowAtMs = nowMs;
}

/** Starts a second that were made of late. */
export function recentStartsPerSecond(account: Account): number {
  return Math.max(account.starts, account.startsBefore) * (1000 / PEAK_WINDOW_MS);
}
