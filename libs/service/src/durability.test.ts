/** What services do on servers that are not durable: as processes for NATS, on a real mongod for MongoDB. */
import { startMongod, startNats, type MongoServer, type NatsServer } from '@millrace/servers';
import { connectStore } from '@millrace/store';
import { createLogger } from '@millrace/telemetry';
import { startService, temporaryFolder, type ServiceProcess, type TemporaryFolder } from '@millrace/testkit';
import { checkStore } from './durability.ts';

let folder: TemporaryFolder;
let nats: NatsServer;
const processes: ServiceProcess[] = [];

beforeAll(async () => {
  folder = await temporaryFolder('service-durability');
  nats = await startNats({ dataDir: folder.path, maxPayloadBytes: 1024 * 1024 });
}, 60_000);
afterEach(async () => {
  await Promise.all(processes.splice(0).map((each) => each.kill()));
});
afterAll(async () => {
  await nats.stop();
  await folder.remove();
});

function startTiny(environment: Record<string, string>): ServiceProcess {
  const started = startService({ name: 'tiny', entry: 'libs/service/src/testing/tiny-service.ts', environment: { MILLRACE_INSTANCE: 'tiny-1', MILLRACE_NATS_URL: nats.url, TINY_CONCURRENCY: '4', ...environment } });
  processes.push(started);
  return started;
}
const named = (message: string) => ({ record }: { readonly record: Readonly<Record<string, unknown>> | undefined }): boolean => record?.['msg'] === message;

test('required durability that is not there ends the start with exit status 78 and says all that is missing', async () => {
  const tiny = startTiny({ MILLRACE_DURABILITY: 'require', MILLRACE_NATS_MONITOR_URL: nats.monitorUrl });
  const line = await tiny.waitForLine(named('The service did not start'));
  const { reason, message } = line.record?.['error'] as { readonly reason: string; readonly message: string };
  expect(reason).toBe('durability-insufficient');
  expect(message).toContain('set max_payload: 8388608');
  expect(message).toContain('set MILLRACE_NATS_REPLICAS=3');
  expect(await tiny.exited).toEqual({ code: 78, signal: null });
});

test('without being told services start, warn of what is missing and call a max_payload that is too small an error', async () => {
  const tiny = startTiny({});
  await tiny.waitForLine(named('Ready'));
  expect(tiny.lines.find(named('NATS cannot carry what Millrace sends'))?.record).toMatchObject({ level: 'error' });
  const warning = tiny.lines.find(named('The servers are not durable enough for production'))?.record;
  expect(warning).toMatchObject({ level: 'warn', server: 'NATS' });
  expect(String(warning?.['missing'])).toContain('MILLRACE_NATS_MONITOR_URL');
});

test('told to ignore it they ask for nothing but the largest message', async () => {
  const tiny = startTiny({ MILLRACE_DURABILITY: 'ignore' });
  await tiny.waitForLine(named('Ready'));
  expect(tiny.lines.some(named('The servers are not durable enough for production'))).toBe(false);
  expect(tiny.lines.some(named('NATS cannot carry what Millrace sends'))).toBe(true);
});

describe('MongoDB', () => {
  let mongod: MongoServer;
  beforeAll(async () => {
    mongod = await startMongod({ dataDir: `${folder.path}/mongo` });
  }, 60_000);
  afterAll(() => mongod.stop());

  test('is asked once it is there: one member is too few where durability is required, and a warning elsewhere', async () => {
    const lines: Record<string, unknown>[] = [];
    const logger = createLogger({ service: 'test', instance: 'test-1', destination: { write: (line) => void lines.push(JSON.parse(line) as Record<string, unknown>) } });
    const store = await connectStore({ url: mongod.url, database: 'durability_test', logger });
    const { signal } = new AbortController();
    const unfit: string[] = [];
    await mongod.stop();
    const checked = checkStore(store, 'require', logger, signal, (error) => void unfit.push(`${error.reason} ${error.message}`));
    await mongod.restart();
    await checked;
    expect(unfit).toEqual([expect.stringMatching(/^durability-insufficient .*\n  MongoDB's replica set has 1 of 3 members: add others$/s)]);
    await checkStore(store, 'warn', logger, signal, () => unfit.push('called'));
    logger.flush();
    expect(unfit).toHaveLength(1);
    expect(lines.find(({ msg }) => msg === 'The servers are not durable enough for production')).toMatchObject({ level: 'warn', server: 'MongoDB' });
    await store.close();
  }, 60_000);
});
