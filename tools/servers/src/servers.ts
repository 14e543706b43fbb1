/** Both servers at once: those of the environment where named, else processes of our own on loopback. */
import path from 'node:path';
import { findServer, type LookUp } from './binaries.ts';
import { startMongod, type MongoServer } from './mongo-server.ts';
import { startNats, type NatsServer } from './nats-server.ts';

export interface ServersOptions extends LookUp {
  /** Gets a folder for each server. */
  readonly dataDir: string;
  /** 0 or absent picks a free one. */
  readonly ports?: { readonly nats?: number; readonly natsMonitor?: number; readonly mongo?: number };
  /** Leaves the servers running when this process ends. */
  readonly detached?: boolean;
}

/** Addresses to use; `process` is there only for a server that was started here. */
export interface Servers {
  readonly nats: { readonly url: string; readonly monitorUrl?: string; readonly process?: NatsServer };
  readonly mongo: { readonly url: string; readonly process?: MongoServer };
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
  const { dataDir, ports = {}, ...rest } = options;
  const [nats, mongo] = await Promise.allSettled([
    natsOf(rest, path.join(dataDir, 'nats'), ports.nats, ports.natsMonitor),
    mongoOf(rest, path.join(dataDir, 'mongo'), ports.mongo),
  ]);
  const stop = async (): Promise<void> => {
    await Promise.all([
      nats.status === 'fulfilled' ? nats.value.process?.stop() : undefined,
      mongo.status === 'fulfilled' ? mongo.value.process?.stop() : undefined,
    ]);
  };
  if (nats.status === 'fulfilled' && mongo.status === 'fulfilled') return { nats: nats.value, mongo: mongo.value, stop };
  await stop();
  throw nats.status === 'rejected' ? nats.reason : (mongo as PromiseRejectedResult).reason;
}

type Rest = Omit<ServersOptions, 'dataDir' | 'ports'>;

async function natsOf(options: Rest, dataDir: string, port = 0, monitorPort = 0): Promise<Servers['nats']> {
  const found = await findServer('nats-server', options);
  if (found.kind === 'outside') {
    const monitorUrl = (options.environment ?? process.env)['MILLRACE_NATS_MONITOR_URL'];
    return { url: found.url, ...(monitorUrl === undefined ? {} : { monitorUrl }) };
  }
  const server = await startNats({ ...options, dataDir, port, monitorPort });
  return { url: server.url, monitorUrl: server.monitorUrl, process: server };
}

async function mongoOf(options: Rest, dataDir: string, port = 0): Promise<Servers['mongo']> {
  const found = await findServer('mongod', options);
  if (found.kind === 'outside') return { url: found.url };
  const server = await startMongod({ ...options, dataDir, port });
  return { url: server.url, process: server };
}
