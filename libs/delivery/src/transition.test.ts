import fc from 'fast-check';
import {
  acceptedDelivery,
  DEFAULT_POLICY,
  DELIVERY_STATES,
  isTerminal,
  transition,
  TRIES_KEPT_MAX,
  type Delivery,
  type DeliveryEvent,
  type DeliveryPolicy,
  type DeliveryState,
  type Transition,
  type Verdict,
} from './index.ts';

const POLICY: DeliveryPolicy = { ...DEFAULT_POLICY, attemptsMax: 3, ageMaxMs: 60_000, retryBaseMs: 1_000, retryCapMs: 4_000, retryJitter: 0, leaseMs: 5_000, unknownHoldMs: 500 };

const decide = (delivery: Delivery, event: DeliveryEvent, nowMs: number, policy = POLICY): Transition => transition(delivery, event, nowMs, policy, 'acme/1');

function next(delivery: Delivery, event: DeliveryEvent, nowMs: number, policy = POLICY): Delivery {
  const decision = decide(delivery, event, nowMs, policy);
  if (decision.kind === 'refused') throw new Error(`refused: ${decision.refusal}`);
  return decision.delivery;
}

const claim = (token: string): DeliveryEvent => ({ kind: 'claim', owner: `owner of ${token}`, token });
const answered = (token: string, kind: Verdict['kind'], detail = 'the answer'): DeliveryEvent => ({ kind: 'answered', token, verdict: { kind, detail } });

/** One delivery in each state, at time 0 or shortly after. */
function inState(state: DeliveryState): Delivery {
  const scheduled = acceptedDelivery(0);
  const rendering = next(scheduled, claim('r'), 0);
  const queued = next(rendering, { kind: 'rendered', token: 'r' }, 0);
  const sending = next(queued, claim('s'), 0);
  switch (state) {
    case 'scheduled':
      return scheduled;
    case 'rendering':
      return rendering;
    case 'queued':
      return queued;
    case 'sending':
      return sending;
    case 'suppressed':
      return next(queued, { kind: 'suppress', detail: 'on the list' }, 0);
    default:
      return next(sending, answered('s', state), 0);
  }
}

describe('the table of transitions', () => {
  const events: Readonly<Record<string, DeliveryEvent>> = {
    'claim': claim('new'),
    'rendered by the holder': { kind: 'rendered', token: 'r' },
    'render-failed by the holder': { kind: 'render-failed', token: 'r', detail: 'no such path' },
    'sent, says the holder': answered('s', 'sent'),
    'deferred, says the holder': answered('s', 'deferred'),
    'bounced, says the holder': answered('s', 'bounced'),
    'failed, says the holder': answered('s', 'failed'),
    'unknown, says the holder': answered('s', 'unknown'),
    'released by the sender': { kind: 'released', token: 's' },
    'released by the renderer': { kind: 'released', token: 'r' },
    'hold': { kind: 'hold', detail: 'no server', untilMs: 90_000 },
    'suppress': { kind: 'suppress', detail: 'on the list' },
    'tick': { kind: 'tick' },
  };
  /** What each event makes of each state once its due time has come; what is missing is refused. */
  const table: Readonly<Record<string, Partial<Record<DeliveryState, DeliveryState>>>> = {
    'claim': { scheduled: 'rendering', queued: 'sending', deferred: 'sending' },
    'rendered by the holder': { rendering: 'queued' },
    'render-failed by the holder': { rendering: 'failed' },
    'sent, says the holder': { sending: 'sent', unknown: 'sent' },
    'deferred, says the holder': { sending: 'deferred', unknown: 'deferred' },
    'bounced, says the holder': { sending: 'bounced', unknown: 'bounced' },
    'failed, says the holder': { sending: 'failed', unknown: 'failed' },
    'unknown, says the holder': { sending: 'unknown' },
    'released by the sender': { sending: 'queued' },
    'released by the renderer': { rendering: 'scheduled' },
    'hold': { queued: 'deferred', deferred: 'deferred' },
    'suppress': { scheduled: 'suppressed', queued: 'suppressed', deferred: 'suppressed' },
    'tick': { rendering: 'scheduled', sending: 'unknown', unknown: 'queued' },
  };

  for (const [name, event] of Object.entries(events)) {
    test.each(DELIVERY_STATES.map((state) => [state, table[name]?.[state]] as const))(`${name} in %s gives %s`, (state, expected) => {
      const decision = decide(inState(state), event, 20_000);
      expect(decision.kind === 'changed' ? decision.delivery.state : undefined).toBe(expected);
    });
  }
});

