import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { once } from 'node:events';
import { eventually } from './eventually.ts';
import { startTcpProxy, type TcpProxy } from './tcp-proxy.ts';

let echo: Server;
let echoed = 0;
let proxy: TcpProxy;

beforeEach(async () => {
  echoed = 0;
  echo = createServer((socket) => {
    socket.on('error', () => undefined);
    socket.on('data', (chunk) => {
      echoed += chunk.length;
      socket.write(chunk);
    });
  });
  await new Promise<void>((resolve) => echo.listen(0, '127.0.0.1', resolve));
  proxy = await startTcpProxy({ targetPort: (echo.address() as AddressInfo).port });
});

afterEach(async () => {
  await proxy.close();
  await new Promise((resolve) => echo.close(resolve));
});

async function dial(): Promise<Socket> {
  const socket = connect(proxy.port, proxy.host);
  await once(socket, 'connect');
  return socket;
}

async function ask(socket: Socket, text: string): Promise<string> {
  socket.write(text);
  const [chunk] = (await once(socket, 'data')) as [Buffer];
  return chunk.toString();
}

test('bytes pass both ways and are counted', async () => {
  const socket = await dial();
  expect(await ask(socket, 'hello')).toBe('hello');
  expect(proxy.bytes('up')).toBe(5);
  expect(proxy.bytes('down')).toBe(5);
  socket.destroy();
  await eventually(() => proxy.connections() === 0);
});

test('a large transfer arrives whole and in order', async () => {
  const socket = await dial();
  const sent = Buffer.from(Array.from({ length: 400_000 }, (_, index) => index % 251));
  const received: Buffer[] = [];
  const complete = new Promise<void>((resolve) => {
    let bytes = 0;
    socket.on('data', (chunk) => {
      received.push(chunk);
      bytes += chunk.length;
      if (bytes === sent.length) resolve();
    });
  });
  socket.write(sent);
  await complete;
  expect(Buffer.concat(received).equals(sent)).toBe(true);
  socket.destroy();
});

test('a delay holds bytes back in its direction', async () => {
  const socket = await dial();
  proxy.delay(80, 'down');
  const startedAt = performance.now();
  await ask(socket, 'slow');
  expect(performance.now() - startedAt).toBeGreaterThanOrEqual(78);
  socket.destroy();
});

test('a reset reaches the client as a reset, and a new connection passes', async () => {
  const socket = await dial();
  await ask(socket, 'one');
  const errored = new Promise<NodeJS.ErrnoException>((resolve) => socket.once('error', resolve));
  expect(proxy.reset()).toBe(1);
  expect((await errored).code).toBe('ECONNRESET');
  const next = await dial();
  expect(await ask(next, 'two')).toBe('two');
  next.destroy();
});

test('a reset can be set to happen in the middle of a message', async () => {
  const socket = await dial();
  socket.on('error', () => undefined);
  const closed = new Promise((resolve) => socket.once('close', resolve));
  const sprung = proxy.resetAfter(3, 'up');
  socket.write('abcdef');
  await sprung;
  await closed;
  expect(echoed).toBeLessThanOrEqual(3);
});

test('a held link swallows, and gives out what it held when restored', async () => {
  const socket = await dial();
  await ask(socket, 'before');
  proxy.hold();
  const answer = once(socket, 'data') as Promise<[Buffer]>;
  socket.write('held');
  await new Promise((resolve) => setTimeout(resolve, 60));
  expect(echoed).toBe(6);
  proxy.restore();
  expect((await answer)[0].toString()).toBe('held');
  socket.destroy();
});

test('a cut link resets new connections until it is restored', async () => {
  proxy.cut();
  const refused = connect(proxy.port, proxy.host);
  const error = await new Promise<NodeJS.ErrnoException>((resolve) => refused.once('error', resolve));
  expect(['ECONNRESET', 'EPIPE']).toContain(error.code);
  proxy.restore();
  const socket = await dial();
  expect(await ask(socket, 'back')).toBe('back');
  socket.destroy();
});
