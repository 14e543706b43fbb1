import fc from 'fast-check';
import { createChooser, createRandom, createZipf } from './load.ts';

test('the first of a thousand ranks is drawn as often as its share of the sum says', () => {
  const next = createZipf(1_000, 1, createRandom(7));
  const draws = 50_000;
  const counts = new Map<number, number>();
  for (let index = 0; index < draws; index++) {
    const rank = next();
    counts.set(rank, (counts.get(rank) ?? 0) + 1);
  }
  const harmonic = Array.from({ length: 1_000 }, (_, rank) => 1 / (rank + 1)).reduce((sum, each) => sum + each, 0);
  for (const rank of [0, 1, 9]) expect((counts.get(rank) ?? 0) / draws).toBeCloseTo(1 / (rank + 1) / harmonic, 2);
});

test('every rank is one of those there are', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 500 }), fc.double({ min: 0, max: 3, noNaN: true }), fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }), (count, exponent, drawn) => {
      const rank = createZipf(count, exponent, () => drawn)();
      expect(rank).toBeGreaterThanOrEqual(0);
      expect(rank).toBeLessThan(count);
    }),
  );
});

test('the same seed draws the same', () => {
  const load = { kind: 'mixed', definitions: 5_000, exponent: 1, seed: 3, inputJson: '{}' } as const;
  const [first, second] = [createChooser(load), createChooser(load)];
  for (let index = 0; index < 100; index++) expect(first()).toEqual(second());
});
