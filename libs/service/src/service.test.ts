/** A whole service as a process of its own: testing/tiny-service.ts, with a real nats-server and without MongoDB. */
import { Client, credentials } from '@grpc/grpc-js';
import { LEASE_MS, connectBus, watchRegistry, type Bus, type Instance, type Registry } from '@millrace/bus';
import { LimitsClient } from '@millrace/contracts/throttle/v1/throttle';
import { createChannelPool } from '@millrace/rpc';
import { freePort, startNats, type NatsServer } from '@millrace/servers';
import { createLogger } from '@millrace/telemetry';
import { eventually, startService, temporaryFolder, waitUntilReady, type ServiceProcess, type TemporaryFolder } from '@millrace/testkit';

const logger = createLogger({ service: 'test', instance: 'test-1', level: 'silent', destination: { write: () => undefined } });

let folder: TemporaryFolder;
let nats: NatsServer;
let bus: Bus;
let registry: Registry;
const processes: ServiceProcess[] = [];

beforeAll(async () => {
  folder = await temporaryFolder('service');
  nats = await startNats({ dataDir: folder.path });
  bus = await connectBus({ url: nats.url, name: 'test', logger });
  registry = await watchRegistry(bus);
});

afterEach(async () => {
  await Promise.all(processes.splice(0).map((each) => each.kill()));
});

afterAll(async () => {
  registry.close();
  await bus.close();
  await nats.stop();
  await folder.remove();
});

interface Tiny {
  readonly process: ServiceProcess;
  readonly http: string;
  instance(): Promise<Instance>;
}

async function startTiny(name: string, environment: Record<string, string> = {}, ready = true): Promise<Tiny> {
  const port = await freePort();
  const started = startService({
    name,
    entry: 'libs/service/src/testing/tiny-service.ts',
    environment: { MILLRACE_DURABILITY: 'ignore', MILLRACE_INSTANCE: name, MILLRACE_NATS_URL: nats.url, MILLRACE_HTTP_PORT: String(port), TINY_CONCURRENCY: '4', ...environment },
  });
  processes.push(started);
  const http = `http://127.0.0.1:${port}`;
  if (ready) await waitUntilReady(started, `${http}/readyz`);
  return { process: started, http, instance: () => eventually(() => registry.list('tiny').find(({ instance }) => instance === name), { what: `${name} in the registry` }) };
}

const get = async (url: string): Promise<{ readonly status: number; readonly text: string }> => {
  const response = await fetch(url);
  return { status: response.status, text: await response.text() };
};
const messages = ({ process }: Tiny): unknown[] => process.lines.map(({ record }) => record?.['msg']);

