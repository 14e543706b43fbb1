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
 * 5. The public ports are this process's: who serves behind them may change (front.ts).
 * 6. An instance that is replaced stops only when its successor is ready.
 */
import { mkdir } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { MillraceError } from '@millrace/errors';
import { freePorts, startServers, type Servers, type ServersOptions } from '@millrace/servers';
import { endLeftovers, isRunning, readClusterState, recordOf, removeClusterState, writeClusterState, type ClusterAddresses, type MemberRecord } from './cluster-state.ts';
import { openFront, type Front } from './front.ts';
import { publicPorts } from './port-table.ts';
import { secretKey } from './secret-key.ts';
import { COMPILE_CACHE, NODE_ARGS, numberOf, programOf, RESTART_ORDER, SERVICES, STOP_ORDER, successorOf, type ServiceName } from './services.ts';
import { memberName, superviseServers } from './supervise-servers.ts';
import { startSupervised, type Supervised } from './supervised-process.ts';

/** How long a service may take to become ready, in milliseconds. */
const READY_MS = 60_000;
/** Copies of a stream, however many servers there are: what production is recommended. */
const REPLICAS_MOST = 3;

/** How long connections that were handed over may take to arrive, in milliseconds. */
const HANDED_MS = 100;
/** How long a stop waits for a change of the instances that is under way, in milliseconds. */
const CHANGE_STOP_MS = 5_000;
/** Those with public ports. */
const PUBLIC: ReadonlySet<string> = new Set(['gateway', 'trigger']);

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
  /** Has so many instances of a service from now on; resolves when those that were added are ready and the others gone. */
  scale(service: ServiceName, count: number): Promise<void>;
  /**
   * Replaces every instance of the services, one after the other; of all when none is named.
   *
   * @throws MillraceError `deadline-exceeded` when a successor does not become ready; who was there goes on.
   */
  restart(services?: readonly ServiceName[]): Promise<void>;
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
  const ports = await publicPorts(options.portBase ?? 0);
  const secret = await secretKey(path.join(dataDir, 'secret'));
  const servers = await startServers({ dataDir: path.join(dataDir, 'servers'), ...options.serverOptions, ...(options.serverCount === undefined ? {} : { count: options.serverCount }), ...(report === undefined ? {} : { log: report }) });
  let services: readonly Supervised[] = [];
  const fronts = new Map<'gatewayHttp' | 'gatewayGrpc' | 'triggerHttp', Front>();
  const members = new Map<string, MemberRecord>();
  const startedAt = new Date().toISOString();
  let wasReady = false;
  let stopped = false;
  let stopping = false;

  const addresses = (): ClusterAddresses => {
    const at = (name: 'gatewayHttp' | 'gatewayGrpc' | 'triggerHttp', scheme: string): string => {
      const front = fronts.get(name);
      return front === undefined ? '' : `${scheme}127.0.0.1:${front.port}`;
    };
    return { gatewayHttp: at('gatewayHttp', 'http://'), gatewayGrpc: at('gatewayGrpc', ''), triggerHttp: at('triggerHttp', 'http://') };
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

  async function startInstance(service: ServiceName, instance: string, replaces = ''): Promise<Supervised> {
    const [httpPort = 0, grpcPort = 0] = await freePorts(2);
    return startSupervised({
      service,
      instance,
      program: programOf(service),
      nodeArgs: [...(NODE_ARGS[service] ?? []), ...(options.nodeArgs?.[service] ?? [])],
      logFile: path.join(logs, `${instance}.log`),
      grpcPort,
      httpPort,
      handed: PUBLIC.has(service),
      restart: options.restart ?? false,
      ...(report === undefined ? {} : { report }),
      onRestart: record,
      environment: {
        NODE_COMPILE_CACHE: process.env['NODE_COMPILE_CACHE'] ?? COMPILE_CACHE,
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
        ...(replaces === '' ? {} : { MILLRACE_REPLACES: replaces }),
        ...(options.operatorKeyHash === undefined ? {} : { MILLRACE_OPERATOR_KEY_HASH: options.operatorKeyHash }),
        ...options.environment,
        ...options.serviceEnvironment?.[service],
      },
    });
  }

  for (const service of SERVICES) {
    for (let number = 1; number <= (options.scale?.[service] ?? 1); number++) services = [...services, await startInstance(service, `${service}-${number}`)];
  }
  const of = (service: string): readonly Supervised[] => services.filter((each) => each.service === service);
  if (of('gateway').length > 0) {
    fronts.set('gatewayHttp', await openFront(ports.gatewayHttp, 'http', () => of('gateway')));
    fronts.set('gatewayGrpc', await openFront(ports.gatewayGrpc, 'grpc', () => of('gateway')));
  }
  if (of('trigger').length > 0) fronts.set('triggerHttp', await openFront(ports.triggerHttp, 'http', () => of('trigger')));

  /** One change of the instances at a time. */
  let changing: Promise<unknown> = Promise.resolve();
  function inTurn<T>(change: () => Promise<T>): Promise<T> {
    const turn = changing.then(() => {
      if (stopping) throw new MillraceError('service-draining', { message: 'The cluster is stopping' });
      return change();
    });
    changing = turn.catch(() => undefined);
    return turn;
  }

  async function add(service: ServiceName, instance: string, replaces = ''): Promise<Supervised> {
    const added = await startInstance(service, instance, replaces);
    services = [...services, added];
    record();
    try {
      await added.ready(READY_MS);
    } catch (error) {
      await take(added);
      throw error;
    }
    record();
    return added;
  }

  /** What was handed to it just now has arrived before it is told to end. */
  async function take(away: Supervised): Promise<void> {
    away.retire();
    await delay(HANDED_MS);
    await away.stop();
    services = services.filter((each) => each !== away);
    members.delete(away.instance);
    record();
  }

  async function scale(service: ServiceName, count: number): Promise<void> {
    const present = of(service);
    const numbers = new Set(present.map(({ instance }) => numberOf(instance)));
    const missing: number[] = [];
    for (let number = 1; present.length + missing.length < count; number++) if (!numbers.has(number)) missing.push(number);
    if (missing.length > 0) report?.(`Starting ${missing.length} more of ${service}`);
    await Promise.all(missing.map((number) => add(service, `${service}-${number}`)));
    const leaving = [...present].sort((a, b) => numberOf(b.instance) - numberOf(a.instance)).slice(0, Math.max(0, present.length - count));
    if (leaving.length > 0) report?.(`Stopping ${leaving.map(({ instance }) => instance).join(', ')}`);
    for (const each of leaving) await take(each);
  }

  async function restart(names: readonly ServiceName[]): Promise<void> {
    for (const service of RESTART_ORDER.filter((name) => names.length === 0 || names.includes(name))) {
      for (const old of of(service)) {
        const began = performance.now();
        const next = await add(service, successorOf(old.instance), old.instance);
        await take(old);
        report?.(`${old.instance} has been replaced by ${next.instance} in ${Math.round(performance.now() - began)} ms`);
      }
    }
  }

  record();
  const supervision = options.restart === true ? superviseServers(servers, { onRestart: record, ...(report === undefined ? {} : { report }) }) : undefined;
  return {
    servers,
    get services() {
      return services;
    },
    of,
    addresses: addresses(),
    scale: (service, count) => inTurn(() => scale(service, count)),
    restart: (names = []) => inTurn(() => restart(names)),
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
      stopping = true;
      await Promise.race([changing, delay(CHANGE_STOP_MS)]);
      for (const front of fronts.values()) front.close();
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
