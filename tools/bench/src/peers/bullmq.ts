/** BullMQ on Redis: jobs that start the next one. There is no workflow state, and a flow's history is gone at its end. */
import path from 'node:path';
import { connect } from 'node:net';
import { freePort } from '@millrace/servers';
import type { Endings } from '../endings.ts';
import type { Engine, RunningEngine } from './engine.ts';
import { command, installPackages, peerFolder, versionOf } from './install.ts';
import { PROGRAMS, runPeerClient, saysReady, startPeerProcess } from './peer-process.ts';
import { findRedis } from './redis-server.ts';
import { turnFolder } from './turn-folder.ts';

const PACKAGES = { bullmq: '6.7.0', ioredis: '6.0.0' } as const;
/** Jobs that the worker runs at once; more did not help on two cores. */
const CONCURRENCY = 200;

/** @param sync of Redis' append-only file: every second, as BullMQ recommends, or at every write. */
export function bullmq(sync: 'everysec' | 'always'): Engine {
  return {
    name: sync === 'everysec' ? 'bullmq' : 'bullmq-always',
    title: `BullMQ, each job adds the next, Redis append-only file ${sync === 'everysec' ? 'synced every second' : 'synced at every write'}`,
    inFlight: { 'chain-10': 500, ping: 500 },
    async prepare() {
      await installPackages('bullmq', PACKAGES);
      await findRedis();
    },
    start: (endings) => start(sync, endings),
  };
}

async function start(sync: 'everysec' | 'always', endings: Endings): Promise<RunningEngine> {
  const installed = peerFolder('bullmq');
  const folder = await turnFolder(endings);
  const redis = await findRedis();
  const port = await freePort();
  const server = await startPeerProcess({
    file: redis.file,
    args: ['--port', String(port), '--bind', '127.0.0.1', '--dir', folder, '--appendonly', 'yes', '--appendfsync', sync, '--save', ''],
    logFile: path.join(folder, 'redis.log'),
    endings,
    environment: redis.environment,
    ready: async () => (await ask(port, 'PING')).includes('PONG'),
  });
  const [appendOnly, synced] = [await configured(port, 'appendonly'), await configured(port, 'appendfsync')];
  const logFile = path.join(folder, 'worker.log');
  const worker = await startPeerProcess({
    file: process.execPath,
    args: [path.join(PROGRAMS, 'bullmq/worker.mjs'), JSON.stringify({ port, concurrency: CONCURRENCY })],
    logFile,
    endings,
    environment: { PEER_FOLDER: installed },
    ready: saysReady(logFile),
  });
  return {
    durability: { log: 'Redis append-only file', appendonly: appendOnly, appendfsync: synced, replicas: 1, note: 'no workflow state, finished jobs removed' },
    versions: { bullmq: await versionOf(installed, 'bullmq'), redis: /v=(\S+)/.exec(await command('redis-server --version', redis.file, ['--version'], { environment: redis.environment }))?.[1] ?? 'unknown' },
    measure: (plan) => runPeerClient(plan, { program: 'bullmq/client.mjs', folder: installed, endings, more: { port }, groups: { server: [server.pid], worker: [worker.pid] } }),
    async stop() {
      await worker.stop();
      await server.stop();
    },
  };
}

/** What Redis says that a setting is. */
async function configured(port: number, name: string): Promise<string> {
  return (await ask(port, `CONFIG GET ${name}`)).trim().split(/\r\n/).at(-1) ?? 'unknown';
}

/** One command in Redis' inline form, and the answer as it comes. */
function ask(port: number, line: string): Promise<string> {
  return new Promise((settle, fail) => {
    const socket = connect({ host: '127.0.0.1', port }, () => void socket.write(`${line}\r\n`));
    socket.setTimeout(2_000, () => socket.destroy(new Error('Redis did not answer')));
    socket.once('error', fail);
    socket.once('data', (data) => {
      socket.destroy();
      settle(data.toString());
    });
  });
}
