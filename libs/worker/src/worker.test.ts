import { Cluster, Peer, step } from './testing/peer.ts';
import { startWorker, type Step, type StepControl, type StepOutcome, type Worker, type WorkerOptions } from './index.ts';

const silent = (): void => undefined;
const log = { debug: silent, info: silent, warn: silent };

const cleanups: (() => void | Promise<void>)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

async function peer(instance: string): Promise<Peer> {
  const made = await new Peer(instance).listen();
  cleanups.push(() => made.close());
  return made;
}

function work(cluster: Cluster, execute: (step: Step, control: StepControl) => StepOutcome | Promise<StepOutcome>, limits?: WorkerOptions['limits']): Worker {
  const worker = startWorker({
    worker: 'w1#boot',
    service: 'connector',
    version: '1',
    handler: { operations: ['test.operation:1.0.0@default'], execute },
    owners: cluster,
    lanes: cluster.lanes,
    log,
    ...(limits === undefined ? {} : { limits }),
  });
  cleanups.push(() => worker.close());
  return worker;
}

const echo = (each: Step): StepOutcome => ({ kind: 'output', json: each.argumentsJson });

/** A handler whose steps end when the test says so. */
function held(): { execute: (step: Step, control: StepControl) => Promise<StepOutcome>; calls: { step: Step; control: StepControl; end(json: string): void }[]; started(count: number): Promise<void> } {
  const calls: { step: Step; control: StepControl; end(json: string): void }[] = [];
  const waiting: { count: number; resolve: () => void }[] = [];
  return {
    calls,
    execute: (each, control) =>
      new Promise((resolve) => {
        calls.push({ step: each, control, end: (json) => resolve({ kind: 'output', json }) });
        for (const waiter of waiting) if (calls.length >= waiter.count) waiter.resolve();
      }),
    started: (count) => new Promise((resolve) => (calls.length >= count ? resolve() : waiting.push({ count, resolve }))),
  };
}

const durable = (numbers: readonly number[]) => ({ $case: 'durable', value: { numbers } }) as const;

async function one(execute: (step: Step, control: StepControl) => StepOutcome | Promise<StepOutcome>, limits?: WorkerOptions['limits']) {
  const cluster = new Cluster();
  const owner = await peer('o1');
  cluster.add(owner);
  const worker = work(cluster, execute, limits);
  await owner.connected();
  return { cluster, owner, worker };
}

