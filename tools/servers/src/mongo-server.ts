/**
 * A real mongod on loopback: a replica set of one member, with journal, so that transactions and change streams work.
 *
 * Owns: its data folder, its port, the replica set's configuration. Does not own: databases and indexes.
 *
 * Invariant: the replica set's only member is this process under its present address; when the port has changed
 * since the last run, the set is configured anew.
 */
import { mkdir } from 'node:fs/promises';
import { connect } from 'node:net';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { MillraceError } from '@millrace/errors';
import { MongoClient, MongoServerError, type Db, type Document } from 'mongodb';
import { serverBinary, type LookUp } from './binaries.ts';
import { freePort } from './free-port.ts';
import { launched } from './launcher.ts';
import { startProcess, tailOf, type ExitStatus, type ServerProcess } from './server-process.ts';

export interface MongodOptions extends LookUp {
  /** Holds the data and the log; made when missing, kept on stop. */
  readonly dataDir: string;
  /** 0 or absent picks a free one. */
  readonly port?: number;
  /** Size of the storage engine's cache, in gigabytes. */
  readonly cacheSizeGb?: number;
  /** Defaults to `mongod.log` in the data folder. */
  readonly logFile?: string;
  /** Leaves the server running when this process ends. */
  readonly detached?: boolean;
  /** A command that becomes the server, with the binary and its arguments after its own: see launcher.ts. */
  readonly launcher?: readonly string[];
}

/** A running mongod that is primary of its replica set. */
export interface MongoServer {
  /** Names the replica set and asks for a direct connection. */
  readonly url: string;
  readonly port: number;
  /** Of the process that runs at the moment; changes with a restart. */
  readonly pid: number;
  /** Resolves when the process that runs at the moment has ended. */
  readonly exited: Promise<ExitStatus>;
  /** Asks it to end, by SIGTERM unless told otherwise; the data stays. */
  stop(signal?: NodeJS.Signals): Promise<ExitStatus>;
  /** SIGKILL, as a crash. */
  kill(): Promise<ExitStatus>;
  /** Starts again on the same port and data, after stopping what still runs; resolves when it is primary. */
  restart(): Promise<void>;
}

/** Default for the storage engine's cache, in gigabytes: enough for development, small beside everything else. */
export const CACHE_SIZE_GB = 0.5;
export const REPLICA_SET = 'millrace';
/** How long a start may take until the server is primary, in milliseconds. */
export const READY_TIMEOUT_MS = 60_000;
const READY_POLL_MS = 20;
/** How often another free port is tried when somebody took the chosen one meanwhile. */
const PORT_ATTEMPTS = 5;
/** MongoDB's error code for a replica set that was never initiated. */
export const NOT_YET_INITIALIZED = 94;

/**
 * Starts a server and waits until it takes writes.
 *
 * @throws MillraceError `server-missing` when there is no binary, `store-failed` when it does not start; the message
 * quotes the end of its log.
 */
export function startMongod(options: MongodOptions): Promise<MongoServer> {
  return startMember(options, primaryOfItself);
}

/** Called after each start of a server that listens; resolves when it may be used. */
export type MemberReady = (server: ServerProcess, port: number) => Promise<void>;

/** Starts a mongod and leaves it to `memberReady` to make it a member of the replica set. */
export async function startMember(options: MongodOptions, memberReady: MemberReady): Promise<MongoServer> {
  const binary = await serverBinary('mongod', options);
  await mkdir(path.join(options.dataDir, 'db'), { recursive: true });
  for (let attempt = 1; ; attempt += 1) {
    const anyPort = await freePort();
    const port = options.port || anyPort;
    try {
      return await startOn(binary, options, port, memberReady);
    } catch (error) {
      if (port !== anyPort || attempt === PORT_ATTEMPTS || !/address already in use/i.test(String(error))) throw error;
    }
  }
}

async function startOn(binary: string, options: MongodOptions, port: number, memberReady: MemberReady): Promise<MongoServer> {
  const logFile = options.logFile ?? path.join(options.dataDir, 'mongod.log');
  const args = [
    ...['--replSet', REPLICA_SET, '--dbpath', path.join(options.dataDir, 'db')],
    ...['--bind_ip', '127.0.0.1', '--port', String(port), '--nounixsocket'],
    ...['--wiredTigerCacheSizeGB', String(options.cacheSizeGb ?? CACHE_SIZE_GB)],
    ...['--setParameter', 'diagnosticDataCollectionEnabled=false'],
  ];
  const launch = async (): Promise<ServerProcess> => {
    const started = await startProcess({ ...launched(options.launcher, binary, args), outputFile: logFile, detached: options.detached ?? false });
    try {
      await memberReady(started, port);
      return started;
    } catch (error) {
      await started.kill();
      const message = `mongod did not start on port ${port}: ${(error as Error).message}\n${await tailOf(logFile)}`;
      throw new MillraceError('store-failed', { message, cause: error });
    }
  };

  let current = await launch();
  return {
    url: `mongodb://127.0.0.1:${port}/?replicaSet=${REPLICA_SET}&directConnection=true`,
    port,
    get pid() {
      return current.pid;
    },
    get exited() {
      return current.exited;
    },
    stop: (signal) => current.stop(signal),
    kill: () => current.kill(),
    async restart() {
      await current.stop();
      current = await launch();
    },
  };
}

async function primaryOfItself(server: ServerProcess, port: number): Promise<void> {
  const deadline = performance.now() + READY_TIMEOUT_MS;
  await until(() => listening(port), server, deadline);
  const client = new MongoClient(`mongodb://127.0.0.1:${port}/?directConnection=true`, { serverSelectionTimeoutMS: 5_000 });
  try {
    const admin = client.db('admin');
    await until(() => configured(admin, `127.0.0.1:${port}`), server, deadline);
    await until(async () => (await admin.command({ hello: 1 }))['isWritablePrimary'] === true, server, deadline);
  } finally {
    await client.close();
  }
}

/** Brings the replica set's configuration to one member at `host`; true when it is so. */
async function configured(admin: Db, host: string): Promise<boolean> {
  let config: Document;
  try {
    config = (await admin.command({ replSetGetConfig: 1 }))['config'] as Document;
  } catch (error) {
    if (!(error instanceof MongoServerError) || error.code !== NOT_YET_INITIALIZED) throw error;
    await admin.command({ replSetInitiate: { _id: REPLICA_SET, members: [{ _id: 0, host }] } });
    return true;
  }
  const members = config['members'] as readonly Document[];
  if (members.length === 1 && members[0]?.['host'] === host) return true;
  // No majority can be asked: the only member stands under an address that is no longer its own.
  const replSetReconfig = { ...config, version: Number(config['version']) + 1, members: [{ ...members[0], host }] };
  await admin.command({ replSetReconfig, force: true });
  return true;
}

/** Asks again until the answer is yes; an error of the server is a no until the time is up. */
export async function until(answer: () => Promise<boolean>, server: ServerProcess, deadline: number): Promise<void> {
  let last: unknown;
  while (performance.now() < deadline) {
    if (!server.running()) {
      const { code, signal } = await server.exited;
      throw new Error(`it ended with ${signal ?? `exit status ${code}`}`);
    }
    try {
      if (await answer()) return;
    } catch (error) {
      last = error;
    }
    await sleep(READY_POLL_MS);
  }
  throw new Error(`it was not ready after ${READY_TIMEOUT_MS} ms`, { cause: last });
}

export function listening(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host: '127.0.0.1', port });
    socket.once('connect', () => resolve(true)).once('error', () => resolve(false));
    socket.once('connect', () => socket.destroy());
  });
}
