import { systemClock } from './clock.ts';

test('what was planned runs once, and what was cancelled does not', async () => {
  const ran: string[] = [];
  systemClock.after(1, () => ran.push('kept'));
  systemClock.after(1, () => ran.push('cancelled'))();
  await systemClock.sleep(20);
  expect(ran).toEqual(['kept']);
});

test('what repeats goes on until it is cancelled', async () => {
  let count = 0;
  await new Promise<void>((settle) => {
    const cancel = systemClock.every(1, () => {
      count++;
      if (count < 3) return;
      cancel();
      settle();
    });
  });
  await systemClock.sleep(10);
  expect(count).toBe(3);
});

test('soon runs after what the current turn still has to do', async () => {
  const order: string[] = [];
  await new Promise<void>((settle) => {
    systemClock.soon(() => {
      order.push('soon');
      settle();
    });
    queueMicrotask(() => order.push('same turn'));
  });
  expect(order).toEqual(['same turn', 'soon']);
});

test('a sleep ends with its signal, also one that was aborted before', async () => {
  const ending = new AbortController();
  const sleeping = systemClock.sleep(60_000, ending.signal);
  ending.abort(new Error('enough'));
  await expect(sleeping).rejects.toThrow('enough');
  await expect(systemClock.sleep(1, ending.signal)).rejects.toThrow('enough');
});
