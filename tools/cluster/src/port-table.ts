/** The public ports of a cluster: three in a row from a base, or any that are free. */
import { createServer } from 'node:net';
import { MillraceError } from '@millrace/errors';

export interface PublicPorts {
  readonly gatewayHttp: number;
  readonly gatewayGrpc: number;
  readonly triggerHttp: number;
}

/**
 * @param portBase 0: each is any free one, and stands as 0.
 * @throws MillraceError `configuration-invalid` when a port is taken.
 */
export async function publicPorts(portBase: number): Promise<PublicPorts> {
  if (portBase === 0) return { gatewayHttp: 0, gatewayGrpc: 0, triggerHttp: 0 };
  const ports = { gatewayHttp: portBase, gatewayGrpc: portBase + 1, triggerHttp: portBase + 2 };
  await requireFree(Object.values(ports));
  return ports;
}

async function requireFree(ports: readonly number[]): Promise<void> {
  const taken = (await Promise.all(ports.map(async (port) => ((await isPortFree(port)) ? [] : [port])))).flat();
  if (taken.length === 0) return;
  const which = taken.length === 1 ? `Port ${taken[0]} of 127.0.0.1 is` : `Ports ${taken.join(', ')} of 127.0.0.1 are`;
  throw new MillraceError('configuration-invalid', { message: `${which} taken by another program; stop it, or choose other ports (--port-base N, or 0 for free ones)`, details: { ports: taken } });
}

/** Whether a port of 127.0.0.1 can be listened on at the moment. */
export function isPortFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen({ host: '127.0.0.1', port, exclusive: true }, () => server.close(() => resolve(true)));
  });
}
