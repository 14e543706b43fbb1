/** What tests came to: for people, as JSON, and as JUnit's XML. */
import type { CaseResult, TestResult } from './run-tests.ts';
import { pathOf } from './path.ts';

export interface Totals {
  readonly passed: number;
  readonly failed: number;
}

export function totalsOf(results: readonly TestResult[]): Totals {
  const cases = results.flatMap((result) => result.cases);
  const failed = cases.filter(({ failures }) => failures.length > 0).length + results.filter(({ coverageFailure }) => coverageFailure !== undefined).length;
  return { passed: cases.filter(({ failures }) => failures.length === 0).length, failed };
}

/** Failures in full, what holds in one line each. */
export function textReport(results: readonly TestResult[]): string {
  const lines: string[] = [];
  for (const { file, name, cases, coverage, coverageFailure } of results) {
    lines.push(`${file}  ${name}`);
    for (const each of cases) {
      lines.push(`  ${each.failures.length === 0 ? 'ok  ' : 'FAIL'} ${each.name}`);
      for (const failure of each.failures) lines.push(`         ${failure}`);
      if (each.failures.length > 0) lines.push(`         at ${file}:${each.line}`);
    }
    lines.push(`  ${coverageFailure === undefined ? 'coverage' : 'FAIL coverage:'} ${coverageFailure ?? `${coverage.percent} % of the tasks of ${coverage.workflow}${coverage.missed.length === 0 ? '' : `; not ${coverage.missed.join(', ')}`}`}`);
  }
  const { passed, failed } = totalsOf(results);
  return `${lines.join('\n')}\n\n${passed} passed, ${failed} failed\n`;
}

/** The same as a document. */
export function jsonReport(results: readonly TestResult[]): object {
  const { passed, failed } = totalsOf(results);
  return {
    passed,
    failed,
    tests: results.map(({ file, name, cases, coverage, coverageFailure }) => ({
      file,
      name,
      cases: cases.map(caseDocument),
      coverage: { ...coverage, failure: coverageFailure ?? null },
    })),
  };
}

function caseDocument({ name, line, failures, run, durationMs }: CaseResult): object {
  return {
    name,
    line,
    passed: failures.length === 0,
    failures,
    durationMs: Math.round(durationMs * 1000) / 1000,
    ...(run === undefined
      ? {}
      : { status: run.status, output: run.output ?? null, error: run.error ?? null, path: pathOf(run.program, run.journal).map(({ reference }) => reference), tookMs: run.endedAtMs - run.startedAtMs, untakenEvents: run.untaken }),
  };
}

/** JUnit's XML, as continuous integration reads it. */
export function junitReport(results: readonly TestResult[]): string {
  const { passed, failed } = totalsOf(results);
  const suites = results.map(({ file, name, cases, coverageFailure }) => {
    const items = cases.map((each) => testcase(name, each.name, file, each.durationMs, each.failures, each.line));
    if (coverageFailure !== undefined) items.push(testcase(name, 'coverage', file, 0, [coverageFailure], 1));
    const failures = cases.filter((each) => each.failures.length > 0).length + (coverageFailure === undefined ? 0 : 1);
    return `  <testsuite name="${escaped(name)}" file="${escaped(file)}" tests="${items.length}" failures="${failures}" errors="0" skipped="0">\n${items.join('')}  </testsuite>\n`;
  });
  return `<?xml version="1.0" encoding="UTF-8"?>\n<testsuites tests="${passed + failed}" failures="${failed}">\n${suites.join('')}</testsuites>\n`;
}

function testcase(suite: string, name: string, file: string, durationMs: number, failures: readonly string[], line: number): string {
  const head = `    <testcase classname="${escaped(suite)}" name="${escaped(name)}" file="${escaped(file)}" line="${line}" time="${(durationMs / 1000).toFixed(6)}"`;
  return failures.length === 0 ? `${head}/>\n` : `${head}>\n      <failure message="${escaped(failures[0] ?? '')}">${escaped(failures.join('\n'))}</failure>\n    </testcase>\n`;
}

/** What XML 1.0 cannot hold is replaced. */
function escaped(text: string): string {
  return text.replace(/[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]/g, '\ufffd').replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;').replaceAll('\n', '&#10;');
}
