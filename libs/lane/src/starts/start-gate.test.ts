import { systemClock } from '@millrace/clock';
import { createPermits } from '@millrace/fairness';
import { createStartGate } from './start-gate.ts';

const LIMITS = { concurrency: undefined, startsPerSecond: 1, weight: 1, strict: false };

function gateWith(startsPerSecond: number) {
  const permits = createPermits({ nowMs: performance.now() });
  permits.setLimits('acme', { ...LIMITS, startsPerSecond });
  permits.authorityPresent();
  const begun: string[] = [];
  const gate = createStartGate(permits, systemClock, (lane, execution) => begun.push(`${lane}/${execution}`));
  return { permits, begun, gate };
}

test('without limits every start begins at once', () => {
  const { gate } = gateWith(1);
  expect(Array.from({ length: 100 }, (_, index) => gate.tryBegin(0, 'globex', String(index))).every(Boolean)).toBe(true);
  expect(gate.throttled).toBe(0);
});

test('beyond the rate starts wait in order, also those that come when a token is there again', () => {
  const { permits, begun, gate } = gateWith(1);
  expect([1, 2, 3].map((id) => gate.tryBegin(0, 'acme', String(id)))).toEqual([false, false, false]);
  expect(gate.waiting('acme')).toBe(3);
  permits.entitle('acme', { concurrency: Infinity, startsPerSecond: Infinity });
  permits.renew(Infinity);
  // Its turn is behind those that wait.
  expect(gate.tryBegin(1, 'acme', '4')).toBe(false);
  gate.wake('acme');
  expect(begun).toEqual(['0/1', '0/2', '0/3', '1/4']);
  expect(gate.waiting('acme')).toBe(0);
});

test('starts of a lane that has left wait here no more', () => {
  const { permits, begun, gate } = gateWith(1);
  gate.tryBegin(0, 'acme', 'a');
  gate.tryBegin(1, 'acme', 'b');
  gate.dropLane(0);
  permits.setLimits('acme', undefined);
  gate.wake('acme');
  expect(begun).toEqual(['1/b']);
});