test('a claim is refused before the due time, and gives a lease that ends', () => {
  const scheduled = acceptedDelivery(0, 1_000);
  expect(decide(scheduled, claim('a'), 999)).toEqual({ kind: 'refused', refusal: 'not-due' });
  const decision = decide(scheduled, claim('a'), 1_000);
  expect(decision).toMatchObject({ kind: 'changed', commands: [{ kind: 'render', token: 'a' }] });
  expect(decision.kind === 'changed' && decision.delivery.dueAtMs).toBe(6_000);
});

test('only the holder of the lease is heard', () => {
  expect(decide(inState('sending'), answered('someone else', 'sent'), 10)).toEqual({ kind: 'refused', refusal: 'displaced' });
  expect(decide(inState('rendering'), { kind: 'rendered', token: 's' }, 10)).toEqual({ kind: 'refused', refusal: 'displaced' });
});

test('a lease that runs out while sending makes the outcome unknown, counted, and then queued once more', () => {
  const sending = inState('sending');
  expect(decide(sending, { kind: 'tick' }, 4_999)).toEqual({ kind: 'refused', refusal: 'not-due' });
  const unknown = next(sending, { kind: 'tick' }, 5_000);
  expect(unknown).toMatchObject({ state: 'unknown', unknowns: 1, dueAtMs: 5_500, attempts: 1 });
  expect(unknown.lastError).toContain('owner of s');
  expect(decide(unknown, { kind: 'tick' }, 5_499)).toEqual({ kind: 'refused', refusal: 'not-due' });
  expect(next(unknown, { kind: 'tick' }, 5_500)).toMatchObject({ state: 'queued', dueAtMs: 5_500 });
});

test('an unknown outcome is given up where the policy says so', () => {
  expect(next(inState('unknown'), { kind: 'tick' }, 1_000, { ...POLICY, unknown: 'fail' })).toMatchObject({ state: 'failed', lastError: 'the outcome stayed unknown: the answer' });
});

test('a late answer settles an unknown outcome until another attempt has begun', () => {
  const queuedAgain = next(next(inState('sending'), { kind: 'tick' }, 5_000), { kind: 'tick' }, 6_000);
  expect(next(queuedAgain, answered('s', 'sent'), 6_100)).toMatchObject({ state: 'sent', tries: [{ outcome: 'sent' }] });
  const sendingAgain = next(queuedAgain, claim('second'), 6_100);
  expect(decide(sendingAgain, answered('s', 'sent'), 6_200)).toEqual({ kind: 'refused', refusal: 'displaced' });
});

test('waits grow until the attempts are used up', () => {
  let delivery = inState('queued');
  const waits: number[] = [];
  let nowMs = 0;
  for (let attempt = 1; attempt <= 3; attempt++) {
    delivery = next(next(delivery, claim(`t${attempt}`), nowMs), answered(`t${attempt}`, 'deferred', '451 later'), nowMs);
    if (delivery.dueAtMs !== undefined) {
      waits.push(delivery.dueAtMs - nowMs);
      nowMs = delivery.dueAtMs;
    }
  }
  expect(waits).toEqual([1_000, 2_000]);
  expect(delivery).toMatchObject({ state: 'failed', attempts: 3, lastError: 'gave up after 3 attempts: 451 later' });
});

test('a delivery that is too old is not tried again, nor begun', () => {
  const queued = inState('queued');
  expect(next(queued, claim('late'), 60_001)).toMatchObject({ state: 'failed', attempts: 0 });
  const sending = next(queued, claim('last'), 59_500);
  expect(next(sending, answered('last', 'deferred'), 59_900)).toMatchObject({ state: 'failed', lastError: 'not handed over within 60000 ms: the answer' });
});

test('a hold or a release costs no attempt', () => {
  expect(next(inState('queued'), { kind: 'hold', detail: 'no server', untilMs: 700 }, 10)).toMatchObject({ state: 'deferred', attempts: 0, dueAtMs: 700, lastError: 'no server' });
  expect(next(inState('sending'), { kind: 'released', token: 's' }, 10)).toMatchObject({ state: 'queued', attempts: 0, tries: [] });
});

