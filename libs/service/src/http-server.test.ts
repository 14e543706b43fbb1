import { Agent, request, type IncomingMessage } from 'node:http';
import { createServer, type AddressInfo } from 'node:net';
import { createHttpServer, type OwnHttpServer } from './http-server.ts';

let answer: () => void = () => undefined;
let stopping = false;

function serverThatWaits(): OwnHttpServer {
  stopping = false;
  return createHttpServer(
    () => false,
    () => (_request, response) => {
      answer = () => response.end('answered');
      return true;
    },
    () => stopping,
  );
}

function get(port: number, agent: Agent): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    request({ host: '127.0.0.1', port, agent }, (response) => response.resume().once('end', () => resolve(response)))
      .once('error', reject)
      .end();
  });
}

test('whoever waits for an answer when the server stops is told to come back over another connection', async () => {
  const server = serverThatWaits();
  const port = await server.listen('127.0.0.1', 0);
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  const asked = get(port, agent);
  const before = answer;
  while (answer === before) await new Promise((settle) => setImmediate(settle));
  stopping = true;
  server.turnAway();
  answer();
  expect((await asked).headers.connection).toBe('close');
  agent.destroy();
  await server.close();
});

test('a connection that somebody else has accepted is served as any other', async () => {
  const server = serverThatWaits();
  const front = createServer((socket) => server.take(socket));
  await new Promise<void>((settle) => front.listen(0, '127.0.0.1', settle));
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  const before = answer;
  const asked = get((front.address() as AddressInfo).port, agent);
  while (answer === before) await new Promise((settle) => setImmediate(settle));
  answer();
  expect((await asked).statusCode).toBe(200);
  agent.destroy();
  front.close();
  server.cut();
});
