import fc from 'fast-check';
import { compareVersions } from './version-order.ts';

/** From the specification (semver.org, section 11). */
const ORDERED = ['0.9.9', '1.0.0-alpha', '1.0.0-alpha.1', '1.0.0-alpha.beta', '1.0.0-beta', '1.0.0-beta.2', '1.0.0-beta.11', '1.0.0-rc.1', '1.0.0', '2.0.0', '2.1.0', '2.1.1', '10.0.0'];

test.each(ORDERED.slice(1).map((later, index) => [ORDERED[index] as string, later]))('%s comes before %s', (earlier, later) => {
  expect(compareVersions(earlier, later)).toBeLessThan(0);
  expect(compareVersions(later, earlier)).toBeGreaterThan(0);
});

test('build metadata does not count, and hyphens belong to an identifier', () => {
  expect(compareVersions('1.0.0+a', '1.0.0+b')).toBe(0);
  expect(compareVersions('1.0.0-a-b', '1.0.0-a-c')).toBeLessThan(0);
  expect(compareVersions('1.0.0+x-1', '1.0.0')).toBe(0);
});

test('the order is one: any shuffle sorts the same', () => {
  fc.assert(fc.property(fc.shuffledSubarray(ORDERED, { minLength: ORDERED.length }), (shuffled) => expect(shuffled.toSorted(compareVersions)).toEqual(ORDERED)));
});
