import { createRateLimit } from './rate-limit.ts';

test('a second’s worth may begin at once, and the rest as the bucket fills', () => {
  let nowMs = 0;
  const rate = createRateLimit(4, () => nowMs);
  expect(rate.available()).toBe(4);
  rate.take(4);
  expect(rate.available()).toBe(0);
  expect(rate.nextAtMs()).toBe(250);
  nowMs = 600;
  expect(rate.available()).toBe(2);
  nowMs = 60_000;
  expect(rate.available()).toBe(4);
});

test('less than one a second still lets one begin', () => {
  let nowMs = 0;
  const rate = createRateLimit(0.5, () => nowMs);
  expect(rate.available()).toBe(1);
  rate.take(1);
  expect(rate.nextAtMs()).toBe(2_000);
  nowMs = 2_000;
  expect(rate.available()).toBe(1);
});

test('0 is no limit', () => {
  const rate = createRateLimit(0, () => 0);
  rate.take(1_000_000);
  expect(rate.available()).toBeGreaterThan(1_000_000);
});
