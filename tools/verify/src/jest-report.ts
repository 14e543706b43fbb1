/** Reads the JSON that jest writes about a run. Pure. */
import type { Outcome } from './tally.ts';

/** The part of jest's `--json` output that is used here. */
export interface JestReport {
  readonly testResults: readonly {
    readonly name: string;
    readonly status: string;
    readonly message: string;
    readonly assertionResults: readonly { readonly fullName: string; readonly status: string; readonly failureMessages?: readonly string[] | null }[];
  }[];
}

/** Counts tests; a file that could not run is one failure, a skipped or pending test is named. */
export function outcomeOf(report: JestReport, root: string): Outcome {
  let passed = 0;
  const failed: string[] = [];
  const skipped: string[] = [];
  const output: string[] = [];
  for (const file of report.testResults) {
    const name = file.name.startsWith(`${root}/`) ? file.name.slice(root.length + 1) : file.name;
    for (const { fullName, status } of file.assertionResults) {
      if (status === 'passed') passed += 1;
      else if (status === 'failed') failed.push(`${name}: ${fullName}`);
      else skipped.push(`${name}: ${fullName}`);
    }
    if (file.status === 'failed' && !file.assertionResults.some(({ status }) => status === 'failed')) failed.push(`${name}: the file could not be run`);
    if (file.status === 'failed') output.push(`${name}\n${file.message}`);
  }
  return { passed, failed, skipped, output: output.join('\n') };
}
