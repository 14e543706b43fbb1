/** Both servers at once: those of the environment where named, else processes of our own on loopback. */
import path from 'node:path';
import { findServer, type LookUp } from './binaries.ts';
import { startMongoReplicaSet, type MongoReplicaSet, type MongoReplicaSetOptions } from './mongo-replica-set.ts';
import { startMongod, type MongodOptions, type MongoServer } from './mongo-server.ts';
import { startNatsCluster, type NatsClusterOptions } from './nats-cluster.ts';
import { startNats, type NatsOptions, type NatsServer } from './nats-server.ts';

export interface ServersOptions extends LookUp {
  /** Gets a folder for each server. */
  readonly dataDir: string;
  /** 0 or absent picks a free one. */
  readonly ports?: { readonly nats?: number; readonly natsMonitor?: number; readonly mongo?: number };
  /** Leaves the servers running when this process ends. */
  readonly detached?: boolean;
  /** Servers of each kind; 1 where absent. More make a cluster and a replica set, on free ports. */
  readonly count?: { readonly nats?: number; readonly mongo?: number };
  readonly natsOptions?: Pick<NatsOptions, 'launcher' | 'syncInterval' | 'maxPayloadBytes' | 'storeBytesMax'> & Pick<NatsClusterOptions, 'routePort'>;
  readonly mongoOptions?: Pick<MongodOptions, 'launcher' | 'cacheSizeGb'> & Pick<MongoReplicaSetOptions, 'electionTimeoutMs'>;
}

/** Addresses to use; `process` (the first one) and `processes` are those that were started here. */
export interface Servers {
  readonly nats: { readonly url: string; readonly monitorUrl?: string; readonly process?: NatsServer; readonly processes: readonly NatsServer[] };
  readonly mongo: { readonly url: string; readonly process?: MongoServer; readonly processes: readonly MongoServer[]; readonly set?: MongoReplicaSet };
  /** Stops what was started here, and leaves outside servers alone. */
  stop(): Promise<void>;
}

/**
 * Starts or finds NATS and MongoDB side by side. An outside NATS may name its monitoring address in
 * MILLRACE_NATS_MONITOR_URL.
 *
 * @throws MillraceError when one cannot be had; the other is stopped again.
 */
export async function startServers(options: ServersOptions): Promise<Servers> {
  const { dataDir, ports = {}, count = {}, natsOptions = {}, mongoOptions = {}, ...rest } = options;
  const [nats, mongo] = await Promise.allSettled([
    natsOf({ ...rest, ...natsOptions }, path.join(dataDir, 'nats'), count.nats ?? 1, ports.nats, ports.natsMonitor),
    mongoOf({ ...rest, ...mongoOptions }, path.join(dataDir, 'mongo'), count.mongo ?? 1, ports.mongo),
  ]);
  const stop = async (): Promise<void> => {
    await Promise.all([
      ...(nats.status === 'fulfilled' ? nats.value.processes.map((each) => each.stop()) : []),
      ...(mongo.status === 'fulfilled' ? mongo.value.processes.map((each) => each.stop()) : []),
    ]);
  };
  if (nats.status === 'fulfilled' && mongo.status === 'fulfilled') return { nats: nats.value, mongo: mongo.value, stop };
  await stop();
  throw nats.status === 'rejected' ? nats.reason : (mongo as PromiseRejectedResult).reason;
}

type Rest = Pick<ServersOptions, 'detached' | keyof LookUp>;

async function natsOf(options: Rest & NonNullable<ServersOptions['natsOptions']>, dataDir: string, size: number, port = 0, monitorPort = 0): Promise<Servers['nats']> {
  const found = await findServer('nats-server', options);
  if (found.kind === 'outside') {
    const monitorUrl = (options.environment ?? process.env)['MILLRACE_NATS_MONITOR_URL'];
    return { url: found.url, ...(monitorUrl === undefined ? {} : { monitorUrl }), processes: [] };
  }
  if (size > 1) {
    const { servers, url } = await startNatsCluster({ ...options, dataDir, size });
    const [first] = servers as readonly [NatsServer, ...NatsServer[]];
    return { url, monitorUrl: first.monitorUrl, process: first, processes: servers };
  }
  const server = await startNats({ ...options, dataDir, port, monitorPort });
  return { url: server.url, monitorUrl: server.monitorUrl, process: server, processes: [server] };
}

async function mongoOf(options: Rest & NonNullable<ServersOptions['mongoOptions']>, dataDir: string, members: number, port = 0): Promise<Servers['mongo']> {
  const found = await findServer('mongod', options);
  if (found.kind === 'outside') return { url: found.url, processes: [] };
  if (members > 1) {
    const set = await startMongoReplicaSet({ ...options, dataDir, members });
    return { url: set.url, process: set.members[0] as MongoServer, processes: set.members, set };
  }
  const server = await startMongod({ ...options, dataDir, port });
  return { url: server.url, process: server, processes: [server] };
}
