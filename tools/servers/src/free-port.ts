/**
 * Picks TCP ports on loopback that are free at the moment.
 *
 * They come from below the range from which systems take the local ports of outgoing connections (from 32,768 on
 * Linux, from 49,152 elsewhere): a port of that range can be taken by any client before its server listens.
 */
import { randomInt } from 'node:crypto';
import { createServer } from 'node:net';

/** From the first up to, not including, the second. */
const RANGE = { from: 12_000, to: 32_000 } as const;
/** Ports tried before the system is asked for any. */
const TRIES_MAX = 200;
/** Ports that were given last and are not given again: whoever got one may not listen on it yet. */
const REMEMBERED_MAX = 4_096;
const given = new Set<number>();

/** A TCP port of 127.0.0.1 that nothing listens on. Another server may take it before you do: be ready to pick again. */
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

interface Holder {
  readonly port: number;
  release(): Promise<void>;
}

async function hold(): Promise<Holder> {
  for (let tries = 0; tries < TRIES_MAX; tries++) {
    const wanted = randomInt(RANGE.from, RANGE.to);
    if (given.has(wanted)) continue;
    remember(wanted);
    const holder = await holdPort(wanted).catch(() => undefined);
    if (holder !== undefined) return holder;
  }
  return holdPort(0);
}

function remember(port: number): void {
  given.add(port);
  if (given.size <= REMEMBERED_MAX) return;
  const [oldest] = given;
  if (oldest !== undefined) given.delete(oldest);
}

async function holdPort(wanted: number): Promise<Holder> {
  const server = createServer();
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject).listen({ host: '127.0.0.1', port: wanted }, resolve);
  });
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('a TCP listener has no port');
  return { port: address.port, release: () => new Promise((resolve) => server.close(() => resolve())) };
}
