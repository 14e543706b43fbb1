/**
 * A TCP proxy on loopback that makes a link as bad as a test needs it.
 *
 * Owns: the sockets of both sides and what is done to the bytes between them.
 * Does not own: the target, and any knowledge of the protocol spoken.
 *
 * Invariants
 * 1. Bytes of one direction keep their order, whatever the delay.
 * 2. A reset is an RST on both sides, not an orderly end: neither peer learns what the other had received.
 * 3. Memory is bounded: a side that cannot be written to, or is held, pauses the other (backpressure).
 */
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';

/** `up` is from the client to the target, `down` the way back. */
export type Direction = 'up' | 'down';

/** `open` passes bytes; `held` keeps connections and lets nothing through; `cut` resets whatever connects. */
export type LinkState = 'open' | 'held' | 'cut';

export interface TcpProxyOptions {
  readonly targetPort: number;
  readonly targetHost?: string;
  /** 0 takes a free one. */
  readonly port?: number;
}

export interface TcpProxy {
  readonly host: string;
  readonly port: number;
  /** Connections that are open now. */
  connections(): number;
  /** Connections accepted since the start. */
  accepted(): number;
  /** Bytes passed on so far, over all connections. */
  bytes(direction: Direction): number;
  /**
   * Holds every chunk (up to 64 KiB) back for so many milliseconds, in both directions or in one; 0 ends it. Chunks wait
   * one after another, so a delay also bounds the bandwidth.
   */
  delay(delayMs: number, direction?: Direction): void;
  /** Resets the connections that are open now; new ones pass. Returns how many it reset. */
  reset(): number;
  /** Passes so many more bytes in that direction, over all connections, then resets the one they came by; once. */
  resetAfter(bytes: number, direction?: Direction): Promise<void>;
  /** Nothing passes, connections stay open and new ones are accepted: a link that swallows. */
  hold(): void;
  /** Resets all connections and every new one, as if nobody listened. */
  cut(): void;
  /** Ends a hold or a cut. What was held is delivered. */
  restore(): void;
  close(): Promise<void>;
}

interface Trap {
  readonly direction: Direction;
  bytesLeft: number;
  readonly sprung: () => void;
}

/** Closed, it keeps whoever passes waiting; open, it lets them go on. */
interface Gate {
  readonly passed: Promise<void>;
  readonly open: () => void;
}

function closedGate(): Gate {
  let open = (): void => undefined;
  const passed = new Promise<void>((resolve) => {
    open = resolve;
  });
  return { passed, open };
}

interface Link {
  readonly client: Socket;
  readonly target: Socket;
}

/** Starts the proxy on 127.0.0.1. */
export async function startTcpProxy(options: TcpProxyOptions): Promise<TcpProxy> {
  const targetHost = options.targetHost ?? '127.0.0.1';
  const links = new Set<Link>();
  const delayMs: Record<Direction, number> = { up: 0, down: 0 };
  const passed: Record<Direction, number> = { up: 0, down: 0 };
  let state: LinkState = 'open';
  let acceptedCount = 0;
  let trap: Trap | undefined;
  let gate = closedGate();
  gate.open();

  const resetLink = (link: Link): void => {
    links.delete(link);
    link.client.resetAndDestroy();
    link.target.resetAndDestroy();
  };

  /** How much of the chunk may pass before the trap springs; undefined when all of it may. */
  const caught = (direction: Direction, length: number): number | undefined => {
    if (trap === undefined || trap.direction !== direction) return undefined;
    if (length <= trap.bytesLeft) {
      trap.bytesLeft -= length;
      return undefined;
    }
    return trap.bytesLeft;
  };

  const write = (socket: Socket, chunk: Buffer): Promise<void> =>
    new Promise((resolve) => {
      if (socket.destroyed) resolve();
      else socket.write(chunk, () => resolve());
    });

  const pump = async (link: Link, direction: Direction): Promise<void> => {
    const [from, to] = direction === 'up' ? [link.client, link.target] : [link.target, link.client];
    for await (const chunk of from as AsyncIterable<Buffer>) {
      if (delayMs[direction] > 0) await new Promise((resolve) => setTimeout(resolve, delayMs[direction]));
      await gate.passed;
      if (!links.has(link)) return;
      const allowed = caught(direction, chunk.length);
      const bytes = allowed === undefined ? chunk : chunk.subarray(0, allowed);
      passed[direction] += bytes.length;
      if (bytes.length > 0) await write(to, bytes);
      if (allowed !== undefined) {
        const { sprung } = trap as Trap;
        trap = undefined;
        resetLink(link);
        sprung();
        return;
      }
    }
    await gate.passed;
    to.end();
  };

  const server = createServer({ allowHalfOpen: true, noDelay: true }, (client) => {
    acceptedCount += 1;
    // A reset is expected here; the close that follows tidies up.
    client.on('error', () => undefined);
    if (state === 'cut') {
      client.resetAndDestroy();
      return;
    }
    const target = connect({ port: options.targetPort, host: targetHost, allowHalfOpen: true, noDelay: true });
    const link: Link = { client, target };
    links.add(link);
    target.on('error', () => client.resetAndDestroy());
    target.once('close', () => {
      links.delete(link);
      if (!client.writableEnded) client.destroy();
    });
    client.once('close', () => {
      links.delete(link);
      if (!target.writableEnded) target.destroy();
    });
    // An iteration over a socket that was reset throws; the reset itself has been passed on by the handlers above.
    void pump(link, 'up').catch(() => undefined);
    void pump(link, 'down').catch(() => undefined);
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(options.port ?? 0, '127.0.0.1', resolve);
  });

  const reset = (): number => {
    const open = [...links];
    open.forEach(resetLink);
    return open.length;
  };

  return {
    host: '127.0.0.1',
    port: (server.address() as AddressInfo).port,
    connections: () => links.size,
    accepted: () => acceptedCount,
    bytes: (direction) => passed[direction],
    delay(ms, direction) {
      if (direction !== 'down') delayMs.up = ms;
      if (direction !== 'up') delayMs.down = ms;
    },
    reset,
    resetAfter(bytes, direction = 'up') {
      return new Promise((resolve) => {
        trap = { direction, bytesLeft: bytes, sprung: resolve };
      });
    },
    hold() {
      if (state !== 'held') gate = closedGate();
      state = 'held';
    },
    cut() {
      state = 'cut';
      reset();
      gate.open();
    },
    restore() {
      state = 'open';
      gate.open();
    },
    async close() {
      const closed = new Promise((resolve) => server.close(resolve));
      reset();
      gate.open();
      await closed;
    },
  };
}
