/**
 * Temporal: the server module in one process on SQLite (write-ahead log, every commit synced), and a TypeScript worker.
 *
 * The server is built from its Go module with a small program of ours, which sets it up as the command line's
 * development server does. Raised for fairness: every rate limit; one partition of the task queue; eager activities.
 */
import { access, copyFile, cp } from 'node:fs/promises';
import path from 'node:path';
import { freePorts } from '@millrace/servers';
import type { Endings } from '../endings.ts';
import { EngineMissing, type Engine, type RunningEngine } from './engine.ts';
import { command, installPackages, peerFolder, programOnPath, versionOf } from './install.ts';
import { PROGRAMS, runPeerClient, saysReady, startPeerProcess } from './peer-process.ts';
import { turnFolder } from './turn-folder.ts';

const SDK = '1.24.0';
const PACKAGES = { '@temporalio/worker': SDK, '@temporalio/client': SDK, '@temporalio/workflow': SDK, '@temporalio/activity': SDK } as const;
const SERVER = '1.29.0';

export function temporal(): Engine {
  return {
    name: 'temporal',
    title: 'Temporal on SQLite (WAL, synchronous=FULL), TypeScript worker',
    inFlight: { 'chain-10': 50, ping: 50 },
    async prepare() {
      await installPackages('temporal', PACKAGES);
      await buildServer();
    },
    start,
  };
}

function binary(): string {
  return path.join(peerFolder('temporal'), 'temporal-server');
}

async function buildServer(): Promise<void> {
  if (await access(binary()).then(() => true, () => false)) return;
  if ((await programOnPath('go')) === undefined) throw new EngineMissing('Temporal\'s server is built from its Go module, and there is no go on PATH (1.24 or newer)');
  const source = path.join(peerFolder('temporal'), 'server');
  await cp(path.join(PROGRAMS, 'temporal/server'), source, { recursive: true });
  process.stderr.write('building Temporal\'s server; the first time takes some minutes\n');
  await command('go mod tidy', 'go', ['mod', 'tidy'], { cwd: source });
  await command('go build of Temporal\'s server', 'go', ['build', '-o', binary(), '.'], { cwd: source });
}

async function start(endings: Endings): Promise<RunningEngine> {
  const installed = peerFolder('temporal');
  const folder = await turnFolder(endings);
  const ports = await freePorts(5);
  const [frontend = 0] = ports;
  const address = `127.0.0.1:${frontend}`;
  const server = await startPeerProcess({
    file: binary(),
    args: ['-db', path.join(folder, 'temporal.db'), '-ports', ports.join(',')],
    logFile: path.join(folder, 'server.log'),
    endings,
    ready: saysReady(path.join(folder, 'server.log')),
  });
  // The worker bundles the workflows, and finds what they import beside them.
  const workflows = path.join(installed, 'workflows.cjs');
  await copyFile(path.join(PROGRAMS, 'temporal/workflows.cjs'), workflows);
  const logFile = path.join(folder, 'worker.log');
  const worker = await startPeerProcess({ file: process.execPath, args: [path.join(PROGRAMS, 'temporal/worker.mjs'), JSON.stringify({ address, workflows })], logFile, endings, environment: { PEER_FOLDER: installed }, ready: saysReady(logFile) });
  return {
    durability: { log: 'SQLite', journal_mode: 'wal', synchronous: 'full (as opened by the server)', replicas: 1 },
    versions: { server: SERVER, sdk: await versionOf(installed, '@temporalio/worker') },
    measure: (plan) => runPeerClient(plan, { program: 'temporal/client.mjs', folder: installed, endings, more: { address }, groups: { server: [server.pid], worker: [worker.pid] } }),
    async stop() {
      await worker.stop();
      await server.stop();
    },
  };
}
