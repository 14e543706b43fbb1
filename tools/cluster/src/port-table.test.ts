import { createServer } from 'node:net';
import { freePort } from '@millrace/servers';
import { isPortFree, publicPorts } from './port-table.ts';

/** The first of three free ports in a row. */
async function freeBase(): Promise<number> {
  for (;;) {
    const base = await freePort();
    if ((await isPortFree(base + 1)) && (await isPortFree(base + 2))) return base;
  }
}

test('the public ports are three in a row, or any free ones', async () => {
  const base = await freeBase();
  expect(await publicPorts(base)).toEqual({ gatewayHttp: base, gatewayGrpc: base + 1, triggerHttp: base + 2 });
  expect(await publicPorts(0)).toEqual({ gatewayHttp: 0, gatewayGrpc: 0, triggerHttp: 0 });
});

test('a fixed port that is taken is named, with what to do', async () => {
  const server = createServer();
  await new Promise<void>((settle) => server.listen(0, '127.0.0.1', settle));
  const { port } = server.address() as { readonly port: number };
  try {
    await expect(publicPorts(port)).rejects.toThrow(new RegExp(`Ports? ${port}.* taken by another program.*--port-base`));
  } finally {
    await new Promise((settle) => server.close(settle));
  }
});
