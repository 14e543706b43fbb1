import { summaryOf, tableOf } from './fault-text.ts';
import type { FaultReport } from './run-faults.ts';

const report: FaultReport = {
  faults: [{ name: 'SIGKILL gateway', bed: 'single', seen: 'ready again', executions: 300, brokenMs: 900, endedMs: 5_250 }],
  skipped: [{ name: 'disk full', why: 'needs a small file system' }],
  figures: { executions: 300, steps: 1_566, arrivals: 1_620, repeatedAttempts: 2, events: 600, highestShareOfLimitPercent: 100 },
  violations: ['something'],
};

test('a run is a line for each fault, tried or skipped, and a summary', () => {
  expect(tableOf(report)).toEqual(['single: SIGKILL gateway: 300 ended in 5.3 s; ready again', 'skipped: disk full: needs a small file system']);
  expect(summaryOf(report)).toBe('faults: 1 tried, 1 skipped, 300 executions, 1,566 results, 1,620 arrivals, 2 attempts repeated at faults, 600 events, limits used up to 100 %, 1 violations');
});
