/** Restate: one server with its own log, and services behind it; steps in the handler, or calls of another service. */
import { mkdirSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import path from 'node:path';
import { freePorts } from '@millrace/servers';
import type { Endings } from '../endings.ts';
import { EngineMissing, type Engine, type RunningEngine } from './engine.ts';
import { command, installPackages, peerFolder, versionOf } from './install.ts';
import { answers, PROGRAMS, runPeerClient, saysReady, startPeerProcess, type PeerProcess } from './peer-process.ts';
import { turnFolder } from './turn-folder.ts';

const PACKAGES = { '@restatedev/restate-server': '1.7.12', '@restatedev/restate-sdk': '1.17.2', undici: '7.16.0' } as const;
/** More did not help on two cores. */
const PARTITIONS = 4;

export function restate(steps: 'handler' | 'service'): Engine {
  return {
    name: steps === 'handler' ? 'restate' : 'restate-rpc',
    title: steps === 'handler' ? 'Restate, steps in the handler (ctx.run)' : 'Restate, steps in another service (service calls)',
    inFlight: steps === 'handler' ? { 'chain-10': 128, ping: 128 } : { 'chain-10': 500, ping: 500 },
    async prepare() {
      await installPackages('restate', PACKAGES);
      serverBinary();
    },
    start: (endings) => start(steps, endings),
  };
}

async function start(steps: 'handler' | 'service', endings: Endings): Promise<RunningEngine> {
  const installed = peerFolder('restate');
  const folder = await turnFolder(endings);
  const [ingress = 0, admin = 0, node = 0, metrics = 0, chain = 0, step = 0] = await freePorts(6);
  const config = path.join(folder, 'restate.toml');
  await writeFile(config, configuration({ ingress, admin, node, metrics }));
  const data = path.join(folder, 'data');
  mkdirSync(data);
  const args = ['--node-name', 'bench', '--base-dir', data, '--config-file', config];
  const effective = await command('reading Restate\'s configuration', serverBinary(), [...args, '--dump-config']);
  const server = await startPeerProcess({ file: serverBinary(), args, logFile: path.join(folder, 'server.log'), endings, ready: () => answers(`http://127.0.0.1:${admin}/health`) });
  const service = (what: string, port: number): Promise<PeerProcess> => {
    const logFile = path.join(folder, `${what}.log`);
    return startPeerProcess({ file: process.execPath, args: [path.join(PROGRAMS, 'restate/service.mjs'), what, String(port)], logFile, endings, environment: { PEER_FOLDER: installed }, ready: saysReady(logFile) });
  };
  const services = [await service('chain', chain), ...(steps === 'service' ? [await service('step', step)] : [])];
  for (const port of steps === 'service' ? [chain, step] : [chain]) await register(admin, port);
  return {
    durability: { log: 'own (RocksDB)', fsync: /rocksdb-disable-wal-fsync\s*=\s*false/.test(effective) ? 'on every append (read back)' : 'NOT CONFIRMED', partitions: PARTITIONS, replicas: 1 },
    versions: { server: await versionOf(installed, '@restatedev/restate-server'), sdk: await versionOf(installed, '@restatedev/restate-sdk') },
    measure: (plan) => runPeerClient(plan, { program: 'restate/client.mjs', folder: installed, endings, more: { address: `http://127.0.0.1:${ingress}`, handler: steps === 'handler' ? 'inHandler' : 'inService' }, groups: { server: [server.pid], services: services.map(({ pid }) => pid) } }),
    async stop() {
      for (const each of services) await each.stop();
      await server.stop();
    },
  };
}

async function register(admin: number, port: number): Promise<void> {
  const answer = await fetch(`http://127.0.0.1:${admin}/deployments`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ uri: `http://127.0.0.1:${port}` }) });
  if (!answer.ok) throw new Error(`Restate did not take the service at ${port}: ${answer.status} ${(await answer.text()).slice(0, 300)}`);
}

/** Loopback only, no telemetry, quiet, every write of its log synced. */
function configuration(ports: { readonly ingress: number; readonly admin: number; readonly node: number; readonly metrics: number }): string {
  return `cluster-name = "bench"
disable-telemetry = true
bind-ip = "127.0.0.1"
bind-port = ${ports.node}
default-num-partitions = ${PARTITIONS}
log-filter = "warn"

[ingress]
bind-port = ${ports.ingress}

[admin]
bind-port = ${ports.admin}

[worker.invoker]
inactivity-timeout = "1min"

[log-server]
rocksdb-disable-wal-fsync = false
`;
}

/** The server itself, so that signals and processor time are its own: the package's command is a script around it. */
function serverBinary(): string {
  const platform = `@restatedev/restate-server-${process.platform}-${process.arch}`;
  try {
    const found = createRequire(path.join(peerFolder('restate'), 'package.json')).resolve(`${platform}/package.json`);
    return path.join(path.dirname(found), 'bin', 'restate-server');
  } catch (error) {
    throw new EngineMissing(`there is no build of Restate for ${process.platform}-${process.arch} (${platform})`, { cause: error });
  }
}
