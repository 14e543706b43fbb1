/**
 * The public ports of a cluster: accepts connections and hands each to an instance that is ready.
 *
 * Owns the listening sockets, so that no connection is refused while an instance is replaced, is started again or does
 * not run: the ports stay, whoever serves behind them. Does not own what is spoken: a connection is handed over unread,
 * with its socket, and this process has nothing more to do with it.
 *
 * - Instances take turns; one that is not ready, or is on its way out, gets none.
 * - While there is none a connection waits, up to HOLD_MS.
 */
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { MillraceError } from '@millrace/errors';
import type { Protocol, Supervised } from './supervised-process.ts';

/** How long a connection waits for an instance, in milliseconds; it is closed then. */
const HOLD_MS = 30_000;
const POLL_MS = 20;
/** Connections that wait, on one port. */
const HELD_MAX = 1_000;

export interface Front {
  readonly port: number;
  close(): void;
}

/**
 * @param port 0: any free one.
 * @param instances those that may serve, at the moment of a connection.
 * @throws MillraceError `configuration-invalid` when the port is taken.
 */
export async function openFront(port: number, protocol: Protocol, instances: () => readonly Supervised[]): Promise<Front> {
  const held = new Set<Socket>();
  let turn = 0;

  function handOver(socket: Socket): boolean {
    const ready = instances().filter((each) => each.takes);
    for (let tried = 0; tried < ready.length; tried++) {
      turn = (turn + 1) % ready.length;
      if (ready[turn]?.hand(protocol, socket) === true) return true;
    }
    return false;
  }

  function take(socket: Socket): void {
    if (handOver(socket)) return;
    if (held.size >= HELD_MAX) {
      socket.destroy();
      return;
    }
    held.add(socket);
    const until = performance.now() + HOLD_MS;
    const look = setInterval(() => {
      const isOver = socket.destroyed || performance.now() > until;
      if (isOver) socket.destroy();
      if (!isOver && !handOver(socket)) return;
      clearInterval(look);
      held.delete(socket);
    }, POLL_MS);
    look.unref();
  }

  const server: Server = createServer({ pauseOnConnect: true, noDelay: true }, take);
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error) => reject(new MillraceError('configuration-invalid', { message: `Port ${port} of 127.0.0.1 cannot be listened on: ${error.message}`, cause: error })));
    server.listen({ host: '127.0.0.1', port, exclusive: true }, resolve);
  });
  return {
    port: (server.address() as AddressInfo).port,
    close() {
      server.close();
      for (const socket of held) socket.destroy();
    },
  };
}
