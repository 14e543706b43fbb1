/**
 * A cluster on this machine: servers, services, their ports and their keys.
 *
 * Owns the data folder: the servers' data, a log for each process, the keys, the state file. Does not own what the
 * processes do.
 *
 * Invariants
 * 1. Everything listens on loopback.
 * 2. The data folder makes the cluster: started again on it, executions, keys and instance names are the same.
 * 3. Of two supervisors on one folder the second is refused; what a dead one left is ended first.
 * 4. Processes end when this process does, however it ends.
 */
import { mkdir } from 'node:fs/promises';
import path from 'node:path';
import { MillraceError } from '@millrace/errors';
import { startServers, type Servers, type ServersOptions } from '@millrace/servers';
import { endLeftovers, isRunning, readClusterState, recordOf, removeClusterState, writeClusterState, type ClusterAddresses, type MemberRecord } from './cluster-state.ts';
import { portTable } from './port-table.ts';
import { secretKey } from './secret-key.ts';
import { NODE_ARGS, programOf, SERVICES, STOP_ORDER, type ServiceName } from './services.ts';
import { memberName, superviseServers } from './supervise-servers.ts';
import { startSupervised, type Supervised } from './supervised-process.ts';

/** How long a service may take to become ready, in milliseconds. */
const READY_MS = 60_000;
/** Copies of a stream, however many servers there are: what production is recommended. */
const REPLICAS_MOST = 3;

export interface ClusterOptions {
  readonly dataDir: string;
  /** Instances of each service; 1 where absent, 0 leaves it out. */
  readonly scale?: Partial<Record<ServiceName, number>>;
  /** The gateway's HTTP, gRPC and the trigger's HTTP port are this, +1 and +2; 0 or absent: all free. */
  readonly portBase?: number;
  readonly restart?: boolean;
  /** Settings for every service. */
  readonly environment?: Readonly<Record<string, string>>;
  /** Settings for one service. */
  readonly serviceEnvironment?: Partial<Record<ServiceName, Readonly<Record<string, string>>>>;
  /** Arguments for Node before a service's program, `--cpu-prof` say. */
  readonly nodeArgs?: Partial<Record<ServiceName, readonly string[]>>;
  /** SHA-256 of the operator key, hexadecimal. */
  readonly operatorKeyHash?: string;
  /** Servers of each kind; 1 where absent. With several nats-servers every stream has a copy on up to three of them. */
  readonly serverCount?: ServersOptions['count'];
  /** How the servers are started. */
  readonly serverOptions?: Pick<ServersOptions, 'natsOptions' | 'mongoOptions'>;
  /** Addresses that the services use instead of the servers' own, a proxy's say. */
  readonly natsUrl?: (service: ServiceName, instance: string, url: string) => string | Promise<string>;
  readonly report?: (line: string) => void;
}

export interface ProcessStatus {
  readonly name: string;
  readonly instance: string;
  readonly pid: number | undefined;
  readonly addresses: Readonly<Record<string, string>>;
  readonly ready: boolean;
}

export interface Cluster {
  readonly servers: Servers;
  readonly services: readonly Supervised[];
  of(service: ServiceName): readonly Supervised[];
  readonly addresses: ClusterAddresses;
  status(): Promise<readonly ProcessStatus[]>;
  /** Waits until every process is ready. */
  ready(timeoutMs?: number): Promise<void>;
  /** Stops everything; the data stays. */
  stop(): Promise<void>;
}

/**
 * Starts everything; `ready` waits for it.
 *
 * @throws MillraceError `configuration-invalid` when the folder is in use or a port is taken; `server-missing`,
 * `bus-failed`, `store-failed` when a server cannot be had.
 */
