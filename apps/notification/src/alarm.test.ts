import { createAlarm } from './alarm.ts';

const never = new AbortController().signal;
const timed = async (wait: Promise<void>): Promise<number> => {
  const startedAt = performance.now();
  await wait;
  return performance.now() - startedAt;
};

test('a ring before the wait ends it at once, and only once', async () => {
  const alarm = createAlarm(60, Date.now);
  alarm.ring();
  expect(await timed(alarm.wait(never))).toBeLessThan(40);
  expect(await timed(alarm.wait(never))).toBeGreaterThanOrEqual(50);
});

test('a time set while waiting shortens the wait, and a later one does not lengthen it', async () => {
  const alarm = createAlarm(10_000, Date.now);
  const wait = timed(alarm.wait(never));
  alarm.ringAt(Date.now() + 60);
  alarm.ringAt(Date.now() + 9_000);
  const waited = await wait;
  expect(waited).toBeGreaterThanOrEqual(50);
  expect(waited).toBeLessThan(2_000);
});

test('an abort ends the wait', async () => {
  const stopping = new AbortController();
  const wait = timed(createAlarm(10_000, Date.now).wait(stopping.signal));
  stopping.abort();
  expect(await wait).toBeLessThan(1_000);
});
