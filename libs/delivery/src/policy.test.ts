import fc from 'fast-check';
import { DEFAULT_POLICY, retryDelayMs } from './index.ts';

test('the wait doubles up to its cap', () => {
  const policy = { ...DEFAULT_POLICY, retryJitter: 0 };
  expect([1, 2, 3, 4].map((attempts) => retryDelayMs(policy, attempts, 'x'))).toEqual([2_000, 4_000, 8_000, 16_000]);
  expect(retryDelayMs(policy, 200, 'x')).toBe(policy.retryCapMs);
});

test('the jitter stays within its share, follows from the seed, and differs between seeds', () => {
  fc.assert(
    fc.property(fc.string(), fc.integer({ min: 1, max: 300 }), (seed, attempts) => {
      const wait = retryDelayMs(DEFAULT_POLICY, attempts, seed);
      const full = retryDelayMs({ ...DEFAULT_POLICY, retryJitter: 0 }, attempts, seed);
      expect(wait).toBe(retryDelayMs(DEFAULT_POLICY, attempts, seed));
      expect(wait).toBeGreaterThanOrEqual(Math.floor(full * (1 - DEFAULT_POLICY.retryJitter)));
      expect(wait).toBeLessThanOrEqual(full);
    }),
  );
  const waits = Array.from({ length: 200 }, (_, index) => retryDelayMs(DEFAULT_POLICY, 8, `acme/${index}`));
  expect(new Set(waits).size).toBeGreaterThan(150);
  expect(Math.max(...waits) - Math.min(...waits)).toBeGreaterThan(0.15 * 256_000);
});