describe('a worker', () => {
  test('says who it is and what it takes, then answers a batch of synchronous steps with one message', async () => {
    const { owner } = await one(echo);
    expect(owner.hellos[0]).toMatchObject({ worker: 'w1#boot', service: 'connector', operations: ['test.operation:1.0.0@default'] });
    expect(owner.hellos[0]?.credits?.steps).toBeGreaterThan(0);
    owner.dispatch(...Array.from({ length: 100 }, () => step()));
    await owner.received(100);
    expect(owner.batches).toEqual([100]);
    expect(owner.results[0]?.outcome).toEqual({ $case: 'outputJson', value: '{"a":1}' });
  });

  test('keeps a result until it is durable', async () => {
    const { owner, worker } = await one(echo);
    owner.dispatch(step(), step());
    await owner.received(2);
    expect(worker.stats().kept).toBe(2);
    const [first] = owner.results;
    owner.say(durable([first?.number ?? 0, 4711]));
    owner.dispatch(step());
    await owner.received(3);
    expect(worker.stats().kept).toBe(2);
    expect(worker.stats().running).toBe(0);
  });

  test('reports what a handler throws as a failure of the step', async () => {
    const { owner } = await one(() => {
      throw new Error('password=hunter2');
    });
    owner.dispatch(step());
    await owner.received(1);
    expect(owner.results[0]?.outcome).toMatchObject({ $case: 'failure', value: { status: 500 } });
    expect(JSON.stringify(owner.results)).not.toContain('hunter2');
  });

  test('joins a step that arrives again while it runs, and sends the kept result when it arrives after that', async () => {
    const handler = held();
    const { owner, worker } = await one(handler.execute);
    const again = step({ activation: 9001 });
    owner.dispatch(again);
    await handler.started(1);
    owner.dispatch(again, step({ activation: 9002 }));
    await handler.started(2);
    expect(worker.stats().joined).toBe(1);
    handler.calls[0]?.end('"done"');
    await owner.received(1);
    owner.dispatch(again);
    await owner.received(2);
    expect(handler.calls).toHaveLength(2);
    expect(owner.results[1]).toEqual(owner.results[0]);
    expect(worker.stats()).toMatchObject({ kept: 1, running: 1, resent: 1 });
  });

  test('executes another attempt of the same key', async () => {
    const { owner, worker } = await one(echo);
    owner.dispatch(step({ activation: 5, attempt: 1 }), step({ activation: 5, attempt: 2 }));
    await owner.received(2);
    expect(worker.stats().executed).toBe(2);
  });

  test('refuses a step of an epoch below the highest seen for its lane (E2)', async () => {
    const { owner, worker } = await one(echo);
    owner.dispatch(step({ lane: 3, epoch: 7 }));
    owner.dispatch(step({ lane: 3, epoch: 6, execution: 'stale' }), step({ lane: 4, epoch: 1 }), step({ lane: 3, epoch: 7 }));
    await owner.received(3);
    expect(owner.results.map((result) => result.execution)).not.toContain('stale');
    expect(worker.stats()).toMatchObject({ stale: 1, executed: 3 });
  });

  test('offers a kept result again to the same owner after the stream was cut', async () => {
    const { owner } = await one(echo);
    owner.dispatch(step({ execution: 'kept' }));
    await owner.received(1);
    owner.cut();
    await owner.connected(2);
    await owner.received(2);
    expect(owner.results[1]).toEqual(owner.results[0]);
  });

  test('offers kept results of a lane to its new owner when the claim changes, though the old stream still stands', async () => {
    const { cluster, owner } = await one(echo);
    const next = await peer('o2');
    cluster.add(next);
    await next.connected();
    owner.dispatch(step({ lane: 1, execution: 'moves' }), step({ lane: 2, execution: 'stays' }));
    await owner.received(2);
    cluster.claim(1, next);
    await next.received(1);
    expect(next.results.map((result) => result.execution)).toEqual(['moves']);
  });

  test('sends the result of a running step to the owner that asked last, and lets the one before know that it has ended (T1)', async () => {
    const handler = held();
    const { cluster, owner, worker } = await one(handler.execute);
    const next = await peer('o2');
    cluster.add(next);
    await next.connected();
    const moving = step({ lane: 1, epoch: 1 });
    owner.dispatch(moving);
    await handler.started(1);
    next.dispatch({ ...moving, epoch: 2 }, step({ lane: 1, epoch: 2 }));
    await handler.started(2);
    handler.calls[0]?.end('1');
    await next.received(1);
    await owner.received(1);
    expect(handler.calls).toHaveLength(2);
    // The former owner does not want it; that says nothing of the one it belongs to.
    owner.say({ $case: 'moved', value: { lane: 1, numbers: [owner.results[0]?.number ?? 0] } });
    handler.calls[1]?.end('2');
    await next.received(2);
    expect(worker.stats()).toMatchObject({ kept: 2, resent: 0 });
    expect([owner.results.length, next.results.length]).toEqual([1, 2]);
  });

  test('takes a result that an owner calls moved to the owner that the claim names', async () => {
    const { cluster, owner } = await one(echo);
    const next = await peer('o2');
    cluster.add(next);
    await next.connected();
    cluster.claim(5, next);
    owner.dispatch(step({ lane: 5 }));
    await owner.received(1);
    owner.say({ $case: 'moved', value: { lane: 5, numbers: [owner.results[0]?.number ?? 0] } });
    await next.received(1);
  });

  test('takes a result whose slot has moved to the owner of the lane that it is in now', async () => {
    const { cluster, owner } = await one(echo);
    const next = await peer('o2');
    cluster.add(next);
    await next.connected();
    cluster.claim(5, owner);
    cluster.claim(6, next);
    const moving = step({ lane: 5 });
    owner.dispatch(moving);
    await owner.received(1);
    // Told before the table says where to: the result waits for that.
    owner.say({ $case: 'moved', value: { lane: 5, numbers: [owner.results[0]?.number ?? 0] } });
    cluster.moveSlot(moving.execution, 6);
    await next.received(1);
    expect(next.results[0]?.execution).toBe(moving.execution);
  });

  test('aborts a running step that is cancelled, and reports how it ended', async () => {
    const { owner } = await one(
      (_step, control) =>
        new Promise((resolve) => {
          control.signal.addEventListener('abort', () => resolve({ kind: 'output', json: '"aborted"' }));
        }),
    );
    const doomed = step();
    owner.dispatch(doomed);
    owner.say({ $case: 'cancel', value: { execution: doomed.execution, run: doomed.run, activation: doomed.activation, attempt: doomed.attempt } });
    await owner.received(1);
    expect(owner.results[0]?.outcome).toEqual({ $case: 'outputJson', value: '"aborted"' });
  });

  test('grants no credits while too many results are kept, and grants them again when they are durable', async () => {
    const { owner } = await one(echo, { keptResultsMax: 10 });
    owner.dispatch(...Array.from({ length: 10 }, () => step()));
    await owner.sees('credits withdrawn', ({ credits }) => credits.at(-1)?.steps === 0);
    owner.say(durable(owner.results.slice(0, 5).map((result) => result.number)));
    await owner.sees('credits granted', ({ credits }) => (credits.at(-1)?.steps ?? 0) > 0);
  });

  test('reads no more while too many steps run, and goes on when some have ended', async () => {
    const handler = held();
    const { owner } = await one(handler.execute, { runningStepsMax: 2 });
    owner.dispatch(step(), step(), step());
    await handler.started(3);
    owner.dispatch(step());
    // A heartbeat later the step has had all the time it needs to arrive.
    await owner.sees('a heartbeat', ({ heartbeats }) => heartbeats > 0);
    expect(handler.calls).toHaveLength(3);
    handler.calls[0]?.end('1');
    await handler.started(4);
  });

  test('sends heartbeats', async () => {
    const { owner } = await one(echo);
    await owner.sees('a heartbeat', ({ heartbeats }) => heartbeats > 0);
  });

  test('drains: says so, finishes what runs, waits until results are durable, then ends the stream', async () => {
    const handler = held();
    const { owner, worker } = await one(handler.execute);
    owner.dispatch(step());
    await handler.started(1);
    const drained = worker.drain(10_000);
    await owner.sees('drain', ({ drains }) => drains === 1);
    handler.calls[0]?.end('1');
    await owner.received(1);
    expect(owner.ended).toBe(0);
    owner.say(durable([owner.results[0]?.number ?? 0]));
    await drained;
    expect(owner.ended).toBe(1);
    expect(worker.stats()).toMatchObject({ running: 0, kept: 0 });
  });

  test('ends a drain at its deadline by aborting what runs', async () => {
    let aborted = false;
    const { owner, worker } = await one((_step, control) => {
      control.signal.addEventListener('abort', () => {
        aborted = true;
      });
      return new Promise(() => undefined);
    });
    owner.dispatch(step());
    await owner.sees('a heartbeat', ({ heartbeats }) => heartbeats > 0);
    await worker.drain(50);
    expect(aborted).toBe(true);
  });

  test('dials an orchestrator that joins later', async () => {
    const { cluster } = await one(echo);
    const later = await peer('o2');
    cluster.add(later);
    await later.connected();
    later.dispatch(step());
    await later.received(1);
  });

  test('offers what a crashed owner never confirmed to the process that takes its name and place', async () => {
    const { cluster, owner } = await one(echo);
    owner.dispatch(step({ execution: 'kept' }), step());
    await owner.received(2);
    owner.say(durable([owner.results[1]?.number ?? 0]));
    await owner.sees('a heartbeat', ({ heartbeats }) => heartbeats > 0);
    owner.close();
    const restarted = await peer('o1');
    cluster.replace(restarted);
    await restarted.received(1);
    expect(restarted.results.map((result) => result.execution)).toEqual(['kept']);
  });
});