export async function startCluster(options: ClusterOptions): Promise<Cluster> {
  const { dataDir, report } = options;
  const logs = path.join(dataDir, 'logs');
  await mkdir(logs, { recursive: true });
  await takeOver(dataDir, report);
  const ports = await portTable(options.portBase ?? 0, options.scale ?? {});
  const secret = await secretKey(path.join(dataDir, 'secret'));
  const servers = await startServers({ dataDir: path.join(dataDir, 'servers'), ...options.serverOptions, ...(options.serverCount === undefined ? {} : { count: options.serverCount }), ...(report === undefined ? {} : { log: report }) });
  const services: Supervised[] = [];
  const members = new Map<string, MemberRecord>();
  const startedAt = new Date().toISOString();
  let wasReady = false;
  let stopped = false;

  const addresses = (): ClusterAddresses => {
    const first = (service: ServiceName): Supervised | undefined => services.find((each) => each.service === service);
    return { gatewayHttp: first('gateway')?.addresses.http ?? '', gatewayGrpc: first('gateway')?.addresses.grpc ?? '', triggerHttp: first('trigger')?.addresses.http ?? '' };
  };
  const record = (): void => {
    const supervisor = recordOf(process.pid);
    if (stopped || supervisor === undefined) return;
    for (const { name, instance, addresses: own, pid } of [...serverStatus(servers), ...services.map(memberOf)]) {
      const found = pid === undefined ? undefined : recordOf(pid);
      // One that is down at the moment stays as it was last seen.
      if (found !== undefined) members.set(instance, { name, instance, addresses: own, ...found });
    }
    writeClusterState(dataDir, { supervisor, startedAt, ready: wasReady, addresses: addresses(), processes: [...members.values()] });
  };

  for (const service of SERVICES) {
    for (let number = 1; number <= (options.scale?.[service] ?? 1); number++) {
      const instance = `${service}-${number}`;
      const [httpPort, grpcPort] = ports.next(service, number);
      services.push(
        startSupervised({
          service,
          instance,
          program: programOf(service),
          nodeArgs: [...(NODE_ARGS[service] ?? []), ...(options.nodeArgs?.[service] ?? [])],
          logFile: path.join(logs, `${instance}.log`),
          grpcPort,
          httpPort,
          restart: options.restart ?? false,
          ...(report === undefined ? {} : { report }),
          onRestart: record,
          environment: {
            MILLRACE_NATS_URL: (await options.natsUrl?.(service, instance, servers.nats.url)) ?? servers.nats.url,
            ...(servers.nats.processes.length > 1 ? { MILLRACE_NATS_REPLICAS: String(Math.min(REPLICAS_MOST, servers.nats.processes.length)) } : {}),
            MILLRACE_MONGODB_URL: servers.mongo.url,
            // One machine, so one disk: `millrace status` says what the servers do, and services need not complain.
            MILLRACE_DURABILITY: process.env['MILLRACE_DURABILITY'] ?? 'ignore',
            ...(servers.nats.processes.length > 0 ? { MILLRACE_NATS_MONITOR_URL: servers.nats.processes.map(({ monitorUrl }) => monitorUrl).join(',') } : {}),
            MILLRACE_SECRET_KEY: secret,
            MILLRACE_ALLOW_LOOPBACK: 'true',
            // One for each: on one machine a lane more splits the frames and costs a third of the throughput (ADR 15).
            MILLRACE_LANES: String(Math.max(1, options.scale?.orchestrator ?? 1)),
            ...(options.operatorKeyHash === undefined ? {} : { MILLRACE_OPERATOR_KEY_HASH: options.operatorKeyHash }),
            ...options.environment,
            ...options.serviceEnvironment?.[service],
          },
        }),
      );
    }
  }
  record();
  const supervision = options.restart === true ? superviseServers(servers, { onRestart: record, ...(report === undefined ? {} : { report }) }) : undefined;
  return {
    servers,
    services,
    of: (service) => services.filter((each) => each.service === service),
    addresses: addresses(),
    async status() {
      const own = await Promise.all(services.map(async (each): Promise<ProcessStatus> => ({ ...memberOf(each), ready: await each.isReady() })));
      return [...serverStatus(servers), ...own];
    },
    async ready(timeoutMs = READY_MS) {
      await Promise.all(services.map((each) => each.ready(timeoutMs)));
      wasReady = true;
      record();
    },
    async stop() {
      // Those that accept stop first, so that nothing is accepted which then finds nobody.
      for (const names of STOP_ORDER) await Promise.all(services.filter((each) => names.has(each.service)).map((each) => each.stop()));
      await supervision?.stop();
      await servers.stop();
      stopped = true;
      removeClusterState(dataDir);
    },
  };
}

/** Ends what a supervisor that is gone has left on the folder. */
async function takeOver(dataDir: string, report: ((line: string) => void) | undefined): Promise<void> {
  const before = readClusterState(dataDir);
  if (before === undefined) return;
  if (before.supervisor.pid !== process.pid && isRunning(before.supervisor)) {
    throw new MillraceError('configuration-invalid', { message: `A cluster is up on ${dataDir} already, started by process ${before.supervisor.pid}; stop it first, or use another data folder` });
  }
  for (const { instance, pid } of await endLeftovers(before)) report?.(`${instance} (process ${pid}) was left over and has been ended`);
  removeClusterState(dataDir);
}

function memberOf(each: Supervised): Omit<ProcessStatus, 'ready'> {
  return { name: each.service, instance: each.instance, pid: each.pid, addresses: each.addresses };
}

function serverStatus({ nats, mongo }: Servers): readonly ProcessStatus[] {
  if (nats.processes.length + mongo.processes.length <= 2) {
    return [
      { name: 'nats-server', instance: 'nats-server', pid: nats.process?.pid, addresses: { nats: nats.url, ...(nats.monitorUrl === undefined ? {} : { http: nats.monitorUrl }) }, ready: true },
      { name: 'mongod', instance: 'mongod', pid: mongo.process?.pid, addresses: { mongodb: mongo.url }, ready: true },
    ];
  }
  return [
    ...nats.processes.map(({ pid, url, monitorUrl }, index) => ({ name: 'nats-server', instance: memberName('nats-server', nats.processes, index), pid, addresses: { nats: url, http: monitorUrl }, ready: true })),
    ...mongo.processes.map(({ pid, url }, index) => ({ name: 'mongod', instance: memberName('mongod', mongo.processes, index), pid, addresses: { mongodb: url }, ready: true })),
  ];
}
