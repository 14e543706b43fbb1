import fc from 'fast-check';
import { quantile, round, spreadOf } from './statistics.ts';

test('the spread of rounds is the least, the middle and the most', () => {
  expect(spreadOf([3, 1, 2])).toEqual({ min: 1, median: 2, max: 3 });
  expect(spreadOf([])).toEqual({ min: 0, median: 0, max: 0 });
});

test('a quantile is a value of the list with that share at or below it', () => {
  fc.assert(
    fc.property(fc.array(fc.integer(), { minLength: 1 }), fc.double({ min: 0.01, max: 1, noNaN: true }), (values, share) => {
      const sorted = [...values].sort((a, b) => a - b);
      const found = quantile(sorted, share);
      expect(sorted).toContain(found);
      expect(sorted.filter((value) => value <= found).length / sorted.length).toBeGreaterThanOrEqual(share - 1e-9);
    }),
  );
});

test('rounding keeps so many digits', () => {
  expect(round(1.2345, 2)).toBe(1.23);
});
