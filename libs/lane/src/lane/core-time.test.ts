import { systemClock } from '@millrace/clock';
import { CoreTime, SHARE, WAIT_MS_MAX } from './core-time.ts';

let nowMs = 1_000;
const clock = { ...systemClock, monotonicMs: () => nowMs };

test('who has taken much waits in proportion, others do not, and it is over in time', () => {
  const time = new CoreTime(clock);
  time.note('heavy', 200_000);
  expect(time.waitMs('heavy')).toBe(10 * SHARE);
  expect(time.waitMs('other')).toBe(0);
  nowMs += 10 * SHARE - 1;
  expect(time.waitMs('heavy')).toBe(1);
  nowMs += 1;
  expect(time.waitMs('heavy')).toBe(0);
});

test('several add up, to a bound', () => {
  const time = new CoreTime(clock);
  time.note('heavy', 200_000);
  time.note('heavy', 100_000);
  expect(time.waitMs('heavy')).toBe(15 * SHARE);
  for (let count = 0; count < 100; count++) time.note('heavy', 1_000_000);
  expect(time.waitMs('heavy')).toBe(WAIT_MS_MAX);
});
