/**
 * `millrace status`: every process of the cluster on a data folder, servers included.
 *
 * Owns nothing: what was started stands in the folder's state file, readiness is asked of each process, versions
 * stand in the registry, lanes in the lane directory.
 */
import { connect } from 'node:net';
import { connectBus, watchLanes, watchRegistry, type Instance, type LaneClaim } from '@millrace/bus';
import { isRunning, readClusterState, type ClusterState, type MemberRecord } from '@millrace/cluster';
import { MillraceError } from '@millrace/errors';
import { readDurability } from '@millrace/servers';
import { createLogger } from '@millrace/telemetry';
import { DATA_OPTION, OUTPUT_OPTION, type Command } from './command.ts';
import { dataFolderOf } from './data-folder.ts';
import { EXIT } from './exit-status.ts';
import { writeJson } from './terminal.ts';
import { textTable } from './text-table.ts';

/** How long a process may take to answer, in milliseconds. */
const PROBE_TIMEOUT_MS = 4_000;

export interface ProcessDocument {
  readonly name: string;
  /** Stable over a restart. */
  readonly instance: string;
  /** Null while it does not run. */
  readonly pid: number | null;
  readonly addresses: Readonly<Record<string, string>>;
  /** Null when it cannot be asked. */
  readonly version: string | null;
  readonly ready: boolean;
  /** Numbers of the lanes that an orchestrator owns. */
  readonly lanes: readonly number[];
}

export const statusCommand: Command = {
  name: 'status',
  synopsis: '[--data DIR]',
  summary: 'Show every process, its addresses and whether it is ready',
  options: { ...DATA_OPTION, ...OUTPUT_OPTION },
  positionals: { least: 0, most: 0 },
  async run(given, terminal) {
    const dataDir = dataFolderOf(given, terminal);
    const state = readClusterState(dataDir);
    if (state === undefined) throw new MillraceError('service-unavailable', { message: `No Millrace is up on ${dataDir}; start one with \`millrace up\`` });
    const processes = await processesOf(state);
    if (given.json) writeJson(terminal, { processes });
    else {
      terminal.write(statusText(processes));
      if (!isRunning(state.supervisor)) terminal.writeError('The supervisor is gone: nothing is restarted. `millrace down` cleans up, `millrace up` starts anew.\n');
    }
    return EXIT.ok;
  },
};

export async function processesOf(state: ClusterState): Promise<readonly ProcessDocument[]> {
  const natsUrl = state.processes.find((each) => each.name === 'nats-server')?.addresses['nats'];
  const [{ instances, claims }, versions] = await Promise.all([natsUrl === undefined ? NOTHING_KNOWN : knownAt(natsUrl), serverVersions(state)]);
  return Promise.all(
    state.processes.map(async (member): Promise<ProcessDocument> => {
      const runs = isRunning(member);
      const { name, instance, addresses } = member;
      const registered = instances.find((each) => each.service === name && each.instance === instance);
      return {
        name,
        instance,
        pid: runs ? member.pid : null,
        addresses,
        version: versions[name] ?? registered?.version ?? null,
        ready: runs && (await isReady(member)),
        lanes: claims.filter((claim) => name === 'orchestrator' && claim.owner === instance).map((claim) => claim.lane).sort((a, b) => a - b),
      };
    }),
  );
}

/** Services answer `/readyz`; a server is ready when it takes connections. */
async function isReady({ addresses }: MemberRecord): Promise<boolean> {
  const { nats, mongodb, http } = addresses;
  if (nats !== undefined || mongodb !== undefined) return takesConnections(new URL(nats ?? mongodb ?? ''));
  try {
    const answer = await fetch(`${http ?? ''}/readyz`, { signal: AbortSignal.timeout(PROBE_TIMEOUT_MS) });
    await answer.arrayBuffer();
    return answer.ok;
  } catch {
    return false;
  }
}

function takesConnections({ hostname, port }: URL): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host: hostname, port: Number(port), timeout: PROBE_TIMEOUT_MS });
    const settle = (taken: boolean): void => {
      socket.destroy();
      resolve(taken);
    };
    socket.once('connect', () => settle(true)).once('error', () => settle(false)).once('timeout', () => settle(false));
  });
}

async function serverVersions({ processes }: ClusterState): Promise<Readonly<Record<string, string>>> {
  const address = (name: string, protocol: string): string | undefined => processes.find((each) => each.name === name && isRunning(each))?.addresses[protocol];
  const monitor = address('nats-server', 'http');
  const mongo = address('mongod', 'mongodb');
  if (monitor === undefined || mongo === undefined) return {};
  try {
    const found = await readDurability(monitor, mongo);
    return { 'nats-server': found.nats.version, mongod: found.mongo.version };
  } catch {
    return {};
  }
}

interface Known {
  readonly instances: readonly Instance[];
  readonly claims: readonly LaneClaim[];
}

const NOTHING_KNOWN: Known = { instances: [], claims: [] };

/** What stands in NATS about the cluster; nothing when it does not answer in time. */
async function knownAt(url: string): Promise<Known> {
  const logger = createLogger({ service: 'cli', instance: 'cli', level: 'silent' });
  const late = new Promise<undefined>((settle) => setTimeout(() => settle(undefined), PROBE_TIMEOUT_MS).unref());
  const connecting = connectBus({ url, name: 'millrace status', logger });
  const bus = await Promise.race([connecting.catch(() => undefined), late]);
  if (bus === undefined) {
    void connecting.then((connected) => connected.close()).catch(() => undefined);
    return NOTHING_KNOWN;
  }
  try {
    const found = await Promise.race([Promise.all([watchRegistry(bus), watchLanes(bus)]), late]);
    if (found === undefined) return NOTHING_KNOWN;
    const [registry, lanes] = found;
    const known = { instances: registry.list(), claims: lanes.claims() };
    registry.close();
    lanes.close();
    return known;
  } finally {
    await bus.close();
  }
}

export function statusText(processes: readonly ProcessDocument[]): string {
  const rows = processes.map(({ instance, pid, ready, version, lanes, addresses }) => [
    instance,
    pid === null ? '-' : String(pid),
    pid === null ? 'down' : ready ? 'ready' : 'not ready',
    version ?? '',
    lanes.join(','),
    Object.values(addresses).join('  '),
  ]);
  return textTable(['process', 'pid', 'state', 'version', 'lanes', 'addresses'], rows, ['left', 'right', 'left', 'left', 'left', 'left']);
}
