import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { jetstream, jetstreamManager, StorageType } from '@nats-io/jetstream';
import { connect } from '@nats-io/transport-node';
import { launched, slowFsyncLauncher } from './launcher.ts';
import { startNats } from './nats-server.ts';

test('a launcher goes before the binary', () => {
  expect(launched(undefined, 'nats-server', ['-c', 'x'])).toEqual({ file: 'nats-server', args: ['-c', 'x'] });
  expect(launched(['strace', '-D'], 'nats-server', ['-c', 'x'])).toEqual({ file: 'strace', args: ['-D', 'nats-server', '-c', 'x'] });
});

test('under the launcher of slow disks no append is acknowledged before the delay, and the process is still the server', async () => {
  const delayMs = 40;
  const launcher = await slowFsyncLauncher(delayMs);
  // Where strace may not trace there is nothing to test, as on a machine without it.
  if (launcher === undefined) return;
  const dir = await mkdtemp(path.join(tmpdir(), 'millrace-slow-'));
  const server = await startNats({ dataDir: dir, launcher });
  const connection = await connect({ servers: server.url, reconnect: false });
  try {
    await (await jetstreamManager(connection)).streams.add({ name: 'SLOW', subjects: ['slow'], storage: StorageType.File });
    const since = performance.now();
    for (let index = 0; index < 5; index++) await jetstream(connection).publish('slow', 'x');
    expect((performance.now() - since) / 5).toBeGreaterThanOrEqual(delayMs);
    expect(await server.kill()).toEqual({ code: null, signal: 'SIGKILL' });
  } finally {
    await connection.close();
    await server.kill();
    await rm(dir, { recursive: true, force: true });
  }
}, 60_000);
