/**
 * The checks of `npm run verify`, in order. Each is independent of the others; what can be tricked has a canary.
 */
import { readdir } from 'node:fs/promises';
import path from 'node:path';
import { boundariesCanary, contractsCanary, jestCanary, purityCanary, rulesCanary, typesCanary } from './canaries.ts';
import { command, type Ending } from './command.ts';
import { runTests } from './jest-run.ts';
import { failed, passed, type Outcome } from './tally.ts';

/** One thing that is looked at. */
export interface Check {
  readonly name: string;
  /** Left out by `--quick`. */
  readonly slow?: boolean;
  readonly run: () => Promise<Outcome>;
}

/** Longest time for one static check, in milliseconds. Cold, on two busy cores, lint is the slowest. */
const STATIC_TIMEOUT_MS = 5 * 60_000;

/** All checks of the repository at `root`. */
export function checksOf(root: string): readonly Check[] {
  const bin = (name: string): string => path.join(root, 'node_modules/.bin', name);
  const run = (file: string, args: readonly string[]): Promise<Ending> => command(file, args, { cwd: root, timeoutMs: STATIC_TIMEOUT_MS });
  const succeeds = (file: string, args: readonly string[], why: string) => async (): Promise<Outcome> => {
    const { status, output } = await run(file, args);
    return status === 0 ? passed : failed(why, output);
  };
  const program = (file: string, ...args: readonly string[]): readonly string[] => ['--disable-warning=ExperimentalWarning', path.join(root, file), ...args];

  return [
    { name: 'versions of the tools', run: () => versions(run, bin) },
    { name: 'contracts in step', run: succeeds(process.execPath, program('tools/generate/src/main.ts', '--check'), 'protos and contracts differ') },
    { name: 'contracts in step: canary', run: () => contractsCanary(root, run) },
    { name: 'rules of the tree', run: succeeds(process.execPath, program('tools/tidy/src/main.ts'), 'a rule of the tree is broken') },
    { name: 'rules of the tree: canary', run: () => rulesCanary(root, run) },
    { name: 'lint and boundaries', run: succeeds(bin('nx'), ['run', 'millrace:lint'], 'lint found something') },
    { name: 'lint and boundaries: canary', run: () => boundariesCanary(run, bin) },
    { name: 'purity of cores', run: succeeds(process.execPath, program('tools/tidy/src/main.ts', '--only', 'pure-cores'), 'a core is not pure') },
    { name: 'purity of cores: canary', run: () => purityCanary(root, run, bin) },
    { name: 'types', run: succeeds(bin('tsc'), ['-b'], 'tsc found something') },
    { name: 'types of the tests', run: succeeds(bin('tsc'), ['-p', 'tsconfig.tests.json'], 'tsc found something') },
    { name: 'types: canary', run: () => typesCanary(root, run, bin) },
    { name: 'shell scripts', run: () => shellScripts(root, run) },
    // Fetched once here, so that no test's time is spent on a download.
    { name: 'servers at hand', run: succeeds(process.execPath, program('tools/servers/src/main.ts', '--fetch'), 'a server is missing') },
    { name: 'tests: canary', run: () => jestCanary(root, run) },
    { name: 'tests', run: () => runTests(root, 'units') },
    { name: 'end-to-end tests', slow: true, run: () => runTests(root, 'end-to-end') },
  ];
}

/** A program on PATH that stands in for the pinned one would make every other check worthless. */
async function versions(run: (file: string, args: readonly string[]) => Promise<Ending>, bin: (name: string) => string): Promise<Outcome> {
  const wanted: readonly (readonly [string, string, RegExp])[] = [
    ['node', process.execPath, /^v24\./],
    ['tsc', bin('tsc'), /^Version 7\./],
    ['eslint', bin('eslint'), /^v10\./],
    ['buf', bin('buf'), /^1\./],
  ];
  const findings = await Promise.all(
    wanted.map(async ([name, file, version]) => {
      const { output } = await run(file, ['--version']);
      return version.test(output.trim()) ? [] : [`${name} says ${output.trim()}, expected ${version.source}`];
    }),
  );
  const wrong = findings.flat();
  return wrong.length === 0 ? passed : failed('a tool is not the pinned one', wrong.join('\n'));
}

async function shellScripts(root: string, run: (file: string, args: readonly string[]) => Promise<Ending>): Promise<Outcome> {
  const names = await readdir(path.join(root, '.ci'));
  const endings = await Promise.all(names.map((name) => run('bash', ['-n', path.join(root, '.ci', name)])));
  const wrong = endings.filter(({ status }) => status !== 0);
  return wrong.length === 0 ? passed : failed('a shell script does not parse', wrong.map(({ output }) => output).join('\n'));
}
