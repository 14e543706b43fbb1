/** A WebSocket server on loopback for tests (RFC 6455): small unfragmented frames, as tests need them. */
import { createHash } from 'node:crypto';
import { createServer, type IncomingHttpHeaders } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';

export interface WebSocketServer {
  /** `127.0.0.1:PORT` */
  readonly host: string;
  readonly received: readonly string[];
  readonly handshakes: readonly { readonly path: string; readonly headers: IncomingHttpHeaders }[];
  /** What a new connection is sent at once. */
  greetWith(messages: readonly string[]): void;
  close(): Promise<void>;
}

const TEXT = 1;
const CLOSE = 8;

export async function startWebSocketServer(): Promise<WebSocketServer> {
  const received: string[] = [];
  const handshakes: { path: string; headers: IncomingHttpHeaders }[] = [];
  const sockets = new Set<Socket>();
  let greeting: readonly string[] = [];
  const server = createServer((_, response) => response.writeHead(426).end());
  server.on('upgrade', (request, socket: Socket) => {
    sockets.add(socket);
    handshakes.push({ path: request.url ?? '', headers: request.headers });
    const accept = createHash('sha1').update(`${request.headers['sec-websocket-key'] ?? ''}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest('base64');
    socket.write(`HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: Upgrade\r\nsec-websocket-accept: ${accept}\r\n\r\n`);
    for (const message of greeting) socket.write(frame(TEXT, Buffer.from(message)));
    let buffer = Buffer.alloc(0);
    socket.on('error', () => undefined);
    socket.on('data', (chunk: Buffer) => {
      buffer = Buffer.concat([buffer, chunk]);
      for (let next = unframed(buffer); next !== undefined; next = unframed(buffer)) {
        buffer = buffer.subarray(next.length);
        if (next.opcode === TEXT) received.push(next.payload.toString('utf8'));
        if (next.opcode === CLOSE) socket.end(frame(CLOSE, next.payload));
      }
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    host: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    received,
    handshakes,
    greetWith: (messages) => void (greeting = messages),
    close: async () => {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

function frame(opcode: number, payload: Buffer): Buffer {
  const head = payload.length < 126 ? [0x80 | opcode, payload.length] : [0x80 | opcode, 126, payload.length >> 8, payload.length & 0xff];
  return Buffer.concat([Buffer.from(head), payload]);
}

/** The first whole frame of a client, unmasked. */
function unframed(buffer: Buffer): { readonly opcode: number; readonly payload: Buffer; readonly length: number } | undefined {
  if (buffer.length < 2) return undefined;
  const short = (buffer[1] ?? 0) & 0x7f;
  const head = short === 126 ? 4 : 2;
  if (buffer.length < head + 4) return undefined;
  const size = short === 126 ? buffer.readUInt16BE(2) : short;
  const length = head + 4 + size;
  if (buffer.length < length) return undefined;
  const mask = buffer.subarray(head, head + 4);
  return { opcode: (buffer[0] ?? 0) & 0x0f, payload: Buffer.from(buffer.subarray(head + 4, length).map((byte, at) => byte ^ (mask[at % 4] ?? 0))), length };
}
