import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { chmod, cp, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';

const root = path.resolve(import.meta.dirname, '../../..');
let dir: string;

beforeEach(async () => {
  dir = await mkdtemp(path.join(tmpdir(), 'millrace-setup-'));
});
afterEach(() => rm(dir, { recursive: true, force: true }));

interface Ended {
  readonly status: number | null;
  readonly output: string;
}

async function ended(child: ChildProcess): Promise<Ended> {
  let output = '';
  child.stdout?.on('data', (chunk: Buffer) => (output += chunk.toString()));
  child.stderr?.on('data', (chunk: Buffer) => (output += chunk.toString()));
  const [status] = (await once(child, 'close')) as [number | null];
  return { status, output };
}

const start = (home: string, args: readonly string[], searchPath = process.env['PATH'] ?? ''): ChildProcess =>
  spawn(process.execPath, [path.join(home, 'tools/setup/run.mjs'), ...args], { env: { ...process.env, PATH: searchPath }, stdio: ['ignore', 'pipe', 'pipe'] });

async function script(name: string, source: string): Promise<string> {
  await writeFile(path.join(dir, name), source);
  return path.join(dir, name);
}

describe('running a program on the pinned Node', () => {
  test('hands over the arguments and passes the exit status on', async () => {
    const file = await script('a.ts', 'const args: string[] = process.argv.slice(2);\nconsole.log(process.version, args.join());\nprocess.exitCode = 3;\n');
    expect(await ended(start(root, [file, 'one', '--two']))).toEqual({ status: 3, output: expect.stringMatching(/^v24\.\S+ one,--two\n$/) });
  });

  test('passes signals on', async () => {
    const file = await script('a.ts', "process.on('SIGTERM', () => process.exit(7));\nsetInterval(() => {}, 1000);\nconsole.log('ready');\n");
    const child = start(root, [file]);
    const end = ended(child);
    await once(child.stdout as NonNullable<typeof child.stdout>, 'data');
    child.kill('SIGTERM');
    expect((await end).status).toBe(7);
  });

  test('without a file says how it is used', async () => {
    expect(await ended(start(root, []))).toEqual({ status: 2, output: expect.stringContaining('Usage:') });
  });
});

describe('making a fresh clone ready', () => {
  /** A clone that needs one package, and an npm that notes each call, takes its time and installs. */
  async function freshClone(): Promise<{ readonly bin: string; readonly calls: string; readonly file: string }> {
    await cp(path.join(root, 'tools/setup'), path.join(dir, 'tools/setup'), { recursive: true });
    const lock = JSON.stringify({ packages: { '': {}, 'node_modules/a': { version: '1.0.0' }, 'node_modules/for-another-system': { version: '1.0.0', optional: true } } });
    await writeFile(path.join(dir, 'package-lock.json'), lock);
    const bin = path.join(dir, 'bin');
    const calls = path.join(dir, 'calls');
    await mkdir(bin);
    const npm = `#!/bin/sh
[ "$1" = ci ] || exit 0
echo "$1" >> '${calls}'
sleep 0.5
mkdir -p '${dir}/node_modules/node/bin'
ln -sf '${process.execPath}' '${dir}/node_modules/node/bin/node'
echo '{"packages":{"node_modules/a":{"version":"1.0.0"}}}' > '${dir}/node_modules/.package-lock.json'
`;
    await writeFile(path.join(bin, 'npm'), npm);
    await chmod(path.join(bin, 'npm'), 0o755);
    return { bin: `${bin}${path.delimiter}${process.env['PATH']}`, calls, file: await script('a.ts', "console.log('ran');\n") };
  }

  test('of two runs at once one installs, the other waits, and both go on; a third finds all in place', async () => {
    const { bin, calls, file } = await freshClone();
    const both = await Promise.all([ended(start(dir, [file], bin)), ended(start(dir, [file], bin))]);
    expect(both.map(({ status }) => status)).toEqual([0, 0]);
    for (const { output } of both) expect(output).toContain('ran\n');
    expect(await ended(start(dir, [file], bin))).toEqual({ status: 0, output: 'ran\n' });
    expect(await readFile(calls, 'utf8')).toBe('ci\n');
  });

  test('installs again when the lock file has moved on, and not when the right version is there', async () => {
    const { bin, calls, file } = await freshClone();
    await ended(start(dir, [file], bin));
    await writeFile(path.join(dir, 'package-lock.json'), JSON.stringify({ packages: { 'node_modules/a': { version: '2.0.0' } } }));
    const { status, output } = await ended(start(dir, [file], bin));
    expect({ status, output }).toEqual({ status: 1, output: expect.stringContaining('node_modules/a is 1.0.0, the lock file says 2.0.0') });
    expect(await readFile(calls, 'utf8')).toBe('ci\nci\n');
  });

  test('the lock of a run that was killed does not stop the next one', async () => {
    const { bin, file } = await freshClone();
    await mkdir(path.join(dir, '.cache/setup.lock'), { recursive: true });
    await writeFile(path.join(dir, '.cache/setup.lock/pid'), '999999999');
    expect((await ended(start(dir, [file], bin))).status).toBe(0);
  });

  test('names every program that is missing, with the remedy', async () => {
    const { file } = await freshClone();
    const bare = path.join(dir, 'bare');
    await mkdir(bare);
    await symlink(process.execPath, path.join(bare, 'node'));
    const { status, output } = await ended(start(dir, [file], bare));
    expect(status).toBe(1);
    expect(output).toMatch(/npm was not found on PATH.*\n.*python3 was not found on PATH.*apt-get install python3/);
  });
});
