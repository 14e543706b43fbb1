import fc from 'fast-check';
import { createPermits, type Limits, type Permits } from './permits.ts';

const limits = (concurrency: number | undefined, startsPerSecond?: number, strict = false): Limits => ({ concurrency, startsPerSecond, weight: 1, strict });

/** Takes steps until refused; answers how many. */
function takeAll(permits: Permits, nowMs: number, most = 100): number {
  let taken = 0;
  while (taken < most && permits.tryTakeStep('acme', nowMs)) taken++;
  return taken;
}

/** Permits with a present authority and a lease until `expiresAtMs`. */
function leased(concurrency: number, expiresAtMs: number, configured: Limits = limits(10)): Permits {
  const permits = createPermits({ leaseTtlMs: 3_000 });
  permits.setLimits('acme', configured);
  permits.authorityPresent();
  permits.entitle('acme', { concurrency, startsPerSecond: Number.POSITIVE_INFINITY });
  permits.renew(expiresAtMs);
  return permits;
}

describe('permits', () => {
  test('an organisation without limits is never refused and asks for no lease (P3)', () => {
    const permits = createPermits();
    expect(takeAll(permits, 0, 5_000)).toBe(5_000);
    expect(permits.tryTakeStart('acme', 0)).toBe(true);
    expect(permits.running('acme')).toBe(5_000);
    expect(permits.takeChanged()).toEqual([]);
    expect(permits.active()).toEqual([]);
  });

  test('steps run up to the lease and the next one runs when one has ended (T1, P1)', () => {
    const permits = leased(3, 10_000);
    expect(takeAll(permits, 0)).toBe(3);
    expect(permits.returnStep('acme')).toBe(true);
    expect(takeAll(permits, 0)).toBe(1);
    expect(permits.running('acme')).toBe(3);
  });

  test('a lease that shrinks lets no step begin until enough have ended (P1)', () => {
    const permits = leased(4, 10_000);
    takeAll(permits, 0);
    permits.entitle('acme', { concurrency: 2, startsPerSecond: Number.POSITIVE_INFINITY });
    permits.returnStep('acme');
    permits.returnStep('acme');
    expect(permits.tryTakeStep('acme', 0)).toBe(false);
    permits.returnStep('acme');
    expect(permits.tryTakeStep('acme', 0)).toBe(true);
    expect(permits.tryTakeStep('acme', 0)).toBe(false);
  });

  test('a new limit counts the steps that ran before it was set (P2)', () => {
    const permits = createPermits();
    takeAll(permits, 0, 5);
    permits.authorityPresent();
    permits.setLimits('acme', limits(3));
    permits.entitle('acme', { concurrency: 3, startsPerSecond: Number.POSITIVE_INFINITY });
    permits.renew(10_000);
    expect(permits.tryTakeStep('acme', 0)).toBe(false);
    for (let n = 0; n < 3; n++) permits.returnStep('acme');
    expect(takeAll(permits, 0)).toBe(1);
  });

  test('with the authority present and no lease yet nothing runs; the refusal is reported as demand', () => {
    const permits = createPermits();
    permits.setLimits('acme', limits(3));
    permits.takeChanged();
    permits.authorityPresent();
    expect(permits.tryTakeStep('acme', 10_000)).toBe(false);
    expect(permits.takeChanged()).toEqual(['acme']);
    expect(permits.demand('acme', 7, 0, 10_000)).toMatchObject({ running: 0, wanted: 3, held: 0 });
    expect(permits.entitle('acme', { concurrency: 1, startsPerSecond: 0 })).toBe(true);
  });

  test('the first refusal with nothing held is told at once, further ones are not', () => {
    const permits = createPermits();
    let starved = 0;
    permits.onStarved(() => starved++);
    permits.setLimits('acme', limits(3));
    permits.authorityPresent();
    for (let n = 0; n < 5; n++) permits.tryTakeStep('acme', 10_000);
    expect(starved).toBe(1);
    permits.renew(20_000);
    permits.entitle('acme', { concurrency: 2, startsPerSecond: Number.POSITIVE_INFINITY });
    expect(permits.advance(10_000)).toEqual(['acme']);
    expect(takeAll(permits, 10_000)).toBe(2);
    expect(starved).toBe(1);
  });

  test('when the authority goes the lease counts to its end, then the static share, rounded up (P4)', () => {
    const permits = leased(4, 5_000);
    permits.setOwners(3);
    expect(takeAll(permits, 1_000)).toBe(4);
    permits.authorityAway(3_000);
    permits.returnStep('acme');
    expect(takeAll(permits, 4_999)).toBe(1);
    permits.disown('acme', 4);
    expect(takeAll(permits, 5_500)).toBe(0);
    expect(permits.advance(5_900)).toEqual([]);
    expect(permits.advance(6_000)).toEqual(['acme']);
    expect(takeAll(permits, 6_000)).toBe(4);
  });

  test('a strict limit never uses the static share (P4)', () => {
    const permits = leased(2, 5_000, limits(2, undefined, true));
    permits.authorityAway(3_000);
    expect(takeAll(permits, 4_999)).toBe(2);
    permits.disown('acme', 2);
    expect(takeAll(permits, 60_000)).toBe(0);
  });

  test('a process that never met an authority waits one TTL before it uses the static share (P4)', () => {
    const permits = createPermits({ leaseTtlMs: 3_000, nowMs: 1_000, owners: 2 });
    permits.setLimits('acme', limits(5));
    expect(takeAll(permits, 3_999)).toBe(0);
    expect(takeAll(permits, 4_000)).toBe(3);
  });

  test('steps adopted from another owner count above the cap and hold new ones back (P2)', () => {
    const permits = leased(3, 10_000);
    permits.adopt('acme', 5);
    expect(takeAll(permits, 0)).toBe(0);
    for (let n = 0; n < 3; n++) permits.returnStep('acme');
    expect(takeAll(permits, 0)).toBe(1);
  });

  test('returning more than runs is a broken invariant, not a number below none (P2)', () => {
    const permits = createPermits();
    permits.tryTakeStep('acme', 0);
    permits.returnStep('acme');
    expect(() => permits.returnStep('acme')).toThrow('0 were running');
  });

  test('starts keep the rate over any time, with a burst of a second (P5)', () => {
    fc.assert(
      fc.property(fc.double({ min: 0.5, max: 50, noNaN: true }), fc.array(fc.integer({ min: 0, max: 400 }), { minLength: 20, maxLength: 200 }), (rate, gapsMs) => {
        const permits = createPermits();
        permits.setLimits('acme', limits(undefined, rate));
        permits.authorityPresent();
        permits.entitle('acme', { concurrency: Number.POSITIVE_INFINITY, startsPerSecond: rate });
        permits.renew(Number.POSITIVE_INFINITY);
        const startsAtMs: number[] = [];
        let nowMs = 0;
        for (const gapMs of gapsMs) {
          nowMs += gapMs;
          while (permits.tryTakeStart('acme', nowMs)) startsAtMs.push(nowMs);
        }
        return startsAtMs.every((fromMs, index) =>
          startsAtMs.slice(index).every((toMs, made) => made + 1 <= rate * ((toMs - fromMs) / 1000 + 1) + 1 + 1e-6),
        );
      }),
      { numRuns: 100 },
    );
  });

  test('a refused start is woken when its token is there, not before', () => {
    const permits = createPermits();
    permits.setLimits('acme', limits(undefined, 2));
    permits.authorityPresent();
    permits.entitle('acme', { concurrency: Number.POSITIVE_INFINITY, startsPerSecond: 2 });
    permits.renew(10_000);
    expect(permits.tryTakeStart('acme', 0)).toBe(true);
    expect(permits.tryTakeStart('acme', 0)).toBe(false);
    expect(permits.advance(400)).toEqual([]);
    expect(permits.advance(500)).toEqual(['acme']);
    expect(permits.tryTakeStart('acme', 500)).toBe(true);
  });

  test('demand remembers the peak of the last window, so that short steps do not give permits back', () => {
    const permits = leased(8, 100_000);
    takeAll(permits, 1_000);
    permits.disown('acme', 8);
    expect(permits.demand('acme', 0, 0, 1_500).wanted).toBe(8);
    expect(permits.demand('acme', 0, 0, 2_500).wanted).toBe(8);
    expect(permits.demand('acme', 0, 0, 3_600).wanted).toBe(0);
  });

  test('lifting the limits frees whoever was refused', () => {
    const permits = leased(1, 10_000);
    takeAll(permits, 0);
    expect(permits.setLimits('acme', undefined)).toBe(true);
    expect(takeAll(permits, 0, 10)).toBe(10);
    expect(permits.limited('acme')).toBe(false);
  });
});
