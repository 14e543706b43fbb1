import { runAway } from './run-away.ts';
import { runFaults } from './run-faults.ts';
import { summaryOf } from './fault-text.ts';

const report = (line: string): void => void process.stderr.write(`  ${line}\n`);

test('executions in flight end once each, as they must, through every fault (E2, E4, E5, E9, T1)', async () => {
  const found = await runFaults({ inFlight: 200, wanted: ({ inTests }) => inTests, report });
  report(summaryOf(found));
  expect(found.violations).toEqual([]);
  expect(found.faults.length + found.skipped.length).toBeGreaterThanOrEqual(20);
}, 1_200_000);

test.each(['mongod', 'throttle', 'notification', 'gateway'] as const)('with %s away what is in flight and new webhook starts still end', async (away) => {
  expect(await runAway(away, 50, report)).toEqual([]);
}, 240_000);
