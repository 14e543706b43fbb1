import type { Arrival } from '@millrace/testkit';
import { checkArrivals } from './arrival-check.ts';

const arrival = (key: string | undefined, attempt: string, atMs: number): Arrival => ({ index: 0, method: 'POST', path: '/', headers: { 'millrace-attempt': attempt }, body: '', atMs, key });

test('arrivals that match the history are no violation', () => {
  expect(checkArrivals([arrival('a', '1', 10), arrival('b', '1', 20)], new Set(['a', 'b']), []).violations).toEqual([]);
});

test('a result whose step never arrived is found', () => {
  expect(checkArrivals([arrival('a', '1', 10)], new Set(['a', 'b']), []).violations).toEqual(['step b has a result and never arrived']);
});

test('a repeat while nothing was broken is found; one at a fault is counted', () => {
  const twice = [arrival('a', '1', 10_000), arrival('a', '1', 11_000)];
  expect(checkArrivals(twice, new Set(['a']), [{ name: 'f', fromMs: 20_000, toMs: 30_000 }]).violations).toHaveLength(1);
  expect(checkArrivals(twice, new Set(['a']), [{ name: 'f', fromMs: 10_500, toMs: 30_000 }])).toMatchObject({ repeatedAttempts: 1, violations: [] });
});

test('another attempt of the same step is no repeat', () => {
  expect(checkArrivals([arrival('a', '1', 10_000), arrival('a', '2', 11_000)], new Set(['a']), [])).toMatchObject({ repeatedAttempts: 0, violations: [] });
});

test('an arrival without a key is found', () => {
  expect(checkArrivals([arrival(undefined, '1', 1)], new Set(), []).violations).toHaveLength(1);
});
