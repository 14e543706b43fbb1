/**
 * The state machine of a delivery: (delivery, event, now) to the next delivery and what to do, or a refusal.
 *
 * Owns: which change is allowed when, and the invariants of delivery.ts.
 * Does not own: storing the change (compare `revision`, then do the commands), rendering, sending.
 * A refusal is ordinary: another instance was first, or an answer came too late.
 */
import { isTerminal, TRIES_KEPT_MAX, type Delivery, type DeliveryState, type TerminalState, type Try } from './delivery.ts';
import { retryDelayMs, type DeliveryPolicy } from './policy.ts';
import type { Verdict } from './smtp-answer.ts';

export type DeliveryEvent =
  /** Somebody takes a scheduled, queued or deferred delivery whose time has come. */
  | { readonly kind: 'claim'; readonly owner: string; readonly token: string }
  | { readonly kind: 'rendered'; readonly token: string }
  | { readonly kind: 'render-failed'; readonly token: string; readonly detail: string }
  /** What became of the attempt of that token. */
  | { readonly kind: 'answered'; readonly token: string; readonly verdict: Verdict }
  /** The holder gives the claim back and is certain that nothing was handed over. */
  | { readonly kind: 'released'; readonly token: string }
  /** It cannot be sent now for a reason that is not the message's; costs no attempt. */
  | { readonly kind: 'hold'; readonly detail: string; readonly untilMs: number }
  | { readonly kind: 'suppress'; readonly detail: string }
  /** Its due time has passed: a lease ran out, or an unknown outcome is to be resolved. */
  | { readonly kind: 'tick' };

/** What the holder does once the change is stored. */
export type DeliveryCommand =
  | { readonly kind: 'render'; readonly token: string }
  | { readonly kind: 'send'; readonly token: string; readonly attempt: number; readonly untilMs: number }
  | { readonly kind: 'wake'; readonly atMs: number }
  | { readonly kind: 'report'; readonly state: TerminalState };

export type Refusal =
  | 'terminal'
  /** Its time has not come. */
  | 'not-due'
  /** The event does not belong to this state. */
  | 'out-of-place'
  /** The token is not the current holder's. */
  | 'displaced';

export type Transition =
  | { readonly kind: 'changed'; readonly delivery: Delivery; readonly commands: readonly DeliveryCommand[] }
  | { readonly kind: 'refused'; readonly refusal: Refusal };

/** Decides one event. `seed` (the delivery's id) spreads the waits; `nowMs` is milliseconds since the Unix epoch. */
export function transition(delivery: Delivery, event: DeliveryEvent, nowMs: number, policy: DeliveryPolicy, seed: string): Transition {
  if (isTerminal(delivery.state)) return refused('terminal');
  switch (event.kind) {
    case 'claim':
      return claim(delivery, event, nowMs, policy);
    case 'rendered':
      if (!holds(delivery, 'rendering', event.token)) return refused('displaced');
      return waiting(delivery, 'queued', nowMs, nowMs);
    case 'render-failed':
      if (!holds(delivery, 'rendering', event.token)) return refused('displaced');
      return ended(delivery, 'failed', nowMs, event.detail);
    case 'answered':
      return answered(delivery, event.token, event.verdict, nowMs, policy, seed);
    case 'released':
      return released(delivery, event.token, nowMs);
    case 'hold':
      if (delivery.state !== 'queued' && delivery.state !== 'deferred') return refused('out-of-place');
      return waiting(delivery, 'deferred', Math.max(nowMs + 1, event.untilMs), nowMs, { lastError: event.detail });
    case 'suppress':
      if (delivery.state !== 'scheduled' && delivery.state !== 'queued' && delivery.state !== 'deferred') return refused('out-of-place');
      return ended(delivery, 'suppressed', nowMs, event.detail);
    case 'tick':
      return tick(delivery, nowMs, policy);
  }
}

function claim(delivery: Delivery, { owner, token }: { readonly owner: string; readonly token: string }, nowMs: number, policy: DeliveryPolicy): Transition {
  const { state } = delivery;
  if (state !== 'scheduled' && state !== 'queued' && state !== 'deferred') return refused('out-of-place');
  if (!isDue(delivery, nowMs)) return refused('not-due');
  if (state !== 'scheduled' && nowMs > delivery.createdAtMs + policy.ageMaxMs) {
    return ended(delivery, 'failed', nowMs, `not handed over within ${policy.ageMaxMs} ms${because(delivery.lastError)}`);
  }
  const untilMs = nowMs + policy.leaseMs;
  const lease = { owner, token };
  if (state === 'scheduled') {
    return changed(delivery, nowMs, { state: 'rendering', dueAtMs: untilMs, lease }, [{ kind: 'render', token }]);
  }
  const attempt = delivery.attempts + 1;
  const tries = [...delivery.tries, { attempt, owner, token, startedAtMs: nowMs }].slice(-TRIES_KEPT_MAX);
  return changed(delivery, nowMs, { state: 'sending', dueAtMs: untilMs, lease, attempts: attempt, tries }, [{ kind: 'send', token, attempt, untilMs }]);
}

