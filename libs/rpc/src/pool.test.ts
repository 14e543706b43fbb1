import { LimitsClient, LimitsService, OrganisationLimits, type LimitsReference } from '@millrace/contracts/throttle/v1/throttle';
import type { Instance, Registry } from '@millrace/bus';
import { MillraceError } from '@millrace/errors';
import { createLogger, createMetrics } from '@millrace/telemetry';
import fc from 'fast-check';
import { AVOID_MS, createBalancer, createChannelPool, createRpcServer, unary, type CallContext, type ChannelPool, type RpcServer } from './index.ts';

const logger = createLogger({ service: 'test', instance: 'test-1', level: 'silent', destination: { write: () => undefined } });

const instanceOf = (name: string, grpc: string, draining = false): Instance => ({
  service: 'throttle', instance: name, incarnation: name, version: '1', addresses: { grpc }, draining, startedAtMs: 0, attributes: {},
});

/** A registry in memory: the real one is tested with NATS, here its answers are chosen. */
function listed(): { readonly registry: Registry; set(next: readonly Instance[]): void } {
  let instances: readonly Instance[] = [];
  const callbacks = new Set<() => void>();
  return {
    registry: {
      list: (service) => instances.filter((each) => service === undefined || each.service === service),
      onChange: (callback) => {
        callbacks.add(callback);
        return () => void callbacks.delete(callback);
      },
      close: () => callbacks.clear(),
    },
    set: (next) => {
      instances = next;
      for (const callback of callbacks) callback();
    },
  };
}

interface Backend {
  readonly server: RpcServer;
  readonly instance: Instance;
  readonly calls: string[];
}

const backends: Backend[] = [];
const pools: ChannelPool[] = [];

async function startBackend(name: string, handle: (request: LimitsReference, context: CallContext) => Promise<OrganisationLimits> | OrganisationLimits): Promise<Backend> {
  const server = createRpcServer({ logger, metrics: createMetrics({ service: 'throttle', instance: name }) });
  const calls: string[] = [];
  server.addService(LimitsService, {
    get: unary((request: LimitsReference, context) => {
      calls.push(request.organisation);
      return handle(request, context);
    }),
    put: () => undefined, list: () => undefined,
  });
  const { address } = await server.start();
  const backend = { server, calls, instance: instanceOf(name, address) };
  backends.push(backend);
  return backend;
}

function openPool(registry: Registry): ChannelPool {
  const pool = createChannelPool({ registry, service: 'throttle', logger });
  pools.push(pool);
  return pool;
}

const echo = ({ organisation }: LimitsReference): OrganisationLimits => ({ ...OrganisationLimits.decode(new Uint8Array()), organisation });

afterEach(async () => {
  for (const pool of pools.splice(0)) pool.close();
  await Promise.all(backends.splice(0).map(({ server }) => server.drain(0)));
});

