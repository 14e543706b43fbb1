/** Runs jest and takes its own report of what happened. */
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { command } from './command.ts';
import { outcomeOf, type JestReport } from './jest-report.ts';
import { failed, type Outcome } from './tally.ts';

/** Test files that run real processes one after the other. */
const END_TO_END = String.raw`\.e2e\.test\.ts$`;
/** Limit of one end-to-end test unless it says otherwise, in milliseconds. */
const END_TO_END_TIMEOUT_MS = 180_000;

/** How long each kind may take in all, in milliseconds. */
const RUN_TIMEOUT_MS = { units: 12 * 60_000, 'end-to-end': 25 * 60_000 } as const;

/** Runs every test of one kind: the fast ones side by side, the end-to-end ones one at a time. */
export async function runTests(root: string, kind: keyof typeof RUN_TIMEOUT_MS): Promise<Outcome> {
  const selection =
    kind === 'units'
      ? ['--testPathIgnorePatterns', '/node_modules/', END_TO_END]
      : ['--testPathPatterns', END_TO_END, '--runInBand', `--testTimeout=${END_TO_END_TIMEOUT_MS}`];
  const folder = await mkdtemp(path.join(tmpdir(), 'millrace-verify-'));
  try {
    const reportFile = path.join(folder, 'report.json');
    const jest = path.join(root, 'node_modules/jest/bin/jest.js');
    const flags = ['--experimental-vm-modules', '--disable-warning=ExperimentalWarning'];
    const ending = await command(process.execPath, [...flags, jest, '--forceExit', '--json', '--outputFile', reportFile, '--silent', ...selection], {
      cwd: root,
      timeoutMs: RUN_TIMEOUT_MS[kind],
    });
    return await reported(reportFile, root, ending.status, ending.output);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function reported(reportFile: string, root: string, status: number, output: string): Promise<Outcome> {
  const text = await readFile(reportFile, 'utf8').catch(() => undefined);
  if (text === undefined) return failed('jest ended without a report', output);
  const outcome = outcomeOf(JSON.parse(text) as JestReport, root);
  if (status !== 0 && outcome.failed.length === 0) return { ...outcome, failed: [`jest ended with exit status ${status}`], output };
  return outcome;
}
