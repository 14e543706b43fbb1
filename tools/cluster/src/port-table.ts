/** Which service listens where: three fixed ports for the first instances, free ones for all others. */
import { createServer } from 'node:net';
import { MillraceError } from '@millrace/errors';
import { freePorts } from '@millrace/servers';
import { SERVICES, type ServiceName } from './services.ts';

/** Gateway HTTP, gateway gRPC, trigger HTTP. */
const FIXED_PORTS = 3;

export interface PortTable {
  next(service: ServiceName, number: number): readonly [http: number, grpc: number];
}

/**
 * @param portBase 0: all are free ones.
 * @throws MillraceError `configuration-invalid` when a fixed port is taken.
 */
export async function portTable(portBase: number, scale: Partial<Record<ServiceName, number>>): Promise<PortTable> {
  const instances = SERVICES.reduce((sum, service) => sum + (scale[service] ?? 1), 0);
  const fixed = portBase === 0 ? [] : Array.from({ length: FIXED_PORTS }, (_, index) => portBase + index);
  await requireFree(fixed);
  const free = (await freePorts(2 * instances + FIXED_PORTS)).filter((port) => !fixed.includes(port));
  return {
    next(service, number) {
      const http = free.pop() ?? 0;
      const grpc = free.pop() ?? 0;
      if (portBase === 0 || number !== 1) return [http, grpc];
      if (service === 'gateway') return [portBase, portBase + 1];
      if (service === 'trigger') return [portBase + 2, grpc];
      return [http, grpc];
    },
  };
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
