import { profileTable, type CpuProfile } from './profile-table.ts';

const frame = (functionName: string, url: string): { readonly functionName: string; readonly url: string; readonly lineNumber: number } => ({ functionName, url, lineNumber: 0 });

const PROFILE: CpuProfile = {
  nodes: [
    { id: 1, callFrame: frame('(root)', ''), children: [2, 5, 6, 7] },
    { id: 2, callFrame: frame('evaluate', 'file:///x/libs/jq/src/evaluate.ts'), children: [3, 4] },
    { id: 3, callFrame: frame('stringify', ''), children: [] },
    { id: 4, callFrame: frame('zstdCompressSync', 'node:zlib') },
    { id: 5, callFrame: frame('(garbage collector)', '') },
    { id: 6, callFrame: frame('(idle)', '') },
    { id: 7, callFrame: frame('processTimers', 'node:internal/timers') },
  ],
  startTime: 1_000,
  //        before the window, then one of each, each of 10 µs but the idle one
  samples: [2, 2, 3, 4, 5, 6, 7, 2],
  timeDeltas: [0, 100, 10, 10, 10, 10, 500, 10],
};

test('time is counted for the feature that caused it, and only within the window', () => {
  const { features, busyUs } = profileTable(PROFILE, { steps: 10, fromUs: 1_050, toUs: 1_640 });
  expect(features).toEqual([
    { feature: 'expressions (jq)', ownUs: 1, nodeUs: 1, totalUs: 2, sharePercent: 40 },
    { feature: 'frames: compression', ownUs: 0, nodeUs: 1, totalUs: 1, sharePercent: 20 },
    { feature: 'garbage collection', ownUs: 1, nodeUs: 0, totalUs: 1, sharePercent: 20 },
    { feature: 'Node.js itself: event loop, sockets, timers', ownUs: 0, nodeUs: 1, totalUs: 1, sharePercent: 20 },
  ]);
  expect(busyUs).toBe(5);
});

test('functions are named with their file', () => {
  expect(profileTable(PROFILE, { steps: 10, fromUs: 1_050, toUs: 1_640 }).functions.map((row) => row.function)).toContain('evaluate libs/jq/src/evaluate.ts:1');
});
