import { createLongReadings, READINGS_WAITING_MAX } from './long-readings.ts';

test('one is read at a time, in order, and one that fails holds up no other', async () => {
  const readings = createLongReadings();
  const seen: string[] = [];
  let open = 0;
  const read = (name: string) => async (): Promise<string> => {
    open++;
    seen.push(`${name} ${open}`);
    await new Promise((settle) => setImmediate(settle));
    open--;
    if (name === 'b') throw new Error('b cannot be read');
    return name;
  };
  const all = await Promise.allSettled(['a', 'b', 'c'].map((name) => readings.inTurn(read(name))));
  expect(all.map((each) => (each.status === 'fulfilled' ? each.value : 'failed'))).toEqual(['a', 'failed', 'c']);
  expect(seen).toEqual(['a 1', 'b 1', 'c 1']);
});

test('too many are refused with a reason, and taken again once some are done', async () => {
  const readings = createLongReadings();
  let release: () => void = () => undefined;
  const held = new Promise<void>((settle) => {
    release = settle;
  });
  const waiting = Array.from({ length: READINGS_WAITING_MAX }, () => readings.inTurn(() => held));
  await expect(readings.inTurn(() => held)).rejects.toMatchObject({ reason: 'limit-exceeded' });
  release();
  await Promise.all(waiting);
  await expect(readings.inTurn(async () => 'read')).resolves.toBe('read');
});