describe('whatever happens in whatever order', () => {
  const WORKERS = ['a', 'b', 'c'];
  type Move =
    | { readonly do: 'look'; readonly worker: string }
    | { readonly do: 'act'; readonly worker: string; readonly event: 'claim' | 'rendered' | 'render-failed' | 'released' | 'hold' | 'suppress' | 'tick' | Verdict['kind'] }
    | { readonly do: 'wait'; readonly ms: number };
  const worker = fc.constantFrom(...WORKERS);
  const moves: fc.Arbitrary<readonly Move[]> = fc.array(
    fc.oneof(
      fc.record({ do: fc.constant('look' as const), worker }),
      fc.record({ do: fc.constant('wait' as const), ms: fc.integer({ min: 0, max: 6_000 }) }),
      {
        weight: 4,
        arbitrary: fc.record({
          do: fc.constant('act' as const),
          worker,
          event: fc.constantFrom('claim', 'claim', 'claim', 'rendered', 'rendered', 'render-failed', 'released', 'hold', 'suppress', 'tick', 'tick', 'sent', 'deferred', 'deferred', 'bounced', 'failed', 'unknown'),
        }),
      },
    ),
    { maxLength: 120 },
  );

  /** Workers with stale views act on one stored delivery, which is replaced only when the revision still fits. */
  function run(sequence: readonly Move[], check: (before: Delivery, after: Delivery, by: string, nowMs: number, event: DeliveryEvent) => void): void {
    let stored = acceptedDelivery(0);
    let nowMs = 0;
    let claims = 0;
    const views = new Map(WORKERS.map((name) => [name, stored]));
    const tokens = new Map<string, string>();
    for (const move of sequence) {
      if (move.do === 'wait') nowMs += move.ms;
      else if (move.do === 'look') views.set(move.worker, stored);
      else {
        const view = views.get(move.worker) as Delivery;
        const event = eventOf(move.event, move.worker, () => `${move.worker}${++claims}`, tokens.get(move.worker) ?? 'none', nowMs);
        const decision = decide(view, event, nowMs);
        if (decision.kind === 'refused' || view.revision !== stored.revision) continue;
        if (event.kind === 'claim') tokens.set(move.worker, event.token);
        check(stored, decision.delivery, move.worker, nowMs, event);
        stored = decision.delivery;
        views.set(move.worker, stored);
      }
    }
  }

  function eventOf(name: Exclude<Extract<Move, { do: 'act' }>['event'], undefined>, owner: string, newToken: () => string, token: string, nowMs: number): DeliveryEvent {
    switch (name) {
      case 'claim':
        return { kind: 'claim', owner, token: newToken() };
      case 'rendered':
      case 'released':
        return { kind: name, token };
      case 'render-failed':
        return { kind: 'render-failed', token, detail: 'x' };
      case 'hold':
        return { kind: 'hold', detail: 'x', untilMs: nowMs + 10 };
      case 'suppress':
        return { kind: 'suppress', detail: 'x' };
      case 'tick':
        return { kind: 'tick' };
      default:
        return answered(token, name);
    }
  }

  test('D1: a terminal state is never left', () => {
    fc.assert(
      fc.property(moves, (sequence) => {
        run(sequence, (before) => expect(isTerminal(before.state)).toBe(false));
      }),
    );
  });

  test('D2: at most one worker sends at a time, and an attempt is begun once', () => {
    fc.assert(
      fc.property(moves, (sequence) => {
        const begun = new Set<string>();
        run(sequence, (before, after, _by, nowMs, event) => {
          expect(after.lease !== undefined).toBe(after.state === 'rendering' || after.state === 'sending');
          if (after.state !== 'sending') return;
          // Sending is entered only from where nobody holds it, and never while another lease still runs.
          expect(before.lease).toBeUndefined();
          expect(before.dueAtMs).toBeLessThanOrEqual(nowMs);
          expect(event.kind).toBe('claim');
          const token = (after.lease as { token: string }).token;
          expect(begun.has(token)).toBe(false);
          begun.add(token);
        });
      }),
      { numRuns: 300 },
    );
  });

  test('D3, D4: each change raises the revision by one, and what is not terminal has a due time', () => {
    fc.assert(
      fc.property(moves, (sequence) => {
        run(sequence, (before, after) => {
          expect(after.revision).toBe(before.revision + 1);
          expect(after.dueAtMs === undefined).toBe(isTerminal(after.state));
          expect(after.attempts).toBeLessThanOrEqual(POLICY.attemptsMax);
          expect(after.tries.length).toBeLessThanOrEqual(TRIES_KEPT_MAX);
        });
      }),
    );
  });

  test('D5: what leaves sending without an answer becomes unknown, and every unknown is counted', () => {
    fc.assert(
      fc.property(moves, (sequence) => {
        let unknowns = 0;
        run(sequence, (before, after, _by, _nowMs, event) => {
          if (before.state === 'sending' && event.kind === 'tick') expect(after.state).toBe('unknown');
          if (after.state === 'unknown') unknowns += 1;
          expect(after.unknowns).toBe(unknowns);
        });
      }),
    );
  });
});