function answered(delivery: Delivery, token: string, verdict: Verdict, nowMs: number, policy: DeliveryPolicy, seed: string): Transition {
  if (!awaitsAnswer(delivery, token, verdict)) return refused('displaced');
  const tries = closeLastTry(delivery.tries, { endedAtMs: nowMs, outcome: verdict.kind, detail: verdict.detail });
  const settled: Delivery = { ...delivery, tries };
  switch (verdict.kind) {
    case 'sent':
      return ended(settled, 'sent', nowMs);
    case 'bounced':
    case 'failed':
      return ended(settled, verdict.kind, nowMs, verdict.detail);
    case 'unknown':
      return becomeUnknown(settled, verdict.detail, nowMs, policy);
    case 'deferred': {
      const retryAtMs = nowMs + retryDelayMs(policy, delivery.attempts, seed);
      if (delivery.attempts >= policy.attemptsMax) {
        return ended(settled, 'failed', nowMs, `gave up after ${delivery.attempts} attempts${because(verdict.detail)}`);
      }
      if (retryAtMs > delivery.createdAtMs + policy.ageMaxMs) {
        return ended(settled, 'failed', nowMs, `not handed over within ${policy.ageMaxMs} ms${because(verdict.detail)}`);
      }
      return waiting(settled, 'deferred', retryAtMs, nowMs, { lastError: verdict.detail });
    }
  }
}

/**
 * The holder's answer counts; so does a late one to an attempt whose outcome is unknown, until another attempt
 * begins: then two attempts are under way and only the later one's answer is waited for.
 */
function awaitsAnswer(delivery: Delivery, token: string, verdict: Verdict): boolean {
  if (holds(delivery, 'sending', token)) return true;
  const last = delivery.tries.at(-1);
  const open = delivery.state === 'unknown' || delivery.state === 'queued';
  return open && verdict.kind !== 'unknown' && last?.token === token && last.outcome === 'unknown';
}

function released(delivery: Delivery, token: string, nowMs: number): Transition {
  if (holds(delivery, 'rendering', token)) return waiting(delivery, 'scheduled', nowMs, nowMs);
  if (!holds(delivery, 'sending', token)) return refused('displaced');
  return waiting(delivery, 'queued', nowMs, nowMs, { attempts: delivery.attempts - 1, tries: delivery.tries.slice(0, -1) });
}

function tick(delivery: Delivery, nowMs: number, policy: DeliveryPolicy): Transition {
  if (!isDue(delivery, nowMs)) return refused('not-due');
  switch (delivery.state) {
    case 'rendering':
      // Rendering touches nothing outside: it is simply done again.
      return waiting(delivery, 'scheduled', nowMs, nowMs);
    case 'sending': {
      const detail = `the instance ${delivery.lease?.owner ?? ''} went away while sending; whether the server took the message is not known`;
      const tries = closeLastTry(delivery.tries, { endedAtMs: nowMs, outcome: 'unknown', detail });
      return becomeUnknown({ ...delivery, tries }, detail, nowMs, policy);
    }
    case 'unknown':
      if (policy.unknown === 'fail') return ended(delivery, 'failed', nowMs, `the outcome stayed unknown${because(delivery.lastError)}`);
      if (delivery.attempts >= policy.attemptsMax) {
        return ended(delivery, 'failed', nowMs, `gave up after ${delivery.attempts} attempts, the last with an unknown outcome${because(delivery.lastError)}`);
      }
      return waiting(delivery, 'queued', nowMs, nowMs);
    default:
      return refused('out-of-place');
  }
}

function becomeUnknown(delivery: Delivery, detail: string, nowMs: number, policy: DeliveryPolicy): Transition {
  return waiting(delivery, 'unknown', nowMs + policy.unknownHoldMs, nowMs, { unknowns: delivery.unknowns + 1, lastError: detail });
}

function holds(delivery: Delivery, state: 'rendering' | 'sending', token: string): boolean {
  return delivery.state === state && delivery.lease?.token === token;
}

function isDue(delivery: Delivery, nowMs: number): boolean {
  return delivery.dueAtMs !== undefined && delivery.dueAtMs <= nowMs;
}

function closeLastTry(tries: readonly Try[], end: Pick<Required<Try>, 'endedAtMs' | 'outcome' | 'detail'>): readonly Try[] {
  const last = tries.at(-1);
  return last === undefined ? tries : [...tries.slice(0, -1), { ...last, ...end }];
}

function because(detail: string | undefined): string {
  return detail === undefined ? '' : `: ${detail}`;
}

type Fields = Partial<Omit<Delivery, 'revision' | 'createdAtMs' | 'updatedAtMs'>> & { readonly state: DeliveryState };

/** Drops lease and due time, which every change states anew (D2, D4). */
function changed(delivery: Delivery, nowMs: number, fields: Fields, commands: readonly DeliveryCommand[]): Transition {
  const { lease: _lease, dueAtMs: _dueAtMs, ...kept } = delivery;
  return { kind: 'changed', delivery: { ...kept, ...fields, revision: delivery.revision + 1, updatedAtMs: nowMs }, commands };
}

function waiting(delivery: Delivery, state: DeliveryState, dueAtMs: number, nowMs: number, fields: Partial<Delivery> = {}): Transition {
  return changed(delivery, nowMs, { ...fields, state, dueAtMs }, [{ kind: 'wake', atMs: dueAtMs }]);
}

function ended(delivery: Delivery, state: TerminalState, nowMs: number, lastError?: string): Transition {
  return changed(delivery, nowMs, lastError === undefined ? { state } : { state, lastError }, [{ kind: 'report', state }]);
}

function refused(refusal: Refusal): Transition {
  return { kind: 'refused', refusal };
}
