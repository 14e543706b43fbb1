import { failed, passed, sectionLine, strict, totalLine, type Outcome } from './tally.ts';

const tests: Outcome = { passed: 3, failed: ['a: falls'], skipped: ['b: sleeps'], output: '' };

describe('the tally', () => {
  test('adds checks and tests up', () => {
    const sections = [passed, failed('wrong'), tests].map((outcome) => ({ name: 'x', outcome, ms: 1 }));
    expect(totalLine(sections)).toBe('4 passed, 2 failed, 1 skipped');
    expect(totalLine(sections.slice(0, 1))).toBe('1 passed, 0 failed');
  });

  test('counts a skip as failed where nobody would notice it', () => {
    expect(strict(tests)).toEqual({ passed: 3, failed: ['a: falls', 'skipped: b: sleeps'], skipped: [], output: '' });
    expect(strict(passed)).toEqual(passed);
  });

  test('says of a section how it went, how long it took and what it stands for', () => {
    expect(sectionLine({ name: 'types', outcome: passed, ms: 1234 })).toMatch(/^ok {6}types +1\.2 s$/);
    expect(sectionLine({ name: 'tests', outcome: tests, ms: 61_000 })).toMatch(/^FAILED {2}tests +61\.0 s {2}3 passed, 1 failed, 1 skipped$/);
  });
});