describe('a pool of channels', () => {
  test('spreads calls over all instances', async () => {
    const all = await Promise.all(['a', 'b', 'c'].map((name) => startBackend(name, echo)));
    const { registry, set } = listed();
    set(all.map(({ instance }) => instance));
    const pool = openPool(registry);
    await Promise.all(Array.from({ length: 90 }, (_, index) => pool.unary(LimitsClient, 'get', { organisation: `o${index}` })));
    for (const { calls } of all) expect(calls.length).toBeGreaterThanOrEqual(25);
  });

  test('gives a slow instance less', async () => {
    let release: () => void = () => undefined;
    const held = new Promise<void>((resolve) => (release = resolve));
    const slow = await startBackend('slow', async (request) => {
      await held;
      return echo(request);
    });
    const fast = await startBackend('fast', echo);
    const { registry, set } = listed();
    set([slow.instance, fast.instance]);
    const pool = openPool(registry);
    const waiting: Promise<unknown>[] = [];
    for (let index = 0; index < 40; index += 1) {
      const call = pool.unary(LimitsClient, 'get', { organisation: 'x' });
      waiting.push(call);
      await Promise.race([call, new Promise((resolve) => setTimeout(resolve, 30))]);
    }
    expect(slow.calls.length).toBeLessThanOrEqual(2);
    expect(fast.calls.length).toBeGreaterThanOrEqual(38);
    release();
    await Promise.all(waiting);
  });

  test('leaves an instance that is draining', async () => {
    const [left, right] = [await startBackend('left', echo), await startBackend('right', echo)];
    const { registry, set } = listed();
    set([{ ...left.instance, draining: true }, right.instance]);
    const pool = openPool(registry);
    await Promise.all(Array.from({ length: 10 }, () => pool.unary(LimitsClient, 'get', { organisation: 'x' })));
    expect([left.calls.length, right.calls.length]).toEqual([0, 10]);
    expect(pool.instances()).toHaveLength(2);
  });

  test('goes to another instance when the first cannot be reached, and then avoids it', async () => {
    const [dead, alive] = [await startBackend('dead', echo), await startBackend('alive', echo)];
    await dead.server.drain(0);
    const { registry, set } = listed();
    set([dead.instance, alive.instance]);
    const pool = openPool(registry);
    for (let index = 0; index < 6; index += 1) await pool.unary(LimitsClient, 'get', { organisation: 'x' });
    expect(alive.calls).toHaveLength(6);
  });

  test('does not repeat a call that may have arrived, unless it may be carried out twice', async () => {
    const fails = (): never => {
      throw new MillraceError('lane-displaced');
    };
    const all = [await startBackend('one', fails), await startBackend('two', fails)];
    const { registry, set } = listed();
    set(all.map(({ instance }) => instance));
    const pool = openPool(registry);
    await expect(pool.unary(LimitsClient, 'get', { organisation: 'once' })).rejects.toMatchObject({ reason: 'lane-displaced' });
    expect(all.flatMap(({ calls }) => calls)).toEqual(['once']);
    await expect(pool.unary(LimitsClient, 'get', { organisation: 'twice' }, { idempotent: true })).rejects.toMatchObject({ reason: 'lane-displaced' });
    expect(all.flatMap(({ calls }) => calls).filter((call) => call === 'twice')).toHaveLength(2);
  });

  test('says which service is missing when nobody is there, and works when somebody comes', async () => {
    const { registry, set } = listed();
    const pool = openPool(registry);
    await expect(pool.unary(LimitsClient, 'get', { organisation: 'x' })).rejects.toMatchObject({ reason: 'service-unavailable', details: { service: 'throttle' } });
    const backend = await startBackend('late', echo);
    set([backend.instance]);
    expect(await pool.unary(LimitsClient, 'get', { organisation: 'x' })).toMatchObject({ organisation: 'x' });
  });

  test('passes on organisation, trace and metadata, and keeps the deadline', async () => {
    let seen: CallContext | undefined;
    const backend = await startBackend('one', (request, context) => {
      seen = context;
      return request.organisation === 'slow' ? new Promise(() => undefined) : echo(request);
    });
    const { registry, set } = listed();
    set([backend.instance]);
    const pool = openPool(registry);
    const trace = { traceId: '0af7651916cd43dd8448eb211c80319c', spanId: 'b7ad6b7169203331', sampled: true };
    await pool.unary(LimitsClient, 'get', { organisation: 'x' }, { organisation: 'acme', trace, metadata: { 'millrace-extra': '1' } });
    expect(seen).toMatchObject({ organisation: 'acme', trace });
    expect(seen?.metadata.get('millrace-extra')).toEqual(['1']);
    await expect(pool.unary(LimitsClient, 'get', { organisation: 'slow' }, { deadlineMs: 150 })).rejects.toMatchObject({ reason: 'deadline-exceeded' });
    const controller = new AbortController();
    const cancelled = pool.unary(LimitsClient, 'get', { organisation: 'slow' }, { signal: controller.signal });
    controller.abort();
    await expect(cancelled).rejects.toBeInstanceOf(MillraceError);
  });

  test('keeps one client of a class for each instance', async () => {
    const backend = await startBackend('one', echo);
    const { registry, set } = listed();
    set([backend.instance]);
    const pool = openPool(registry);
    expect(pool.client(LimitsClient, backend.instance)).toBe(pool.client(LimitsClient, backend.instance));
    expect(pool.pick()).toEqual(backend.instance);
  });
});

describe('the balancer', () => {
  test('never picks one that has more outstanding than another it could pick', () => {
    const names = ['a', 'b', 'c', 'd'];
    fc.assert(
      fc.property(fc.array(fc.nat({ max: 9 }), { minLength: 4, maxLength: 4 }), fc.array(fc.boolean(), { minLength: 4, maxLength: 4 }), (loads, draining) => {
        const balancer = createBalancer(() => 0);
        const instances = names.map((name, index) => instanceOf(name, name, draining[index]));
        loads.forEach((load, index) => {
          for (let count = 0; count < load; count += 1) balancer.begin(names[index] ?? '');
        });
        const picked = balancer.pick(instances);
        const open = instances.filter((each) => !each.draining);
        if (open.length === 0) return expect(picked).toBeUndefined();
        const least = Math.min(...open.map(({ instance }) => balancer.outstanding(instance)));
        expect(picked?.draining).toBe(false);
        return expect(balancer.outstanding(picked?.instance ?? '')).toBe(least);
      }),
    );
  });

  test('avoids one that failed for a while, but not when it is the only one', () => {
    let nowMs = 0;
    const balancer = createBalancer(() => nowMs);
    const [bad, good] = [instanceOf('bad', 'bad'), instanceOf('good', 'good')];
    balancer.begin('bad')(false);
    balancer.begin('good');
    for (let count = 0; count < 4; count += 1) expect(balancer.pick([bad, good])).toBe(good);
    expect(balancer.pick([bad])).toBe(bad);
    nowMs = AVOID_MS + 1;
    expect(balancer.pick([bad, good])).toBe(bad);
  });

  test('lets idle instances take turns', () => {
    const balancer = createBalancer(() => 0);
    const instances = ['a', 'b', 'c'].map((name) => instanceOf(name, name));
    const picked = new Set(Array.from({ length: 3 }, () => balancer.pick(instances)?.instance));
    expect(picked.size).toBe(3);
  });
});
