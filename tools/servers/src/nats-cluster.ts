/**
 * Several nats-servers as one JetStream cluster on loopback.
 *
 * Owns: who connects to whom, and waiting for a quorum. Does not own: streams, and how many servers keep a copy of
 * each; the product's `MILLRACE_NATS_REPLICAS` says that.
 */
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { MillraceError } from '@millrace/errors';
import type { LookUp } from './binaries.ts';
import { freePorts } from './free-port.ts';
import { READY_POLL_MS, READY_TIMEOUT_MS, startNats, type NatsMembership, type NatsOptions, type NatsServer } from './nats-server.ts';

export interface NatsClusterOptions extends LookUp, Pick<NatsOptions, 'syncInterval' | 'maxPayloadBytes' | 'storeBytesMax' | 'detached' | 'launcher'> {
  /** Gets a folder for each server. */
  readonly dataDir: string;
  /** Servers; 3 where absent. */
  readonly size?: number;
  /**
   * The port by which server `from` reaches the route port of server `to`, a proxy's say; the servers then use no
   * other way to each other.
   */
  readonly routePort?: (from: number, to: number, port: number) => number | Promise<number>;
}

/** A running cluster. */
export interface NatsCluster {
  readonly servers: readonly NatsServer[];
  /** Addresses of all servers, separated by commas. */
  readonly url: string;
  stop(): Promise<void>;
}

/**
 * Starts `size` servers as one JetStream cluster under `dataDir`, each in a folder of its own; waits for a quorum.
 *
 * @throws MillraceError as `startNats` does, and `bus-failed` when no leader is found in time.
 */
export async function startNatsCluster(options: NatsClusterOptions): Promise<NatsCluster> {
  const { dataDir, size = 3, routePort, ...each } = options;
  const memberships = await membershipsOf(size, routePort);
  const started = await Promise.allSettled(
    memberships.map((cluster, index) => {
      const name = `millrace-${index + 1}`;
      return startNats({ ...each, dataDir: path.join(dataDir, name), name, cluster });
    }),
  );
  const servers = started.flatMap((outcome) => (outcome.status === 'fulfilled' ? [outcome.value] : []));
  const failed = started.find((outcome) => outcome.status === 'rejected');
  try {
    if (failed !== undefined) throw failed.reason;
    await quorum(servers, dataDir);
  } catch (error) {
    await Promise.all(servers.map((server) => server.kill()));
    throw error;
  }
  return {
    servers,
    url: servers.map(({ url }) => url).join(','),
    async stop() {
      await Promise.all(servers.map((server) => server.stop()));
    },
  };
}

/**
 * Without ways of the caller's, every server connects to every other. With them, the later one of a pair connects to
 * the earlier one, and each names a port to others at which nobody listens: else two servers that hear of each other
 * through the third would connect past the way that was made for them.
 */
async function membershipsOf(size: number, routePort: NatsClusterOptions['routePort']): Promise<readonly NatsMembership[]> {
  const ports = await freePorts(2 * size);
  const own = ports.slice(0, size);
  return Promise.all(
    own.map(async (port, index): Promise<NatsMembership> => {
      if (routePort === undefined) return { name: 'millrace', port, routePorts: own };
      const routePorts = await Promise.all(own.slice(0, index).map(async (other, to) => routePort(index, to, other)));
      // A server without any is no member of a cluster; it knows itself and leaves that one out.
      return { name: 'millrace', port, routePorts: index === 0 ? [port] : routePorts, advertisedPort: ports[size + index] as number };
    }),
  );
}

async function quorum(servers: readonly NatsServer[], dataDir: string): Promise<void> {
  const deadline = performance.now() + READY_TIMEOUT_MS;
  for (const server of servers) {
    while (!(await fetch(`${server.monitorUrl}/healthz`).then(async (answer) => (await answer.arrayBuffer(), answer.ok), () => false))) {
      if (performance.now() > deadline) {
        throw new MillraceError('bus-failed', { message: `the cluster of ${servers.length} nats-servers under ${dataDir} found no leader in ${READY_TIMEOUT_MS} ms` });
      }
      await sleep(READY_POLL_MS);
    }
  }
}
