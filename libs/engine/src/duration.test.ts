import fc from 'fast-check';
import { DURATION_MS_MAX, statedDurationMs } from './duration.ts';

test.each([
  ['PT5S', 5_000],
  ['PT0.25S', 250],
  ['PT1H30M', 5_400_000],
  ['P1DT1S', 86_401_000],
  ['P2W', 1_209_600_000],
  [{ minutes: 1, seconds: 30 }, 90_000],
  [{ days: 1, milliseconds: 1 }, 86_400_001],
  ['P400D', 400 * 86_400_000],
] as const)('%p is %d ms', (value, ms) => {
  expect(statedDurationMs(value)).toBe(ms);
});

test.each([['P'], ['PT'], ['P1Y'], ['P1M'], ['5s'], [''], ['PT-5S'], [{}], [{ years: 1 }], [{ seconds: '5' }], [{ seconds: -5 }], [{ toString: 1 }], [5], [null], [[]]])('%p states no duration', (value) => {
  expect(statedDurationMs(value)).toBeUndefined();
});

test('an object and the text that says the same are the same', () => {
  const part = fc.integer({ min: 0, max: 300 });
  fc.assert(
    fc.property(part, part, part, part, (days, hours, minutes, seconds) => {
      const ms = statedDurationMs(`P${days}DT${hours}H${minutes}M${seconds}S`);
      expect(ms).toBe(statedDurationMs({ days, hours, minutes, seconds }));
      expect(ms).toBeLessThan(DURATION_MS_MAX);
    }),
  );
});
