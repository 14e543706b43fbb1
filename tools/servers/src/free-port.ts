/** Picks TCP ports on loopback that are free at the moment. */
import { createServer } from 'node:net';

/** A TCP port of 127.0.0.1 that nothing listens on. Somebody else may take it before you do: be ready to pick again. */
export async function freePort(): Promise<number> {
  const [port] = await freePorts(1);
  return port as number;
}

/** `count` different free ports, held open together until all are chosen. */
export async function freePorts(count: number): Promise<readonly number[]> {
  const holders = await Promise.all(Array.from({ length: count }, hold));
  await Promise.all(holders.map((holder) => holder.release()));
  return holders.map((holder) => holder.port);
}

async function hold(): Promise<{ readonly port: number; release(): Promise<void> }> {
  const server = createServer();
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject).listen({ host: '127.0.0.1', port: 0 }, resolve);
  });
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('a TCP listener has no port');
  return { port: address.port, release: () => new Promise((resolve) => server.close(() => resolve())) };
}
