import { startHttpTarget, type HttpTarget } from './http-target.ts';

let target: HttpTarget;
beforeEach(async () => {
  target = await startHttpTarget();
});
afterEach(() => target.close());

test('every arrival is recorded with its key, and repeats of a key are found', async () => {
  for (const key of ['a', 'b', 'a']) {
    await fetch(`${target.url}/orders?x=1`, { method: 'POST', headers: { 'idempotency-key': key }, body: `{"key":"${key}"}` });
  }
  expect(target.arrivals.map(({ method, path, key }) => [method, path, key])).toEqual([
    ['POST', '/orders?x=1', 'a'],
    ['POST', '/orders?x=1', 'b'],
    ['POST', '/orders?x=1', 'a'],
  ]);
  expect([...target.repeatsByKey().keys()]).toEqual(['a']);
});

test('the answer is what the test says', async () => {
  target.answerWith(({ index }) => ({ status: index === 0 ? 503 : 200, body: { index } }));
  expect((await fetch(target.url)).status).toBe(503);
  expect(await (await fetch(target.url)).json()).toEqual({ index: 1 });
});

test('a reset in place of an answer is recorded as an arrival all the same', async () => {
  target.answerWith(() => ({ reset: true }));
  await expect(fetch(target.url)).rejects.toThrow();
  expect(target.arrivals).toHaveLength(1);
});

test('an arrival to come can be awaited, and waiting ends', async () => {
  const coming = target.waitFor((arrival) => arrival.path === '/late');
  await fetch(`${target.url}/late`);
  expect((await coming).method).toBe('GET');
  await expect(target.waitFor((arrival) => arrival.path === '/never', 30)).rejects.toThrow('no such arrival within 30 ms');
});
