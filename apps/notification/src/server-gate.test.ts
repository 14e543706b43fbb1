import { createServerGate, GATE_MAX_MS, GATE_MIN_MS } from './server-gate.ts';

test('an unusable server is tried by one message at a time, at growing intervals, until it answers', () => {
  let nowMs = 0;
  const gate = createServerGate(() => nowMs);
  expect(gate.allowance(5, 0)).toBe(5);
  // Five attempts fail together: one finding.
  for (let failure = 0; failure < 5; failure++) gate.report(false);
  expect(gate.opensAtMs()).toBe(GATE_MIN_MS);
  expect(gate.allowance(5, 0)).toBe(0);
  nowMs = GATE_MIN_MS;
  expect(gate.allowance(5, 0)).toBe(1);
  expect(gate.allowance(4, 1)).toBe(0);
  gate.report(false);
  expect(gate.opensAtMs()).toBe(GATE_MIN_MS + 2 * GATE_MIN_MS);
  for (let failure = 0; failure < 20; failure++) {
    nowMs = gate.opensAtMs() as number;
    gate.report(false);
  }
  expect((gate.opensAtMs() as number) - nowMs).toBe(GATE_MAX_MS);
  gate.report(true);
  expect(gate.allowance(5, 0)).toBe(5);
});
