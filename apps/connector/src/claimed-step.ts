/**
 * Unsafe steps: claimed before they are performed, so that no step is performed twice without somebody deciding so.
 *
 * Owns what a claim means. Does not own storage (a port) nor performing (a function).
 *
 * K1 Nothing is performed before its claim is durable; while the database is away the step waits.
 * K2 A claim with an outcome answers every later dispatch of its step. A failure that is certain to have had no
 *    effect is reopened by a higher attempt.
 * K3 A claim without an outcome is `unknown` once its process is gone, or has given up: the step's policy decides.
 * K4 While the claiming process lives and works on it, others wait for its outcome: that is not `unknown`.
 */
import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Step, StepOutcome } from '@millrace/worker';
import { failure, stepUnknown } from './failure.ts';
import { CLAIM_OUTCOME_WAIT_MS, CLAIM_POLL_MS, CLAIM_RETRY_MS, CLAIM_RETRY_MS_MAX, CLAIM_WAIT_MS_MAX } from './limits.ts';
import type { Performed } from './manifest.ts';
import type { Claim, ClaimStore, StoredClaim, WorkerDirectory } from './ports.ts';

/** What to do with a step of which nobody knows whether it was performed. */
export type UnknownPolicy = 'ask' | 'resend' | 'skip';

export interface Claims {
  /**
   * Performs the step under its claim, at most once, or answers with what became of it before.
   */
  perform(claiming: Claiming): Promise<StepOutcome>;
  /** Steps claimed and worked on here. */
  readonly working: number;
}

export interface Claiming {
  readonly step: Step;
  readonly policy: UnknownPolicy;
  readonly signal: AbortSignal;
  readonly perform: () => Promise<Performed>;
  /** The outcome that a performance stands for, as it is stored and answered. */
  readonly outcomeOf: (performed: Performed) => StepOutcome;
}

export interface ClaimsOptions {
  readonly store: ClaimStore;
  /** This process, never used by another one. */
  readonly worker: string;
  readonly workers: WorkerDirectory;
  /** Told once when waiting for the database begins and ends. */
  readonly onWaiting?: (waiting: boolean) => void;
}

type Position = { readonly kind: 'ours'; readonly claim: Claim } | { readonly kind: 'answer'; readonly outcome: StepOutcome };