describe('a service process', () => {
  test('answers probes and scrapes, serves gRPC and HTTP, and stands in the registry', async () => {
    const tiny = await startTiny('tiny-serves', { TINY_PASSWORD: 'hunter2' });
    expect(await get(`${tiny.http}/healthz`)).toMatchObject({ status: 200 });
    expect(JSON.parse((await get(`${tiny.http}/readyz`)).text)).toEqual({ ready: true, checks: { planted: true, nats: true, registered: true, running: true } });
    const metrics = (await get(`${tiny.http}/metrics`)).text;
    expect(metrics).toContain('process_cpu_seconds_total{service="tiny",instance="tiny-serves"}');
    expect(await get(`${tiny.http}/anything`)).toEqual({ status: 200, text: 'hello /anything' });
    expect(await get(`${tiny.http}/unknown`)).toMatchObject({ status: 404, text: expect.stringContaining('resource-unknown') });

    const instance = await tiny.instance();
    expect(instance).toMatchObject({ version: '0.0.1', draining: false, attributes: { fixture: true }, addresses: { http: tiny.http, grpc: expect.stringMatching(/^127\.0\.0\.1:\d+$/) } });
    const pool = createChannelPool({ registry, service: 'tiny', logger });
    expect(await pool.unary(LimitsClient, 'get', { organisation: 'acme' })).toMatchObject({ organisation: 'acme', concurrency: 4 });
    pool.close();
    const health = new Client(instance.addresses.grpc ?? '', credentials.createInsecure());
    const bytes = (value: Buffer): Buffer => value;
    const answer = await new Promise<Buffer | undefined>((resolve, reject) =>
      health.makeUnaryRequest('/grpc.health.v1.Health/Check', bytes, bytes, Buffer.alloc(0), (error, value) => (error === null ? resolve(value) : reject(error))),
    );
    health.close();
    expect(answer?.[1]).toBe(1);
    expect(messages(tiny)).toEqual(['Starting', 'Tiny started', 'Ready']);
    expect(tiny.process.lines.map(({ text }) => text).join()).not.toContain('hunter2');
  });

  test('uses little of the processor to start', async () => {
    const tiny = await startTiny('tiny-quick');
    const { record } = await tiny.process.waitForLine((line) => line.record?.['msg'] === 'Ready');
    expect(record?.['cpuMs']).toBeGreaterThan(0);
    expect(record?.['cpuMs']).toBeLessThan(1_200);
  });

  test('drains on SIGTERM: it says so first, ends what it has, leaves the registry and exits with 0', async () => {
    const tiny = await startTiny('tiny-drains');
    await tiny.instance();
    const states: string[] = [];
    const off = registry.onChange(() => {
      const found = registry.list('tiny').find(({ instance }) => instance === 'tiny-drains');
      states.push(found === undefined ? 'gone' : found.draining ? 'draining' : 'there');
    });
    const slow = get(`${tiny.http}/slow`);
    await eventually(async () => (await get(`${tiny.http}/healthz`)).status === 200);
    const exit = await tiny.process.stop();
    off();
    expect(exit).toEqual({ code: 0, signal: null });
    expect(await slow).toEqual({ status: 200, text: 'slow but whole' });
    expect(states.filter((state, index) => state !== states[index - 1])).toEqual(['draining', 'gone']);
    // Instances of earlier tests that were killed may be missed meanwhile.
    const own = messages(tiny).filter((message) => message !== 'An instance stopped without a word');
    expect(own).toEqual(['Starting', 'Tiny started', 'Ready', 'Stopping', 'Tiny drains', 'Tiny closes', 'Stopped']);
    expect(tiny.process.lines.find(({ record }) => record?.['msg'] === 'Tiny drains')?.record).toMatchObject({ aborted: true });
  });

  test('is alive but not ready while NATS is away, and joins when it comes', async () => {
    const port = await freePort();
    const own = await temporaryFolder('service-late');
    const tiny = await startTiny('tiny-waits', { MILLRACE_NATS_URL: `nats://127.0.0.1:${port}` }, false);
    await eventually(async () => (await get(`${tiny.http}/healthz`)).status === 200);
    expect(await get(`${tiny.http}/readyz`)).toMatchObject({ status: 503 });
    expect(await get(`${tiny.http}/anything`)).toMatchObject({ status: 503, text: expect.stringContaining('service-unavailable') });
    const late = await startNats({ dataDir: own.path, port });
    await waitUntilReady(tiny.process, `${tiny.http}/readyz`);
    expect((await tiny.process.stop()).code).toBe(0);
    await late.stop();
    await own.remove();
  });

  test('stops in order even when NATS never came', async () => {
    const port = await freePort();
    const tiny = await startTiny('tiny-alone', { MILLRACE_NATS_URL: `nats://127.0.0.1:${port}` }, false);
    await eventually(async () => (await get(`${tiny.http}/healthz`)).status === 200);
    expect(await tiny.process.stop(5_000)).toEqual({ code: 0, signal: null });
  });

  test('starts without MongoDB', async () => {
    const port = await freePort();
    const tiny = await startTiny('tiny-storeless', { TINY_STORE: 'true', MILLRACE_MONGODB_URL: `mongodb://127.0.0.1:${port}/` });
    expect(await get(`${tiny.http}/ping-store`)).toEqual({ status: 200, text: 'false' });
    expect((await tiny.process.stop()).code).toBe(0);
  });

  test('can bring its own HTTP server, with the admin paths in it', async () => {
    const tiny = await startTiny('tiny-own-server', { TINY_OWN_SERVER: 'true' });
    expect(await get(`${tiny.http}/healthz`)).toMatchObject({ status: 200 });
    expect(await get(`${tiny.http}/anything`)).toMatchObject({ text: 'hello /anything' });
    expect((await tiny.instance()).addresses.http).toBe(tiny.http);
    expect((await tiny.process.stop()).code).toBe(0);
  });

  test('refuses a wrong configuration with all problems and exit status 78', async () => {
    const tiny = await startTiny('tiny-wrong', { TINY_CONCURRENCY: '99', MILLRACE_GRPC_PORT: 'any' }, false);
    expect(await tiny.process.exited).toEqual({ code: 78, signal: null });
    const printed = await eventually(() => tiny.process.lines.filter(({ stream }) => stream === 'stderr').map(({ text }) => text).join('\n') || undefined);
    expect(printed).toContain('TINY_CONCURRENCY must be at most 10, not 99');
    expect(printed).toContain('MILLRACE_GRPC_PORT must be a whole number');
  });

  test('ends with exit status 70 on a defect, which is in its log', async () => {
    const tiny = await startTiny('tiny-breaks');
    await get(`${tiny.http}/defect`).catch(() => undefined);
    expect(await tiny.process.exited).toEqual({ code: 70, signal: null });
    const line = await tiny.process.waitForLine(({ record }) => record?.['msg'] === 'A defect ends the process').catch(() => undefined);
    expect(line?.record).toMatchObject({ level: 'error', error: { message: 'planted defect' } });
  });

  test('that stood still for longer than its lease is missed, and is there again when it goes on', async () => {
    const tiny = await startTiny('tiny-sleeps');
    const witness = await startTiny('tiny-witness');
    const { incarnation } = await tiny.instance();
    await witness.instance();
    const there = (name: string): Instance | undefined => registry.list('tiny').find(({ instance }) => instance === name);
    tiny.process.pause();
    await eventually(() => there('tiny-sleeps') === undefined, { timeoutMs: LEASE_MS + 3_000, what: 'the end of the lease' });
    tiny.process.resume();
    await eventually(() => there('tiny-sleeps')?.incarnation === incarnation, { what: 'the return' });
    const lost = await tiny.process.waitForLine(({ record }) => record?.['msg'] === 'The lease of this process was lost');
    expect(lost.record).toMatchObject({ loss: 'expired' });
    // It saw no heartbeat of others while it stood still, and takes nobody for dead because of that.
    expect(messages(tiny)).not.toContain('An instance stopped without a word');
    expect(there('tiny-witness')).toBeDefined();
    await eventually(async () => (await get(`${tiny.http}/readyz`)).status === 200);
  });

  test('gives way to a later process of its name', async () => {
    const first = await startTiny('tiny-twin');
    const { incarnation } = await first.instance();
    await startTiny('tiny-twin');
    expect((await first.process.exited).code).toBe(1);
    expect(registry.list('tiny').find(({ instance }) => instance === 'tiny-twin')?.incarnation).not.toBe(incarnation);
  });
});
