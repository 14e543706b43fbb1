import { startNats, type NatsServer } from '@millrace/servers';
import { createLogger } from '@millrace/telemetry';
import { startTcpProxy, temporaryFolder, type TcpProxy, type TemporaryFolder } from '@millrace/testkit';
import { connectBus, type Bus } from './connection.ts';
import { readStream } from './stream-reader.ts';
import { untilAnswered } from './retry.ts';
import { ensureStream } from './stream.ts';

const logger = createLogger({ service: 'bus', instance: 'test', level: 'silent' });
let folder: TemporaryFolder;
let nats: NatsServer;
let proxy: TcpProxy;
let direct: Bus;
let behind: Bus;

beforeAll(async () => {
  folder = await temporaryFolder('stream-reader');
  nats = await startNats({ dataDir: folder.path });
  proxy = await startTcpProxy({ targetPort: nats.port });
  direct = await connectBus({ url: nats.url, name: 'direct', logger });
  behind = await connectBus({ url: `nats://${proxy.host}:${proxy.port}`, name: 'behind', logger });
}, 60_000);

afterAll(async () => {
  await behind.close();
  await direct.close();
  await proxy.close();
  await nats.stop();
  await folder.remove();
});

async function publish(subject: string, from: number, to: number): Promise<void> {
  for (let number = from; number <= to; number++) await untilAnswered(direct, 'Publishing', () => direct.jetstream.publish(subject, String(number), { msgID: `${subject}-${number}` }));
}

async function collect(stream: string, from: number, count: number, onMessage: (index: number) => void = () => undefined): Promise<string[]> {
  const ended = new AbortController();
  const found: string[] = [];
  for await (const message of readStream(behind, { stream, from, signal: ended.signal })) {
    found.push(Buffer.from(message.data).toString());
    onMessage(found.length);
    if (found.length === count) break;
  }
  ended.abort();
  return found;
}

const numbers = (from: number, to: number): string[] => Array.from({ length: to - from + 1 }, (_, index) => String(from + index));

test('reads what is there and what comes, from the sequence asked for', async () => {
  await ensureStream(direct, { name: 'A', subjects: ['a'] });
  await publish('a', 1, 20);
  const reading = collect('A', 5, 26);
  await publish('a', 21, 30);
  expect(await reading).toEqual(numbers(5, 30));
});

test('goes on in order and without a gap while its connection is reset again and again', async () => {
  await ensureStream(direct, { name: 'B', subjects: ['b'] });
  const timer = setInterval(() => proxy.reset(), 120);
  const reading = collect('B', 1, 600);
  await publish('b', 1, 600);
  expect(await reading).toEqual(numbers(1, 600));
  clearInterval(timer);
}, 60_000);

test('goes on after the server was killed and is back', async () => {
  await ensureStream(direct, { name: 'C', subjects: ['c'] });
  await publish('c', 1, 10);
  let restarted: Promise<void> | undefined;
  const reading = collect('C', 1, 20, (index) => {
    if (index === 5) restarted = nats.kill().then(() => nats.restart());
  });
  while (restarted === undefined) await new Promise((settle) => setImmediate(settle));
  await restarted;
  await publish('c', 11, 20);
  expect(await reading).toEqual(numbers(1, 20));
}, 60_000);

test('a slow reader is not flooded and gets everything', async () => {
  await ensureStream(direct, { name: 'D', subjects: ['d'] });
  await Promise.all(Array.from({ length: 5_000 }, (_, index) => direct.jetstream.publish('d', `${index}-${'x'.repeat(1_000)}`)));
  const ended = new AbortController();
  let count = 0;
  for await (const message of readStream(behind, { stream: 'D', from: 1, signal: ended.signal })) {
    count++;
    expect(message.sequence).toBe(count);
    if (count % 500 === 0) await new Promise((settle) => setTimeout(settle, 20));
    if (count === 5_000) break;
  }
  ended.abort();
  expect(count).toBe(5_000);
}, 60_000);

test('ends when it is told to, also while nothing comes', async () => {
  await ensureStream(direct, { name: 'E', subjects: ['e'] });
  const ended = new AbortController();
  const reading = (async () => {
    for await (const message of readStream(behind, { stream: 'E', from: 1, signal: ended.signal })) throw new Error(`unexpected ${message.sequence}`);
  })();
  setImmediate(() => ended.abort());
  await expect(reading).resolves.toBeUndefined();
});
