import { createServer } from 'node:net';
import { freePort } from '@millrace/servers';
import { isPortFree, portTable } from './port-table.ts';

test('without a base every port is a free one, and all differ', async () => {
  const table = await portTable(0, { connector: 3 });
  const ports = [...table.next('gateway', 1), ...table.next('trigger', 1), ...[1, 2, 3].flatMap((number) => table.next('connector', number))];
  expect(new Set(ports).size).toBe(ports.length);
  expect(ports.every((port) => port > 0)).toBe(true);
});

/** The first of three free ports in a row. */
async function freeBase(): Promise<number> {
  for (;;) {
    const base = await freePort();
    if ((await isPortFree(base + 1)) && (await isPortFree(base + 2))) return base;
  }
}

test('with a base the first gateway and trigger have fixed ports, further ones free ones', async () => {
  const base = await freeBase();
  const table = await portTable(base, { gateway: 2 });
  expect(table.next('gateway', 1)).toEqual([base, base + 1]);
  expect(table.next('gateway', 2)).not.toContain(base);
  expect(table.next('trigger', 1)[0]).toBe(base + 2);
});

test('a fixed port that is taken is named, with what to do', async () => {
  const server = createServer();
  await new Promise<void>((settle) => server.listen(0, '127.0.0.1', settle));
  const { port } = server.address() as { readonly port: number };
  try {
    await expect(portTable(port, {})).rejects.toThrow(new RegExp(`Ports? ${port}.* taken by another program.*--port-base`));
  } finally {
    await new Promise((settle) => server.close(settle));
  }
});
