/**
 * Mistakes made on purpose: each canary breaks what a check guards, and passes only when the check objects for that
 * very reason. A control shows that the same thing without the mistake is accepted.
 */
import { cp, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { Ending } from './command.ts';
import { outcomeOf, type JestReport } from './jest-report.ts';
import { failed, passed, type Outcome } from './tally.ts';

/** Runs a program in the repository. */
export type Run = (file: string, args: readonly string[]) => Promise<Ending>;
type Bin = (name: string) => string;

const quiet = '--disable-warning=ExperimentalWarning';

/** A proto that gained a message without regenerating. */
export async function contractsCanary(root: string, run: Run): Promise<Outcome> {
  return inFolder(tmpdir(), async (folder) => {
    await cp(path.join(root, 'protos'), folder, { recursive: true });
    await mkdir(path.join(folder, 'millrace/canary/v1'), { recursive: true });
    const proto = 'syntax = "proto3";\npackage millrace.canary.v1;\nmessage Canary { string song = 1; }\n';
    await writeFile(path.join(folder, 'millrace/canary/v1/canary.proto'), proto);
    const { status, output } = await run(process.execPath, [quiet, path.join(root, 'tools/generate/src/main.ts'), '--check', '--protos', folder]);
    return objects(status === 1 && output.includes('missing: ') && output.includes('canary.ts'), 'a changed proto', output);
  });
}

/** A tree that breaks every rule of the tree. */
export async function rulesCanary(root: string, run: Run): Promise<Outcome> {
  const { status, output } = await run(process.execPath, [quiet, path.join(root, 'tools/tidy/src/main.ts'), '--canary']);
  return status === 0 ? passed : failed('a rule of the tree no longer objects', output);
}

/** Imports across the layers and impure expressions; through Nx, because the rule is silent without its graph. */
export async function boundariesCanary(run: Run, bin: Bin): Promise<Outcome> {
  const { status, output } = await run(bin('nx'), ['run', 'millrace:lint-canary']);
  return status === 0 ? passed : failed('a lint rule no longer objects', output);
}

const IMPURE: Readonly<Record<string, string>> = {
  "import { readFileSync } from 'node:fs';\nexport const text = readFileSync('a', 'utf8');\n": 'TS2591|TS2307|TS2580',
  'export const wait = () => setTimeout(() => {}, 1);\n': 'TS2304|TS2591|TS2580',
  'export const setting = process.env;\n': 'TS2591|TS2580|TS2304',
  "export const answer = fetch('http://127.0.0.1');\n": 'TS2304|TS2584',
};

/** Code with I/O, compiled with the options of every core; with Node's types as the control. */
export async function purityCanary(root: string, run: Run, bin: Bin): Promise<Outcome> {
  const cores = await coresOf(root);
  if (cores.length === 0) return failed('no package has the layer core');
  const compile = async (source: string, extended: string, types?: readonly string[]): Promise<Ending> =>
    compiled(root, run, bin, source, extended, types);
  for (const [source, code] of Object.entries(IMPURE)) {
    const control = await compile(source, path.join(root, 'tsconfig.base.json'), ['node']);
    if (control.status !== 0) return failed('the control with Node’s types does not compile', control.output);
    for (const core of cores) {
      const { status, output } = await compile(source, path.join(root, core, 'tsconfig.json'));
      if (status === 0 || !new RegExp(code).test(output)) return failed(`${core} accepts: ${source}`, output);
    }
  }
  return passed;
}

const UNTYPED: readonly string[] = [
  "export const a: string = Number('1');\n",
  'export const b = (value) => value;\n',
  "export const c: string = ['x'][Number('0')];\n",
  'export const d: { x?: string } = { x: undefined };\n',
  'export enum E { A }\n',
];

/** What each strict option refuses. */
export async function typesCanary(root: string, run: Run, bin: Bin): Promise<Outcome> {
  const basis = path.join(root, 'tsconfig.base.json');
  const control = await compiled(root, run, bin, "export const a: string = 'x';\n", basis);
  if (control.status !== 0) return failed('the control does not compile', control.output);
  for (const source of UNTYPED) {
    const { status, output } = await compiled(root, run, bin, source, basis);
    if (status === 0) return failed(`the compiler accepts: ${source}`, output);
  }
  return passed;
}

/** A failing, a skipped and a passing test, and a file that cannot be run. */
export async function jestCanary(root: string, run: Run): Promise<Outcome> {
  return inFolder(path.join(root, '.cache'), async (folder) => {
    await mkdir(path.join(folder, 'src'));
    await writeFile(
      path.join(folder, 'src/mixed.test.ts'),
      "test('sings', () => {});\ntest('falls', () => expect<number>(1).toBe(2));\ntest.skip('sleeps', () => {});\n",
    );
    await writeFile(path.join(folder, 'src/broken.test.ts'), "import './nothing.ts';\ntest('never', () => {});\n");
    const reportFile = path.join(folder, 'report.json');
    const jest = path.join(root, 'node_modules/jest/bin/jest.js');
    const options = ['--config', path.join(root, 'jest.config.mjs'), '--rootDir', folder, '--roots', folder, '--runInBand'];
    const { status, output } = await run(process.execPath, ['--experimental-vm-modules', quiet, jest, ...options, '--json', '--outputFile', reportFile]);
    const report = await readFile(reportFile, 'utf8').catch(() => undefined);
    if (report === undefined) return failed('jest left no report', output);
    const found = outcomeOf(JSON.parse(report) as JestReport, folder);
    const right = status !== 0 && found.passed === 1 && found.failed.length === 2 && found.skipped.length === 1;
    return objects(right, 'a failing test', `${JSON.stringify(found)}\n${output}`);
  });
}

function objects(objected: boolean, mistake: string, output: string): Outcome {
  return objected ? passed : failed(`${mistake} went unnoticed`, output);
}

async function coresOf(root: string): Promise<readonly string[]> {
  const folders = (await readdir(path.join(root, 'libs'))).map((name) => `libs/${name}`);
  const tagged = await Promise.all(
    folders.map(async (folder) => {
      const text = await readFile(path.join(root, folder, 'package.json'), 'utf8').catch(() => '{}');
      const { nx } = JSON.parse(text) as { readonly nx?: { readonly tags?: readonly string[] } };
      return nx?.tags?.includes('layer:core') === true;
    }),
  );
  return folders.filter((_, index) => tagged[index]);
}

/** Compiles one file in a folder of the repository, so that its node_modules are in reach as they are for real code. */
async function compiled(root: string, run: Run, bin: Bin, source: string, extended: string, types?: readonly string[]): Promise<Ending> {
  return inFolder(path.join(root, '.cache'), async (folder) => {
    const options = { noEmit: true, composite: false, incremental: false, rootDir: '.', ...(types === undefined ? {} : { types }) };
    await writeFile(path.join(folder, 'package.json'), '{"type":"module"}\n');
    await writeFile(path.join(folder, 'canary.ts'), source);
    await writeFile(
      path.join(folder, 'tsconfig.json'),
      JSON.stringify({ extends: extended, compilerOptions: options, files: ['canary.ts'], include: [], references: [] }),
    );
    return run(bin('tsc'), ['-p', folder]);
  });
}

async function inFolder<T>(parent: string, work: (folder: string) => Promise<T>): Promise<T> {
  await mkdir(parent, { recursive: true });
  const folder = await mkdtemp(path.join(parent, 'canary-'));
  try {
    return await work(folder);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