export function createClaims({ store, worker, workers, onWaiting = () => undefined }: ClaimsOptions): Claims {
  /** Keys worked on here, with what ends when the work does. */
  const working = new Map<string, Promise<void>>();
  let waiting = 0;

  const newClaim = (step: Step): Claim => ({
    key: keyOf(step),
    organisation: step.organisation,
    operation: step.operation,
    attempt: step.attempt,
    worker,
    nonce: randomUUID(),
  });

  /** Asks the store until it answers; throws `WaitOver` at the deadline and the signal's reason when cancelled. */
  async function untilAnswered<T>(ask: () => Promise<T>, deadlineMs: number, signal: AbortSignal): Promise<T> {
    let delayMs = CLAIM_RETRY_MS;
    let counted = false;
    try {
      for (;;) {
        signal.throwIfAborted();
        try {
          return await ask();
        } catch (error) {
          if (performance.now() + delayMs >= deadlineMs) throw new WaitOver(error);
        }
        if (!counted) {
          counted = true;
          if ((waiting += 1) === 1) onWaiting(true);
        }
        await sleep(delayMs, undefined, { signal });
        delayMs = Math.min(delayMs * 2, CLAIM_RETRY_MS_MAX);
      }
    } finally {
      if (counted && (waiting -= 1) === 0) onWaiting(false);
    }
  }

  /** Finds out whether the step is ours to perform, or what became of it. */
  async function take(claiming: Claiming, deadlineMs: number): Promise<Position> {
    const { step, policy, signal } = claiming;
    const claim = newClaim(step);
    for (;;) {
      const found = await untilAnswered(() => store.make(claim), deadlineMs, signal);
      if (found === undefined || found.nonce === claim.nonce) return { kind: 'ours', claim };
      const verdict = judge(found, step, worker, workers);
      switch (verdict.kind) {
        case 'answer':
          return verdict;
        case 'reopen':
          if (await untilAnswered(() => store.replace(found.nonce, claim), deadlineMs, signal)) return { kind: 'ours', claim };
          break;
        case 'busy':
          if (performance.now() + CLAIM_POLL_MS >= deadlineMs) return { kind: 'answer', outcome: unknownOutcome(`worker ${found.worker} still works on it`) };
          await sleep(CLAIM_POLL_MS, undefined, { signal });
          break;
        case 'unknown': {
          if (policy === 'ask') return { kind: 'answer', outcome: unknownOutcome(`worker ${found.worker} claimed attempt ${found.attempt} and left no outcome`) };
          if (!(await untilAnswered(() => store.replace(found.nonce, claim), deadlineMs, signal))) break;
          if (policy === 'resend') return { kind: 'ours', claim };
          await settle(claim, SKIPPED, true);
          return { kind: 'answer', outcome: SKIPPED };
        }
      }
    }
  }

  /** Stores the outcome; when that takes long it goes on behind the result's back, until the process ends. */
  async function settle(claim: Claim, outcome: StepOutcome, performed: boolean): Promise<void> {
    const deadlineMs = performance.now() + CLAIM_WAIT_MS_MAX;
    const stored = untilAnswered(() => store.settle(claim, outcome, performed), deadlineMs, NEVER).catch(() => undefined);
    const patience = new AbortController();
    await Promise.race([stored, sleep(CLAIM_OUTCOME_WAIT_MS, undefined, { signal: patience.signal }).catch(() => undefined)]);
    patience.abort();
  }

  async function performClaimed(claiming: Claiming, claim: Claim): Promise<StepOutcome> {
    const performed = await claiming.perform();
    const outcome = claiming.outcomeOf(performed);
    if (performed.kind === 'failure' && performed.effect === 'unknown') {
      switch (claiming.policy) {
        case 'ask':
          return unknownOutcome(performed.failure.detail);
        case 'resend':
          return outcome;
        case 'skip':
          await settle(claim, SKIPPED, true);
          return SKIPPED;
      }
    }
    await settle(claim, outcome, performed.kind === 'output');
    return outcome;
  }

  async function work(claiming: Claiming, deadlineMs: number): Promise<StepOutcome> {
    let position: Position;
    try {
      position = await take(claiming, deadlineMs);
    } catch (error) {
      if (claiming.signal.aborted) return { kind: 'failure', failure: failure('runtime', 499, 'the step was cancelled before it was performed', 'Cancelled') };
      if (error instanceof WaitOver) return { kind: 'failure', failure: failure('timeout', 408, WAITED) };
      throw error;
    }
    return position.kind === 'ours' ? performClaimed(claiming, position.claim) : position.outcome;
  }

  return {
    get working() {
      return working.size;
    },
    perform: async (claiming) => {
      const { step } = claiming;
      const deadlineMs = performance.now() + (step.timeoutMs > 0 ? step.timeoutMs : CLAIM_WAIT_MS_MAX);
      const key = keyOf(step);
      // Attempts of one step take turns here: an earlier one that is at work is not an unknown one (K4).
      for (let earlier = working.get(key); earlier !== undefined; earlier = working.get(key)) await earlier;
      const ours = work(claiming, deadlineMs);
      working.set(key, ours.then(() => undefined, () => undefined));
      try {
        return await ours;
      } finally {
        working.delete(key);
      }
    },
  };
}

type Verdict = { readonly kind: 'answer'; readonly outcome: StepOutcome } | { readonly kind: 'reopen' } | { readonly kind: 'busy' } | { readonly kind: 'unknown' };

function judge(found: StoredClaim, step: Step, worker: string, workers: WorkerDirectory): Verdict {
  if (found.outcome !== undefined) {
    return found.outcome.kind === 'failure' && found.performed !== true && step.attempt > found.attempt ? { kind: 'reopen' } : { kind: 'answer', outcome: found.outcome };
  }
  if (found.worker !== worker && workers.isAlive(found.worker)) return { kind: 'busy' };
  return { kind: 'unknown' };
}

/** `execution/run/activation` (E5). */
export function keyOf(step: Step): string {
  return `${step.execution}/${step.run}/${step.activation}`;
}

const NEVER = new AbortController().signal;
const SKIPPED: StepOutcome = { kind: 'output', json: 'null' };
const WAITED = 'the step could not be claimed within its time limit because MongoDB could not be reached; it was not performed';

class WaitOver extends Error {
  constructor(cause: unknown) {
    super('the time to wait for a claim is over', { cause });
  }
}

function unknownOutcome(detail: string): StepOutcome {
  return { kind: 'failure', failure: stepUnknown(`${detail}; set onUnknown to resend or skip to go on without asking`) };
}
