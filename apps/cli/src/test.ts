/**
 * `millrace test`: runs workflows on mocks and a clock that jumps; needs no cluster.
 *
 * Owns which files are tests, and which workflows they are of. What a test means is `@millrace/workflow-testing`'s.
 */
import { readdir, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { compileWorkflow, formatProblem, type Problem } from '@millrace/dsl';
import type { Program } from '@millrace/engine';
import { MillraceError } from '@millrace/errors';
import { jsonReport, junitReport, runTests, textReport, totalsOf, type TestDocument, type TestResult } from '@millrace/workflow-testing';
import { OUTPUT_OPTION, UsageError, type Command } from './command.ts';
import { EXIT } from './exit-status.ts';
import { checkFile } from './source-files.ts';
import { writeJson, type Terminal } from './terminal.ts';

/** Files that are tests, in a folder. */
const TEST_FILE = /\.test\.(?:ya?ml|json)$/;
/** Most files and folders that are looked through for tests. */
const ENTRIES_MAX = 100_000;

export const testCommand: Command = {
  name: 'test',
  synopsis: '[FILE|FOLDER]…',
  summary: 'Test workflows: steps answer from mocks, waits and retries take no time. Runs documents of `kind: test` in the files named, and in *.test.yaml of folders',
  options: {
    filter: { type: 'text', value: 'TEXT', help: 'only cases whose name has TEXT' },
    junit: { type: 'text', value: 'FILE', help: 'also write the results as JUnit XML' },
    ...OUTPUT_OPTION,
  },
  positionals: { least: 0, most: Infinity },
  async run(given, terminal) {
    const files = await testFilesOf(given.positionals.length === 0 ? ['.'] : given.positionals, terminal.directory);
    const filter = given.text('filter');
    const results: TestResult[] = [];
    const problems: Problem[] = [];
    const programs = createPrograms(terminal, problems);
    for (const file of files) {
      const checked = await checkFile(file, terminal);
      problems.push(...checked.problems);
      for (const test of checked.tests) {
        const result = await resultOf(test, programs, filter);
        if (result !== undefined) results.push(result);
      }
    }
    if (problems.length === 0 && results.length === 0) throw new UsageError(files.length === 0 ? 'there are no tests: name files of them, or folders with *.test.yaml' : 'no case of these files was asked for');
    const junit = given.text('junit');
    if (junit !== undefined) await writeFile(path.resolve(terminal.directory, junit), junitReport(results));
    if (given.json) writeJson(terminal, { ...jsonReport(results), problems });
    else if (results.length > 0) terminal.write(textReport(results));
    if (problems.length > 0) terminal.writeError(`${problems.map(formatProblem).join('\n')}\n`);
    return problems.length === 0 && totalsOf(results).failed === 0 ? EXIT.ok : EXIT.failed;
  },
};

/** Nothing when a workflow of it is wrong, which is then among the problems, or when none of its cases is asked for. */
async function resultOf(test: TestDocument, programs: Programs, filter: string | undefined): Promise<TestResult | undefined> {
  const chosen = test.spec.cases.flatMap((each, index) => (filter === undefined || each.name.includes(filter) ? [index] : []));
  if (chosen.length === 0) return undefined;
  const folder = path.dirname(test.file);
  const program = await programs(path.join(folder, test.spec.workflow));
  const others: (Program | undefined)[] = [];
  for (const file of test.spec.workflows ?? []) others.push(await programs(path.join(folder, file)));
  if (program === undefined || others.includes(undefined)) return undefined;
  const { coverage: _coverage, ...spec } = test.spec;
  // A part of the cases cannot be expected to run everything.
  const asked = filter === undefined ? test : { ...test, spec: { ...spec, cases: chosen.flatMap((index) => test.spec.cases[index] ?? []) }, lines: chosen.map((index) => test.lines[index] ?? 1) };
  return runTests(asked, program, others.flatMap((each) => each ?? []));
}

/** The program of a file; nothing where it is wrong, which is then among the problems. */
type Programs = (file: string) => Promise<Program | undefined>;

function createPrograms(terminal: Terminal, problems: Problem[]): Programs {
  const known = new Map<string, Program | undefined>();
  return async (file) => {
    if (known.has(file)) return known.get(file);
    const checked = await checkFile(file, terminal);
    problems.push(...checked.problems);
    const workflows = checked.documents.flatMap((each) => (each.kind === 'workflow' ? [each] : []));
    if (checked.problems.length === 0 && workflows.length !== 1) throw new MillraceError('argument-invalid', { message: `${file} has ${workflows.length === 0 ? 'no workflow' : `${workflows.length} workflows`}; a test is of one` });
    const [workflow] = workflows;
    const compiled = checked.problems.length > 0 || workflow === undefined ? undefined : compileWorkflow(workflow.document, { isChecked: true });
    const program = compiled?.kind === 'compiled' ? compiled.program : undefined;
    known.set(file, program);
    return program;
  };
}

/** Files as they are named, and the tests in folders, in the order of their names. */
async function testFilesOf(named: readonly string[], directory: string): Promise<readonly string[]> {
  const files: string[] = [];
  for (const name of named) {
    const found = await stat(path.resolve(directory, name)).catch(() => undefined);
    if (found?.isDirectory() === true) files.push(...(await testsIn(directory, name)));
    else files.push(name);
  }
  return [...new Set(files)];
}

async function testsIn(directory: string, folder: string): Promise<readonly string[]> {
  const files: string[] = [];
  const folders = [folder];
  let entries = 0;
  for (let next = folders.shift(); next !== undefined; next = folders.shift()) {
    for (const entry of (await readdir(path.resolve(directory, next), { withFileTypes: true })).sort((left, right) => (left.name < right.name ? -1 : 1))) {
      if (++entries > ENTRIES_MAX) throw new UsageError(`${folder} has more than ${ENTRIES_MAX} files; name the folders that have tests`);
      const file = path.join(next, entry.name);
      if (entry.isDirectory()) {
        if (entry.name !== 'node_modules' && !entry.name.startsWith('.')) folders.push(file);
      } else if (TEST_FILE.test(entry.name)) files.push(file);
    }
  }
  return files;
}
