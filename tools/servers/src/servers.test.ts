import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { readDurability } from './durability.ts';
import { startNats, type NatsOptions } from './nats-server.ts';
import { startServers, type Servers } from './servers.ts';

let dir: string;
let servers: Servers | undefined;

beforeEach(async () => {
  dir = await mkdtemp(path.join(tmpdir(), 'millrace-servers-'));
});
afterEach(async () => {
  await servers?.stop();
  servers = undefined;
  await rm(dir, { recursive: true, force: true });
});

describe('both servers', () => {
  test('say of themselves that they write durably', async () => {
    servers = await startServers({ dataDir: dir });
    const durability = await readDurability(servers.nats.monitorUrl as string, servers.mongo.url);
    expect(durability).toMatchObject({
      nats: { syncAlways: true, storeDir: path.join(dir, 'nats/jetstream') },
      mongo: { journal: true, majorityJournaled: true, replicaSet: 'millrace', members: 1 },
    });
  }, 120_000);

  test('a server that syncs now and then is told apart', async () => {
    servers = await startServers({ dataDir: dir });
    const lazy = await startNats({ dataDir: path.join(dir, 'lazy'), syncInterval: '2m' });
    try {
      expect((await readDurability(lazy.monitorUrl, servers.mongo.url)).nats).toMatchObject({ syncAlways: false, syncIntervalMs: 120_000 });
    } finally {
      await lazy.kill();
    }
  }, 120_000);

  test('what cannot be asked is not durable', async () => {
    servers = await startServers({ dataDir: dir });
    const { url } = servers.mongo;
    await expect(readDurability('http://127.0.0.1:1', url)).rejects.toMatchObject({ reason: 'durability-insufficient' });
  }, 120_000);

  test('outside servers are used as they are and left alone', async () => {
    const environment = { ...process.env, MILLRACE_NATS_URL: 'nats://127.0.0.1:1', MILLRACE_MONGODB_URL: 'mongodb://127.0.0.1:2' };
    const outside = await startServers({ dataDir: dir, environment });
    expect(outside).toMatchObject({ nats: { url: 'nats://127.0.0.1:1' }, mongo: { url: 'mongodb://127.0.0.1:2' } });
    await outside.stop();
  });

  test('a server ends when the process that started it is killed', async () => {
    const { parent, monitorUrl } = await startedByAnother({ dataDir: dir });
    expect((await fetch(`${monitorUrl}/healthz`)).ok).toBe(true);
    parent.kill('SIGKILL');
    await gone(monitorUrl);
  });

  test('a detached server goes on when the process that started it is killed', async () => {
    const { parent, monitorUrl, pid } = await startedByAnother({ dataDir: dir, detached: true });
    try {
      parent.kill('SIGKILL');
      await once(parent, 'exit');
      expect((await fetch(`${monitorUrl}/healthz`)).ok).toBe(true);
    } finally {
      process.kill(pid, 'SIGTERM');
    }
    await gone(monitorUrl);
  });
});

interface StartedByAnother {
  readonly parent: ChildProcess;
  readonly monitorUrl: string;
  readonly pid: number;
}

/** Starts nats-server from a process of its own, which waits until it is killed. */
async function startedByAnother(options: NatsOptions): Promise<StartedByAnother> {
  const source = `
    import { startNats } from ${JSON.stringify(new URL('./index.ts', import.meta.url).href)};
    const { monitorUrl, pid } = await startNats(${JSON.stringify(options)});
    console.log(JSON.stringify({ monitorUrl, pid }));
    setInterval(() => {}, 1000);`;
  const parent = spawn(process.execPath, ['--input-type=module-typescript', '-e', source], { stdio: ['ignore', 'pipe', 'inherit'] });
  const [line] = (await once(createInterface({ input: parent.stdout }), 'line')) as [string];
  return { parent, ...(JSON.parse(line) as { readonly monitorUrl: string; readonly pid: number }) };
}

/** Resolves when nothing answers any more; the test's own timeout bounds it. */
async function gone(url: string): Promise<void> {
  for (;;) {
    const answer = await fetch(`${url}/healthz`).catch(() => undefined);
    if (answer === undefined) return;
    await answer.arrayBuffer();
  }
}
