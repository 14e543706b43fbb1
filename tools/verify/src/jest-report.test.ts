import { outcomeOf, type JestReport } from './jest-report.ts';

const file = (name: string, status: string, ...tests: readonly (readonly [string, string])[]): JestReport['testResults'][number] => ({
  name: `/repository/libs/${name}`,
  status,
  message: `${name} said why`,
  assertionResults: tests.map(([fullName, result]) => ({ fullName, status: result })),
});

describe('a report of jest', () => {
  test('gives counts and names, with files relative to the repository', () => {
    const report: JestReport = {
      testResults: [file('a.test.ts', 'passed', ['sings', 'passed'], ['sleeps', 'pending'], ['waits', 'todo']), file('b.test.ts', 'failed', ['falls', 'failed'])],
    };
    expect(outcomeOf(report, '/repository')).toEqual({
      passed: 1,
      failed: ['libs/b.test.ts: falls'],
      skipped: ['libs/a.test.ts: sleeps', 'libs/a.test.ts: waits'],
      output: 'libs/b.test.ts\nb.test.ts said why',
    });
  });

  test('counts a file that could not run as one failure, even when some of its tests had passed', () => {
    const report: JestReport = { testResults: [file('a.test.ts', 'failed'), file('b.test.ts', 'failed', ['sings', 'passed'])] };
    expect(outcomeOf(report, '/repository').failed).toEqual(['libs/a.test.ts: the file could not be run', 'libs/b.test.ts: the file could not be run']);
  });
});
