import type { FaultWindow, OrganisationLimit } from '../evidence.ts';
import { checkLimits } from './limits.ts';
import { arrival, fault } from './sample.test-support.ts';

const limit: OrganisationLimit = { organisation: 'o', concurrency: 3, strict: false };
/** So many steps at once, from 10,000 to 10,050 ms, after one that ended just then. */
const atOnce = (count: number): readonly ReturnType<typeof arrival>[] => [arrival({ atMs: 9_000, endedAtMs: 10_000 }), ...Array.from({ length: count }, () => arrival())];
const violationsOf = (count: number, faults: readonly FaultWindow[] = [], strict = false): readonly string[] => checkLimits({ arrivals: atOnce(count), faults, limits: [{ ...limit, strict }], owners: 2 }).violations;

test('as many steps as the limit are right, and those of others do not count (T1)', () => {
  expect(violationsOf(3)).toEqual([]);
  expect(checkLimits({ arrivals: Array.from({ length: 9 }, () => arrival({ organisation: 'p' })), faults: [], limits: [limit], owners: 2 }).violations).toEqual([]);
});

test('one step more is found', () => {
  expect(violationsOf(4)).toEqual(['4 steps of o ran at once at 1970-01-01T00:00:10.000Z, where 3 are allowed']);
});

test('a step that was never answered counts for ever', () => {
  const arrivals = [arrival({ atMs: 1_000, endedAtMs: Infinity }), ...atOnce(3)];
  expect(checkLimits({ arrivals, faults: [], limits: [limit], owners: 2 }).violations).toHaveLength(1);
});

test('without the throttle each owner has its share, rounded up; that of an owner that died comes on top', () => {
  const away = fault(9_000, 11_000, { beyondLimits: 'static-share' });
  expect(violationsOf(4, [away])).toEqual([]);
  expect(violationsOf(5, [away])).toHaveLength(1);
  const died = fault(9_000, 11_000, { beyondLimits: 'dead-owner' });
  expect(violationsOf(7, [died])).toEqual([]);
  expect(violationsOf(8, [died])).toHaveLength(1);
});

test('a fault at another time excuses nothing, and neither does any fault where the limit is strict', () => {
  expect(violationsOf(4, [fault(11_000, 12_000, { beyondLimits: 'dead-owner' })])).toHaveLength(1);
  expect(violationsOf(4, [fault(9_000, 11_000, { beyondLimits: 'dead-owner' })], true)).toEqual(['4 steps of o ran at once at 1970-01-01T00:00:10.000Z, where 3 are allowed (strict)']);
});
