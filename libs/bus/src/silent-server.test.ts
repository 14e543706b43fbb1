import { startNatsCluster } from '@millrace/servers';
import { createLogger } from '@millrace/telemetry';
import { eventually, startTcpProxy, temporaryFolder, type TcpProxy } from '@millrace/testkit';
import { connectBus, ensureStream } from './index.ts';

test('a process whose server has lost its peers goes to another one, and is answered there', async () => {
  const folder = await temporaryFolder('silent-server');
  const ways: { readonly from: number; readonly to: number; readonly link: TcpProxy }[] = [];
  const cluster = await startNatsCluster({
    dataDir: folder.path,
    async routePort(from, to, port) {
      const link = await startTcpProxy({ targetPort: port });
      ways.push({ from, to, link });
      return link.port;
    },
  });
  const bus = await connectBus({ url: cluster.url, name: 'test', logger: createLogger({ service: 'test', instance: 'test', level: 'silent' }), replicas: 3 });
  try {
    await ensureStream(bus, { name: 'KEPT', subjects: ['kept'] });
    const before = bus.connection.getServer();
    const lost = cluster.servers.findIndex(({ url }) => url.endsWith(before));
    expect(lost).toBeGreaterThanOrEqual(0);
    for (const { from, to, link } of ways) if (from === lost || to === lost) link.cut();
    await eventually(() => bus.connection.getServer() !== before, { timeoutMs: 40_000, what: 'another server' });
    const sequence = await eventually(async () => (await bus.jetstream.publish('kept', 'x', { timeout: 1_000 })).seq, { timeoutMs: 40_000, what: 'an acknowledgement there' });
    expect(sequence).toBeGreaterThan(0);
  } finally {
    await bus.close();
    await cluster.stop();
    await Promise.all(ways.map(({ link }) => link.close()));
    await folder.remove();
  }
}, 120_000);
