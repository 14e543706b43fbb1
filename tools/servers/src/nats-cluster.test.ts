import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { jetstream, jetstreamManager, StorageType } from '@nats-io/jetstream';
import { connect, type NatsConnection } from '@nats-io/transport-node';
import { startNatsCluster, type NatsCluster } from './nats-cluster.ts';
import type { NatsServer } from './nats-server.ts';

let dir: string;
const cleanUp: (() => Promise<unknown>)[] = [];

beforeEach(async () => {
  dir = await mkdtemp(path.join(tmpdir(), 'millrace-nats-cluster-'));
});
afterEach(async () => {
  for (const step of cleanUp.splice(0).reverse()) await step();
  await rm(dir, { recursive: true, force: true });
});

async function started(options: Partial<Parameters<typeof startNatsCluster>[0]> = {}): Promise<NatsCluster> {
  const cluster = await startNatsCluster({ dataDir: dir, ...options });
  cleanUp.push(() => Promise.all(cluster.servers.map((server) => server.kill())));
  return cluster;
}

async function connected(url: string): Promise<NatsConnection> {
  const connection = await connect({ servers: url.split(','), maxReconnectAttempts: -1 });
  cleanUp.push(() => connection.close());
  return connection;
}

test('three servers form a cluster that keeps a stream when one is gone', async () => {
  const { servers } = await started();
  const [first, second] = servers as readonly [NatsServer, NatsServer, NatsServer];
  const connection = await connected(second.url);
  const manager = await jetstreamManager(connection);
  await manager.streams.add({ name: 'KEPT', subjects: ['kept'], storage: StorageType.File, num_replicas: 3 });
  await jetstream(connection).publish('kept', 'one');
  await first.kill();
  const acknowledged = await publishUntilAcknowledged(connection, 'kept', 'two');
  expect(acknowledged).toBeGreaterThanOrEqual(2);
}, 60_000);

test('servers that were given ways to each other use no other ones', async () => {
  const ways: (readonly [number, number])[] = [];
  const { servers, url } = await started({
    routePort(from, to, port) {
      ways.push([from, to]);
      return port;
    },
  });
  expect(ways.sort()).toEqual([[1, 0], [2, 0], [2, 1]]);
  // With a way from each to one other only, the two that have no way to each other would find one by the third.
  const routed = await Promise.all(servers.map(async ({ monitorUrl }) => ((await (await fetch(`${monitorUrl}/routez`)).json()) as { readonly routes: readonly { readonly remote_name?: string; readonly did_solicit: boolean }[] }).routes));
  expect(routed[0]?.some((route) => route.did_solicit)).toBe(false);
  expect(new Set(routed[2]?.filter((route) => route.did_solicit).map((route) => route.remote_name))).toEqual(new Set(['millrace-1', 'millrace-2']));
  // Clients are not told of servers that they were not given.
  expect((await connected(url)).info?.connect_urls).toBeUndefined();
}, 60_000);

/** A new leader has to be found first; the test's own timeout bounds it. */
async function publishUntilAcknowledged(connection: NatsConnection, subject: string, body: string): Promise<number> {
  for (;;) {
    try {
      return (await jetstream(connection, { timeout: 1_000 }).publish(subject, body)).seq;
    } catch {
      await connection.flush();
      await sleep(50);
    }
  }
}
