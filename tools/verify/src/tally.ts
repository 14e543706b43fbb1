/** Counts checks and tests, and words the result. Pure. */

/** How one check went. Some, like a test run, stand for many results. */
export interface Outcome {
  readonly passed: number;
  /** One line each. */
  readonly failed: readonly string[];
  /** Names of what was not run. */
  readonly skipped: readonly string[];
  /** What the reader needs when something failed. */
  readonly output: string;
}

/** One check with its outcome and the time it took. */
export interface Section {
  readonly name: string;
  readonly outcome: Outcome;
  readonly ms: number;
}

/** A check that is one result. */
export const passed: Outcome = { passed: 1, failed: [], skipped: [], output: '' };

/** A check that is one result and failed. */
export function failed(why: string, output = ''): Outcome {
  return { passed: 0, failed: [why], skipped: [], output };
}

/** A skip says nothing about the code; where nobody is there to notice, it counts as failed. */
export function strict(outcome: Outcome): Outcome {
  return { ...outcome, failed: [...outcome.failed, ...outcome.skipped.map((name) => `skipped: ${name}`)], skipped: [] };
}

/** One line, for example `ok      types            3.2 s` or `FAILED  tests   41.0 s  212 passed, 1 failed`. */
export function sectionLine({ name, outcome, ms }: Section): string {
  const { passed: good, failed: bad, skipped } = outcome;
  const many = good + bad.length + skipped.length > 1 ? `  ${counts(good, bad.length, skipped.length)}` : '';
  return `${bad.length === 0 ? 'ok    ' : 'FAILED'}  ${name.padEnd(28)} ${(ms / 1000).toFixed(1).padStart(6)} s${many}`;
}

/** The last line of a run. */
export function totalLine(sections: readonly Section[]): string {
  const sum = (count: (outcome: Outcome) => number): number => sections.reduce((total, { outcome }) => total + count(outcome), 0);
  return counts(
    sum((outcome) => outcome.passed),
    sum((outcome) => outcome.failed.length),
    sum((outcome) => outcome.skipped.length),
  );
}

function counts(good: number, bad: number, skipped: number): string {
  return `${good} passed, ${bad} failed${skipped === 0 ? '' : `, ${skipped} skipped`}`;
}
