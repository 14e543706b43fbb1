/**
 * Where peers are installed: `.cache/peers` in the repository (not tracked), or MILLRACE_PEERS. Nothing of it is a
 * dependency of the product.
 */
import { execFile } from 'node:child_process';
import { access, mkdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import { EngineMissing } from './engine.ts';

const run = promisify(execFile);

/** Of one peer's packages, or one program's build, in milliseconds. */
const INSTALL_MS = 900_000;
const OUTPUT_BYTES_MAX = 64 * 1024 * 1024;

export function peerFolder(name: string): string {
  return path.join(process.env['MILLRACE_PEERS'] ?? path.resolve(import.meta.dirname, '../../../../.cache/peers'), name);
}

/** Installs exactly these packages by npm, unless they are there. */
export async function installPackages(name: string, packages: Readonly<Record<string, string>>, overrides: Readonly<Record<string, string>> = {}): Promise<string> {
  const folder = peerFolder(name);
  const manifest = `${JSON.stringify({ name: `peer-${name}`, private: true, dependencies: packages, overrides }, undefined, 2)}\n`;
  const file = path.join(folder, 'package.json');
  const done = path.join(folder, 'node_modules', '.installed');
  if ((await readFile(done, 'utf8').catch(() => '')) === manifest) return folder;
  await mkdir(folder, { recursive: true });
  await writeFile(file, manifest);
  process.stderr.write(`installing ${name}: ${Object.entries(packages).map(([each, version]) => `${each}@${version}`).join(', ')}\n`);
  await attempt(`npm install of ${name}`, () => run('npm', ['install', '--no-audit', '--no-fund', '--loglevel=error', `--prefix=${folder}`], { cwd: folder, timeout: INSTALL_MS, maxBuffer: OUTPUT_BYTES_MAX }));
  await writeFile(done, manifest);
  return folder;
}

/** Runs a command of an installation. */
export async function command(what: string, file: string, args: readonly string[], options: { readonly cwd?: string; readonly environment?: Readonly<Record<string, string>> } = {}): Promise<string> {
  return attempt(what, async () => {
    const { stdout } = await run(file, [...args], { timeout: INSTALL_MS, maxBuffer: OUTPUT_BYTES_MAX, env: { ...process.env, ...options.environment }, ...(options.cwd === undefined ? {} : { cwd: options.cwd }) });
    return stdout;
  });
}

/** The version of an installed package. */
export async function versionOf(folder: string, name: string): Promise<string> {
  return (JSON.parse(await readFile(path.join(folder, 'node_modules', name, 'package.json'), 'utf8')) as { readonly version: string }).version;
}

/** The first program of that name on PATH. */
export async function programOnPath(name: string): Promise<string | undefined> {
  for (const folder of (process.env['PATH'] ?? '').split(path.delimiter).filter((entry) => entry !== '')) {
    const file = path.join(folder, name);
    if (await access(file).then(() => true, () => false)) return file;
  }
  return undefined;
}

async function attempt<T>(what: string, act: () => Promise<T>): Promise<T> {
  try {
    return await act();
  } catch (error) {
    const { stderr = '', message = String(error) } = error as { readonly stderr?: string; readonly message?: string };
    throw new EngineMissing(`${what} failed: ${(stderr === '' ? message : stderr).trim().split('\n').slice(-5).join(' ')}`, { cause: error });
  }
}
