import { runAway, runFaults } from './run-faults.ts';

const report = (line: string): void => void process.stderr.write(`  ${line}\n`);

test('300 executions in flight end once each through every fault (E2, E4, E5)', async () => {
  const found = await runFaults({ report });
  report(`${found.executions} executions, ${found.arrivals} arrivals, ${found.repeatedAttempts} attempts repeated at faults`);
  expect(found.violations).toEqual([]);
  expect(found.faults).toHaveLength(11);
}, 900_000);

test.each(['mongod', 'throttle', 'notification', 'gateway'] as const)('with %s away what is in flight and new webhook starts still end', async (away) => {
  expect(await runAway(away, 50, report)).toEqual([]);
}, 240_000);
