import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { MongoClient } from 'mongodb';
import { freePort } from './free-port.ts';
import { startMongod, type MongoServer } from './mongo-server.ts';

let dir: string;
const cleanUp: (() => Promise<unknown>)[] = [];

beforeEach(async () => {
  dir = await mkdtemp(path.join(tmpdir(), 'millrace-mongo-'));
});
afterEach(async () => {
  for (const step of cleanUp.splice(0).reverse()) await step();
  await rm(dir, { recursive: true, force: true });
});

async function started(port?: number): Promise<MongoServer> {
  const server = await startMongod({ dataDir: dir, ...(port === undefined ? {} : { port }) });
  cleanUp.push(() => server.kill());
  return server;
}

async function connected(server: MongoServer): Promise<MongoClient> {
  const client = await new MongoClient(server.url, { serverSelectionTimeoutMS: 5_000 }).connect();
  cleanUp.push(() => client.close());
  return client;
}

describe('mongod', () => {
  test('takes transactions, and keeps what a majority acknowledged over SIGKILL', async () => {
    const server = await started();
    const client = await connected(server);
    await client.withSession((session) =>
      session.withTransaction(async () => {
        await client.db('test').collection('kept').insertOne({ text: 'still here' }, { session });
      }),
    );

    const { pid, url } = server;
    expect(await server.kill()).toEqual({ code: null, signal: 'SIGKILL' });
    await server.restart();

    expect(server.url).toBe(url);
    expect(server.pid).not.toBe(pid);
    const found = await (await connected(server)).db('test').collection('kept').findOne({});
    expect(found?.['text']).toBe('still here');
  }, 60_000);

  test('takes writes again on the same data under another port', async () => {
    const first = await started();
    await (await connected(first)).db('test').collection('kept').insertOne({ run: 1 });
    await first.stop();

    const second = await started(await freePort());
    expect(second.port).not.toBe(first.port);
    const kept = (await connected(second)).db('test').collection('kept');
    await kept.insertOne({ run: 2 }, { writeConcern: { w: 'majority' } });
    expect(await kept.countDocuments()).toBe(2);
  }, 60_000);

  test('a folder that another mongod uses is an error that quotes its log', async () => {
    await started();
    await expect(startMongod({ dataDir: dir })).rejects.toThrow(/mongod did not start on port \d+: it ended with .*\n.*lock/s);
  }, 60_000);
});
