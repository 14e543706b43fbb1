/**
 * A redis-server: the one on PATH, else that of the Debian packages, fetched and unpacked into the cache without
 * being installed, so that no privileges are needed.
 */
import { access, mkdir, readdir } from 'node:fs/promises';
import path from 'node:path';
import { EngineMissing } from './engine.ts';
import { command, peerFolder, programOnPath } from './install.ts';

/** The server and the libraries that it needs beside those of every system. */
const DEBIAN_PACKAGES = ['redis-server', 'redis-tools', 'libhiredis0.14', 'libjemalloc2', 'liblua5.1-0', 'liblzf1', 'lua-bitop', 'lua-cjson'] as const;

export interface RedisProgram {
  readonly file: string;
  readonly environment: Readonly<Record<string, string>>;
}

/** @throws EngineMissing that says how to get one. */
export async function findRedis(): Promise<RedisProgram> {
  const onPath = await programOnPath('redis-server');
  if (onPath !== undefined) return { file: onPath, environment: {} };
  const folder = peerFolder('redis');
  const root = path.join(folder, 'root');
  const file = path.join(root, 'usr/bin/redis-server');
  if (!(await access(file).then(() => true, () => false))) await fetchPackages(folder, root);
  const libraries = path.join(root, 'usr/lib');
  const places = (await readdir(libraries)).filter((name) => name.endsWith('-linux-gnu')).map((name) => path.join(libraries, name));
  const environment = { LD_LIBRARY_PATH: [...places, libraries].join(':') };
  await command('starting the redis-server that was unpacked', file, ['--version'], { environment });
  return { file, environment };
}

async function fetchPackages(folder: string, root: string): Promise<void> {
  const hint = 'install redis-server so that it is on PATH';
  if ((await programOnPath('apt-get')) === undefined || (await programOnPath('dpkg-deb')) === undefined) throw new EngineMissing(`there is no redis-server on PATH, and no apt-get and dpkg-deb to fetch one with; ${hint}`);
  await mkdir(root, { recursive: true });
  process.stderr.write('fetching redis-server from the distribution\'s packages\n');
  await command(`apt-get download of redis-server (${hint}, or run apt-get update)`, 'apt-get', ['download', ...DEBIAN_PACKAGES], { cwd: folder });
  for (const name of (await readdir(folder)).filter((each) => each.endsWith('.deb'))) await command(`unpacking ${name}`, 'dpkg-deb', ['-x', path.join(folder, name), root]);
}
