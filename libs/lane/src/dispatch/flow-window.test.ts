import { createFlowWindow, OVERHEAD_MS, WINDOW, type FlowWindow } from './flow-window.ts';

const STEP_US = 30;

/** So many steps a millisecond are worked off, whatever is under way, with so much overhead at the least. */
function saturate(window: FlowWindow, perMs: number, restMs: number, forMs: number, fromMs = 0): number {
  let overheadMs = restMs;
  for (let nowMs = fromMs; nowMs < fromMs + forMs; nowMs++) {
    window.hasRoom(window.size);
    overheadMs = Math.max(restMs, window.size / STEP_US / perMs);
    for (let index = 0; index < perMs; index++) window.sample(overheadMs, nowMs);
  }
  return overheadMs;
}

test.each([[5, 1], [25, 2], [50, 5], [100, 5]])('with %i steps a millisecond and a rest of %i ms the overhead settles at what is aimed at', (perMs, restMs) => {
  const window = createFlowWindow();
  window.sample(restMs, 0);
  const overheadMs = saturate(window, perMs, restMs, 3_000, 1);
  expect(window.size).toBeGreaterThanOrEqual(WINDOW.least);
  if (window.size > WINDOW.least) expect(Math.abs(overheadMs - (restMs + OVERHEAD_MS))).toBeLessThan(15);
});

test('slow work alone never shrinks it, and the window grows for it', () => {
  const window = createFlowWindow();
  for (let nowMs = 0; nowMs < 5_000; nowMs += 5) {
    window.hasRoom(window.size);
    window.sample(3, nowMs);
  }
  expect(window.size).toBe(WINDOW.most);
});

test('a window that was not the limit does not grow', () => {
  const window = createFlowWindow();
  for (let nowMs = 0; nowMs < 5_000; nowMs += 5) {
    expect(window.hasRoom(10)).toBe(true);
    window.sample(3, nowMs);
  }
  expect(window.size).toBe(WINDOW.first);
});

test('a disk that is always slow is no reason to shrink below what it needs', () => {
  const window = createFlowWindow();
  for (let nowMs = 0; nowMs < 60_000; nowMs += 5) window.sample(120, nowMs);
  expect(window.size).toBe(WINDOW.first);
});

test('it never leaves its bounds, and a clock that went back says nothing', () => {
  const window = createFlowWindow();
  window.sample(0, 0);
  for (let nowMs = 1; nowMs < 10_000; nowMs++) {
    window.sample(-5_000, nowMs);
    window.sample(90_000, nowMs);
  }
  expect(window.size).toBe(WINDOW.least);
});
