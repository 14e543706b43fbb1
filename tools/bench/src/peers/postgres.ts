/**
 * A PostgreSQL of a turn's own: the programs of the distribution or on PATH, a fresh data folder, loopback only.
 *
 * PostgreSQL refuses to run as root; then it runs as the user `postgres`, or `nobody`.
 */
import { access, chmod, mkdir, readdir } from 'node:fs/promises';
import path from 'node:path';
import { connect } from 'node:net';
import { freePort } from '@millrace/servers';
import type { Endings } from '../endings.ts';
import { EngineMissing } from './engine.ts';
import { command, programOnPath } from './install.ts';
import { startPeerProcess } from './peer-process.ts';
import { turnFolder } from './turn-folder.ts';

const DISTRIBUTION = '/usr/lib/postgresql';
const USER = 'bench';

export interface Postgres {
  readonly port: number;
  readonly pid: number;
  readonly user: string;
  readonly version: string;
  /** `fsync`, `synchronous_commit` and `full_page_writes` as the running server says them. */
  readonly settings: Readonly<Record<string, string>>;
  createDatabase(name: string): Promise<string>;
  stop(): Promise<void>;
}

interface Programs {
  readonly initdb: string;
  readonly postgres: string;
  readonly psql: string;
}

/** @throws EngineMissing that says how to get it. */
export async function findPostgres(): Promise<Programs> {
  const versions = (await readdir(DISTRIBUTION).catch(() => [])).sort((a, b) => Number(b) - Number(a));
  for (const version of versions) {
    const folder = path.join(DISTRIBUTION, version, 'bin');
    if (await access(path.join(folder, 'initdb')).then(() => true, () => false)) return programsIn(folder);
  }
  const [initdb, postgres, psql] = await Promise.all(['initdb', 'postgres', 'psql'].map(programOnPath));
  if (initdb === undefined || postgres === undefined || psql === undefined) throw new EngineMissing('there is no PostgreSQL here: install the distribution\'s postgresql, or put initdb, postgres and psql on PATH');
  return { initdb, postgres, psql };
}

function programsIn(folder: string): Programs {
  return { initdb: path.join(folder, 'initdb'), postgres: path.join(folder, 'postgres'), psql: path.join(folder, 'psql') };
}

export async function startPostgres(endings: Endings): Promise<Postgres> {
  const programs = await findPostgres();
  const folder = await turnFolder(endings);
  const data = path.join(folder, 'data');
  await mkdir(data);
  const as = await unprivileged();
  if (as.length > 0) {
    await chmod(folder, 0o755);
    await command('giving PostgreSQL its folder', 'chown', ['-R', as[1] ?? '', folder]);
  }
  const [file = '', ...before] = [...(as.length === 0 ? [] : ['setpriv', `--reuid=${as[1]}`, `--regid=${as[2]}`, '--clear-groups', '--']), ''].slice(0, -1);
  const run = (program: string, args: readonly string[]) => (file === '' ? { file: program, args } : { file, args: [...before, program, ...args] });
  const made = run(programs.initdb, ['-A', 'trust', '-U', USER, '-D', data]);
  await command('initdb', made.file, made.args, { cwd: folder });
  const port = await freePort();
  const psql = (database: string, sql: string): Promise<string> => command('psql', programs.psql, ['-h', '127.0.0.1', '-p', String(port), '-U', USER, '-At', '-c', sql, database]);
  const server = await startPeerProcess({
    ...run(programs.postgres, ['-D', data, '-p', String(port), '-h', '127.0.0.1', '-k', folder, '-c', 'shared_buffers=1GB', '-c', 'max_connections=200', '-c', 'max_wal_size=4GB', '-c', 'fsync=on', '-c', 'synchronous_commit=on']),
    logFile: path.join(folder, 'postgres.log'),
    endings,
    cwd: folder,
    ready: async () => (await listens(port)) && (await psql('postgres', 'select 1')).trim() === '1',
    stopSignal: 'SIGINT',
  });
  const setting = async (name: string): Promise<string> => (await psql('postgres', `show ${name}`)).trim();
  return {
    port,
    pid: server.pid,
    user: USER,
    version: await setting('server_version'),
    settings: { fsync: await setting('fsync'), synchronous_commit: await setting('synchronous_commit'), full_page_writes: await setting('full_page_writes') },
    async createDatabase(name) {
      await psql('postgres', `create database ${name}`);
      return `postgresql://${USER}@127.0.0.1:${port}/${name}`;
    },
    stop: server.stop,
  };
}

/** Name, user and group number to become when this process is root; empty otherwise. */
async function unprivileged(): Promise<readonly string[]> {
  if (process.getuid?.() !== 0) return [];
  for (const name of ['postgres', 'nobody']) {
    try {
      const [uid, gid] = await Promise.all([command('id', 'id', ['-u', name]), command('id', 'id', ['-g', name])]);
      return [name, uid.trim(), gid.trim()];
    } catch {
      continue;
    }
  }
  throw new EngineMissing('PostgreSQL refuses to run as root, and there is no user postgres or nobody to run it as');
}

function listens(port: number): Promise<boolean> {
  return new Promise((settle) => {
    const socket = connect({ host: '127.0.0.1', port }, () => settle(true));
    socket.once('error', () => settle(false));
    socket.once('connect', () => socket.destroy());
  });
}
