import fc from 'fast-check';
import { splitFairly } from './split.ts';

describe('splitFairly', () => {
  test.each([
    [10, [3, 3, 3], true, [3, 3, 3]],
    [10, [8, 8], true, [5, 5]],
    [10, [1, 20, 20], true, [1, 5, 4]],
    [1, [5, 3, 1], true, [1, 0, 0]],
    [7, [0, 9, 0], true, [0, 7, 0]],
    [1, [4, 4], false, [0.5, 0.5]],
    [0, [4, 4], true, [0, 0]],
  ])('divides %p over %p', (limit, wanted, whole, shares) => {
    expect(splitFairly(limit, wanted, whole)).toEqual(shares);
  });

  test('gives out all that is wanted up to the limit, to nobody more than it wants, and is max-min fair', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 200 }), fc.array(fc.integer({ min: 0, max: 60 }), { maxLength: 12 }), (limit, wanted) => {
        const shares = splitFairly(limit, wanted, true);
        const sum = shares.reduce((total, share) => total + share, 0);
        const want = wanted.reduce((total, share) => total + share, 0);
        expect(sum).toBe(Math.min(limit, want));
        shares.forEach((share, index) => {
          expect(share).toBeLessThanOrEqual(wanted[index] ?? 0);
          // Whoever is short has at most one less than anybody else.
          if (share < (wanted[index] ?? 0)) for (const other of shares) expect(other).toBeLessThanOrEqual(share + 1);
        });
      }),
    );
  });
});
