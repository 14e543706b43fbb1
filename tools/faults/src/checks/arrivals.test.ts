import { checkArrivals } from './arrivals.ts';
import { arrival, fault, RIGHT } from './sample.test-support.ts';

const violationsOf = (arrivals: readonly ReturnType<typeof arrival>[], faults: readonly ReturnType<typeof fault>[] = []): readonly string[] => checkArrivals({ ...RIGHT, arrivals, faults }).violations;

test('arrivals that match the history are no violation', () => {
  expect(violationsOf([arrival()])).toEqual([]);
});

test('a result whose step never arrived is found', () => {
  expect(violationsOf([])).toEqual(['step x/1/2 has a result and never arrived']);
});

test('a step of an execution that history does not have is found', () => {
  expect(violationsOf([arrival(), arrival({ key: 'y/1/2' })])).toEqual(['step y/1/2 arrived, and history does not have its execution']);
});

test('a repeat while nothing was broken is found; one at a fault is counted', () => {
  const twice = [arrival(), arrival({ atMs: 11_000 })];
  expect(violationsOf(twice, [fault(20_000, 30_000)])).toEqual(['x/1/2 attempt 1 arrived 2 times, and nothing was broken between its dispatch and its last arrival']);
  expect(checkArrivals({ ...RIGHT, arrivals: twice, faults: [fault(10_500, 30_000)] })).toEqual({ violations: [], figures: { arrivals: 2, repeatedAttempts: 1 } });
});

test('another attempt of the same step is no repeat', () => {
  expect(checkArrivals({ ...RIGHT, arrivals: [arrival(), arrival({ attempt: '2', atMs: 11_000 })] })).toMatchObject({ violations: [], figures: { repeatedAttempts: 0 } });
});

test('an arrival without a key is found', () => {
  expect(violationsOf([arrival(), arrival({ key: undefined })])).toEqual(['an arrival for step first has no Idempotency-Key']);
});
