import { mkdtemp, rm } from 'node:fs/promises';
import { connect as connectTcp } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { jetstream, jetstreamManager, StorageType } from '@nats-io/jetstream';
import { connect, type NatsConnection } from '@nats-io/transport-node';
import { freePort, freePorts } from './free-port.ts';
import { startNats, type NatsServer } from './nats-server.ts';

let dir: string;
const cleanUp: (() => Promise<unknown>)[] = [];

beforeEach(async () => {
  dir = await mkdtemp(path.join(tmpdir(), 'millrace-nats-'));
});
afterEach(async () => {
  for (const step of cleanUp.splice(0).reverse()) await step();
  await rm(dir, { recursive: true, force: true });
});

async function started(options: Partial<Parameters<typeof startNats>[0]> = {}): Promise<NatsServer> {
  const server = await startNats({ dataDir: dir, ...options });
  cleanUp.push(() => server.kill());
  return server;
}

async function connected(server: NatsServer): Promise<NatsConnection> {
  const connection = await connect({ servers: server.url, reconnect: false });
  cleanUp.push(() => connection.close());
  return connection;
}

describe('nats-server', () => {
  test('keeps an acknowledged message over SIGKILL and comes back on the same ports', async () => {
    const server = await started();
    const first = await connected(server);
    const manager = await jetstreamManager(first);
    await manager.streams.add({ name: 'KEPT', subjects: ['kept'], storage: StorageType.File });
    const { seq } = await jetstream(first).publish('kept', 'still here');

    const { pid, port } = server;
    expect(await server.kill()).toEqual({ code: null, signal: 'SIGKILL' });
    await server.restart();

    expect(server.port).toBe(port);
    expect(server.pid).not.toBe(pid);
    const message = await (await jetstreamManager(await connected(server))).streams.getMessage('KEPT', { seq });
    expect(message?.string()).toBe('still here');
  });

  test('ends in order on SIGTERM', async () => {
    const server = await started();
    expect((await server.stop()).signal).not.toBe('SIGKILL');
    expect(await isListening(server.port)).toBe(false);
  });

  test('a port that is taken is an error that says so', async () => {
    const server = await started();
    await expect(startNats({ dataDir: path.join(dir, 'second'), port: server.port })).rejects.toThrow(
      new RegExp(`nats-server did not start on port ${server.port}.*address already in use`, 's'),
    );
  });

  test('the largest payload is 8 MiB unless told otherwise', async () => {
    expect((await connected(await started())).info?.max_payload).toBe(8 * 1024 * 1024);
    const small = await started({ dataDir: path.join(dir, 'small'), maxPayloadBytes: 1024 });
    expect((await connected(small)).info?.max_payload).toBe(1024);
  });
});

describe('free ports', () => {
  test('are different and nothing listens on them', async () => {
    const ports = [await freePort(), ...(await freePorts(5))];
    expect(new Set(await Promise.all(ports.map(isListening)))).toEqual(new Set([false]));
    expect(new Set(ports.slice(1)).size).toBe(5);
  });
});

function isListening(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connectTcp({ host: '127.0.0.1', port });
    socket.once('error', () => resolve(false)).once('connect', () => {
      socket.destroy();
      resolve(true);
    });
  });
}
