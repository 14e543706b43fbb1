/**
 * A cluster on this machine: servers, services, their ports and their keys.
 *
 * Owns the data folder: the servers' data, a log for each process, the keys. Does not own what the processes do.
 *
 * - Everything listens on loopback.
 * - The data folder makes the cluster: started again on it, executions, keys and instance names are the same.
 */
import { randomBytes } from 'node:crypto';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { freePorts, startServers, type Servers } from '@millrace/servers';
import { programOf, SERVICES, type ServiceName } from './services.ts';
import { startSupervised, type Supervised } from './supervised-process.ts';

/** How long a service may take to become ready, in milliseconds. */
const READY_MS = 60_000;
/** How often servers are looked at for having died, in milliseconds. */
const SERVER_RESTART_MS = 500;

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
  readonly addresses: { readonly gatewayHttp: string; readonly gatewayGrpc: string; readonly triggerHttp: string };
  status(): Promise<readonly ProcessStatus[]>;
  /** Waits until every process is ready. */
  ready(timeoutMs?: number): Promise<void>;
  /** Stops everything; the data stays. */
  stop(): Promise<void>;
}

export async function startCluster(options: ClusterOptions): Promise<Cluster> {
  const { dataDir, report } = options;
  const logs = path.join(dataDir, 'logs');
  await mkdir(logs, { recursive: true });
  const servers = await startServers({ dataDir: path.join(dataDir, 'servers') });
  const secret = await secretKey(path.join(dataDir, 'secret'));
  const services: Supervised[] = [];
  let stopping = false;
  const tables = await portTable(options);
  for (const service of SERVICES) {
    const count = options.scale?.[service] ?? 1;
    for (let number = 1; number <= count; number++) {
      const instance = `${service}-${number}`;
      const [httpPort, grpcPort] = tables.next(service, number);
      services.push(
        startSupervised({
          service,
          instance,
          program: programOf(service),
          nodeArgs: options.nodeArgs?.[service] ?? [],
          logFile: path.join(logs, `${instance}.log`),
          grpcPort,
          httpPort,
          restart: options.restart ?? false,
          ...(report === undefined ? {} : { report }),
          environment: {
            MILLRACE_NATS_URL: (await options.natsUrl?.(service, instance, servers.nats.url)) ?? servers.nats.url,
            MILLRACE_MONGODB_URL: servers.mongo.url,
            MILLRACE_SECRET_KEY: secret,
            MILLRACE_ALLOW_LOOPBACK: 'true',
            MILLRACE_LANES: String(2 * (options.scale?.orchestrator ?? 1)),
            ...(options.operatorKeyHash === undefined ? {} : { MILLRACE_OPERATOR_KEY_HASH: options.operatorKeyHash }),
            ...options.environment,
            ...options.serviceEnvironment?.[service],
          },
        }),
      );
    }
  }
  if (options.restart === true) superviseServers(servers, () => stopping, report);
  const first = (service: ServiceName): Supervised | undefined => services.find((each) => each.service === service);
  return {
    servers,
    services,
    of: (service) => services.filter((each) => each.service === service),
    addresses: {
      gatewayHttp: first('gateway')?.addresses.http ?? '',
      gatewayGrpc: first('gateway')?.addresses.grpc ?? '',
      triggerHttp: first('trigger')?.addresses.http ?? '',
    },
    async status() {
      const own = await Promise.all(services.map(async (each): Promise<ProcessStatus> => ({ name: each.service, instance: each.instance, pid: each.pid, addresses: each.addresses, ready: await each.isReady() })));
      return [...serverStatus(servers), ...own];
    },
    async ready(timeoutMs = READY_MS) {
      await Promise.all(services.map((each) => each.ready(timeoutMs)));
    },
    async stop() {
      stopping = true;
      // Those that accept stop first, so that nothing is accepted which then finds nobody.
      for (const names of [['gateway', 'trigger'], ['connector', 'notification', 'throttle'], ['orchestrator']]) await Promise.all(services.filter((each) => names.includes(each.service)).map((each) => each.stop()));
      await servers.stop();
    },
  };
}

function serverStatus({ nats, mongo }: Servers): readonly ProcessStatus[] {
  return [
    { name: 'nats-server', instance: 'nats-server', pid: nats.process?.pid, addresses: { nats: nats.url, ...(nats.monitorUrl === undefined ? {} : { http: nats.monitorUrl }) }, ready: true },
    { name: 'mongod', instance: 'mongod', pid: mongo.process?.pid, addresses: { mongodb: mongo.url }, ready: true },
  ];
}

/** Starts a server again that has died. */
function superviseServers(servers: Servers, stopping: () => boolean, report: ((line: string) => void) | undefined): void {
  const watch = async (name: string, server: { readonly exited: Promise<unknown>; restart(): Promise<void> }): Promise<void> => {
    while (!stopping()) {
      await server.exited;
      if (stopping()) return;
      report?.(`${name} ended, starting again`);
      await new Promise((settle) => setTimeout(settle, SERVER_RESTART_MS));
      if (stopping()) return;
      try {
        await server.restart();
      } catch (error) {
        report?.(`${name} did not start: ${error instanceof Error ? error.message : String(error)}`);
      }
    }
  };
  if (servers.nats.process !== undefined) void watch('nats-server', servers.nats.process);
  if (servers.mongo.process !== undefined) void watch('mongod', servers.mongo.process);
}

interface PortTable {
  next(service: ServiceName, number: number): readonly [http: number, grpc: number];
}

async function portTable({ portBase = 0, scale = {} }: ClusterOptions): Promise<PortTable> {
  const instances = SERVICES.reduce((sum, service) => sum + (scale[service] ?? 1), 0);
  const free = [...(await freePorts(2 * instances))];
  return {
    next(service, number) {
      const http = free.pop() ?? 0;
      const grpc = free.pop() ?? 0;
      if (portBase === 0 || number !== 1) return [http, grpc];
      if (service === 'gateway') return [portBase, portBase + 1];
      if (service === 'trigger') return [portBase + 2, grpc];
      return [http, grpc];
    },
  };
}

/** 32 bytes, base64, made once for a data folder. */
async function secretKey(file: string): Promise<string> {
  try {
    return (await readFile(file, 'utf8')).trim();
  } catch {
    const key = randomBytes(32).toString('base64');
    await writeFile(file, `${key}\n`, { mode: 0o600 });
    return key;
  }
}
