import { jest } from '@jest/globals';
import fc from 'fast-check';
import { createFairQueue, createPermits, STRICT_HOLD_MS } from '@millrace/fairness';
import { payloadOf, start, type Activation, type Execution } from '@millrace/engine';
import { newExecutionId } from '@millrace/bus';
import type { OwnerMessage, Result, Step } from '@millrace/contracts/orchestrator/v1/dispatch';
import { CHAIN, logger } from '../testing/lane-bench.ts';
import { systemClock } from '@millrace/clock';
import { createScheduler, createWorkerStream, type DispatchCall, type ReadyStep, type WorkerStream } from '@millrace/lane';

const OPERATION = 'millrace.echo:1.0.0@default';

/** The stream of a worker whose messages are kept. */
function workerNamed(worker: string, credits = 4): { readonly stream: WorkerStream; readonly sent: Step[]; readonly messages: OwnerMessage[] } {
  const sent: Step[] = [];
  const messages: OwnerMessage[] = [];
  const call = {
    destroyed: false,
    writableEnded: false,
    write(message: OwnerMessage): boolean {
      messages.push(message);
      if (message.message?.$case === 'steps') sent.push(...message.message.value.steps);
      return true;
    },
    end: () => undefined,
  } as unknown as DispatchCall;
  return { stream: createWorkerStream({ call, worker, service: 'connector', operations: [OPERATION], steps: credits, readsDurableWithSteps: true, bytes: 1024 * 1024 }), sent, messages };
}

/** An execution with one step outstanding. */
function stepOf(organisation: string, lane = 0, epoch = 1, argument: string = ''): ReadyStep {
  const execution: Execution = start(organisation, newExecutionId(), CHAIN, { kind: 'started', definition: CHAIN.hash, workflow: 'flow', version: '1.0.0', input: payloadOf(null), acceptedAtMs: 0, acceptedBy: 'test' });
  const activation: Activation = { number: 2, node: 1, parent: 1, attempt: 1, enteredAtMs: 0, rawInput: null, input: null, flow: null, arguments: payloadOf({ argument }) };
  execution.activations.set(2, activation);
  return { lane, epoch, execution, activation, readyAtMs: 0 };
}

function resultOf({ execution, run, activation, attempt }: Step): Result {
  return { number: 1, execution, run, activation, attempt, dispatchedAtMs: 0, startedAtMs: 0, endedAtMs: 0, outcome: { $case: 'outputJson', value: 'null' } } as Result;
}

function bed(concurrency: number, strict = false) {
  const permits = createPermits({ nowMs: performance.now() });
  for (const organisation of ['a', 'b']) {
    permits.setLimits(organisation, { concurrency, startsPerSecond: undefined, weight: 1, strict });
    permits.entitle(organisation, { concurrency, startsPerSecond: Infinity });
  }
  permits.authorityPresent();
  permits.renew(Infinity);
  const queue = createFairQueue<ReadyStep>();
  const scheduler = createScheduler({ queue, permits, clock: { ...systemClock, wallMs: () => 0 }, logger });
  return { permits, queue, scheduler };
}

const turn = (): Promise<void> => new Promise((settle) => setImmediate(settle));

beforeEach(() => {
  jest.useFakeTimers({ doNotFake: ['performance', 'queueMicrotask', 'setImmediate'] });
});
afterEach(() => {
  jest.useRealTimers();
});

test('permits are never lost or counted twice, whatever happens to steps, workers, lanes and executions (T1, T3)', async () => {
  const action = fc.oneof(
    fc.record({ kind: fc.constant('schedule' as const), organisation: fc.constantFrom('a', 'b'), lane: fc.nat(1) }),
    fc.record({ kind: fc.constantFrom('join' as const, 'leave' as const, 'settle' as const, 'again' as const, 'abandon' as const, 'wait' as const), which: fc.nat(3) }),
    fc.record({ kind: fc.constant('drop' as const), lane: fc.nat(1) }),
  );
  await fc.assert(
    fc.asyncProperty(fc.array(action, { maxLength: 60 }), async (actions) => {
      const { permits, scheduler } = bed(3);
      const workers: ReturnType<typeof workerNamed>[] = [];
      const steps: ReadyStep[] = [];
      const epochs = [1, 1];
      const seen: Step[] = [];
      for (const each of actions) {
        const worker = 'which' in each ? workers[each.which] : undefined;
        switch (each.kind) {
          case 'schedule': {
            const step = stepOf(each.organisation, each.lane, epochs[each.lane]);
            steps.push(step);
            scheduler.schedule(step);
            break;
          }
          case 'join': {
            const joined = workerNamed(`w${each.which}`);
            if (worker !== undefined) scheduler.leave(worker.stream);
            workers[each.which] = joined;
            scheduler.join(joined.stream);
            break;
          }
          case 'leave':
            if (worker !== undefined) scheduler.leave(worker.stream);
            delete workers[each.which];
            break;
          case 'settle': {
            const done = worker?.sent.shift();
            if (worker === undefined || done === undefined) break;
            seen.push(done);
            const step = steps.find(({ execution }) => execution.id === done.execution);
            scheduler.settle(resultOf(done), worker.stream);
            step?.execution.activations.clear();
            break;
          }
          case 'again': {
            const done = seen[each.which];
            if (done !== undefined && worker !== undefined) scheduler.settle(resultOf(done), worker.stream);
            break;
          }
          case 'abandon': {
            const step = steps[each.which];
            if (step === undefined) break;
            step.execution.end = { status: 'cancelled', output: undefined, error: undefined, atMs: 0 };
            scheduler.abandon(step.execution.id)();
            break;
          }
          case 'wait':
            jest.advanceTimersByTime(1_100);
            break;
          case 'drop':
            scheduler.dropLane(each.lane, epochs[each.lane] ?? 1);
            epochs[each.lane] = (epochs[each.lane] ?? 1) + 1;
            break;
        }
        await turn();
        const running = permits.running('a') + permits.running('b');
        expect(permits.running('a')).toBeLessThanOrEqual(3);
        expect(permits.running('b')).toBeLessThanOrEqual(3);
        // Whoever holds a permit is in a worker's hands, or waits for a credit with it.
        expect(running).toBeGreaterThanOrEqual(scheduler.outstanding);
      }
      // Everything ends: all permits are back.
      for (const lane of [0, 1]) scheduler.dropLane(lane, 1_000);
      await turn();
      jest.advanceTimersByTime(5_000);
      await turn();
      expect([permits.running('a'), permits.running('b'), scheduler.outstanding, scheduler.waiting]).toEqual([0, 0, 0, 0]);
    }),
    { numRuns: 150 },
  );
});

test('a step whose worker vanished goes to the same worker if that returns, else to another, with the same key', async () => {
  const { scheduler, permits } = bed(10);
  const one = workerNamed('one');
  scheduler.join(one.stream);
  scheduler.schedule(stepOf('a'));
  await turn();
  const [first] = one.sent;
  scheduler.leave(one.stream);
  const back = workerNamed('one');
  const other = workerNamed('other');
  scheduler.join(other.stream);
  scheduler.join(back.stream);
  await turn();
  expect(back.sent).toEqual([{ ...first, dispatchedAtMs: 0 }]);
  scheduler.leave(back.stream);
  jest.advanceTimersByTime(1_100);
  await turn();
  expect(other.sent).toEqual([first]);
  expect(permits.running('a')).toBe(1);
});

test('a step of a lane that has left is not dispatched, whoever still has it', async () => {
  const { scheduler } = bed(10);
  const worker = workerNamed('one');
  const step = stepOf('a', 0, 1);
  scheduler.schedule(step);
  scheduler.dropLane(0, 1);
  scheduler.schedule(step);
  scheduler.join(worker.stream);
  await turn();
  expect(worker.sent).toEqual([]);
  scheduler.schedule(stepOf('a', 0, 2));
  await turn();
  expect(worker.sent).toHaveLength(1);
});

test('a lane that is here again keeps its steps when word of its former stay comes late', async () => {
  const { scheduler, permits } = bed(1);
  const worker = workerNamed('one');
  scheduler.join(worker.stream);
  scheduler.schedule(stepOf('a', 0, 3));
  await turn();
  scheduler.schedule(stepOf('a', 0, 3));
  scheduler.dropLane(0, 1);
  await turn();
  expect([scheduler.outstanding, scheduler.waiting, permits.running('a')]).toEqual([1, 1, 1]);
  scheduler.dropLane(0, 3);
  expect([scheduler.outstanding, scheduler.waiting, permits.running('a')]).toEqual([0, 0, 0]);
});

describe('a permit of a strict limit stays taken while its step may still run (T1)', () => {
  /** One step of a limit of one, at the worker. */
  async function dispatched() {
    const { scheduler, permits, queue } = bed(1, true);
    const worker = workerNamed('one');
    scheduler.join(worker.stream);
    const step = stepOf('a');
    scheduler.schedule(step);
    await turn();
    const [sent] = worker.sent;
    if (sent === undefined) throw new Error('nothing was dispatched');
    scheduler.schedule(stepOf('a', 1));
    await turn();
    return { scheduler, permits, queue, worker, step, sent };
  }
  type Bed = Awaited<ReturnType<typeof dispatched>>;

  const ways: readonly (readonly [string, (bed: Bed) => void])[] = [
    ['its lane has left', ({ scheduler }) => scheduler.dropLane(0, 1)],
    ['its slot has left', ({ scheduler, step }) => scheduler.letGo([step.execution])],
    ['its execution was cancelled', ({ scheduler, step }) => {
      step.execution.end = { status: 'cancelled', output: undefined, error: undefined, atMs: 0 };
      scheduler.abandon(step.execution.id)();
    }],
    ['its worker vanished', ({ scheduler, step, worker }) => {
      step.execution.end = { status: 'cancelled', output: undefined, error: undefined, atMs: 0 };
      scheduler.leave(worker.stream);
      jest.advanceTimersByTime(1_100);
    }],
  ];

  test.each(ways)('%s: until the worker says that it has ended', async (_, giveUp) => {
    const { scheduler, permits, worker, sent, ...rest } = await dispatched();
    giveUp({ scheduler, permits, worker, sent, ...rest });
    await turn();
    expect([permits.running('a'), scheduler.lingering, scheduler.waiting]).toEqual([1, 1, 1]);
    const back = workerNamed('one');
    scheduler.join(back.stream);
    await turn();
    expect([worker.sent.length, back.sent.length]).toEqual([1, 0]);
    scheduler.settle(resultOf(sent), back.stream);
    await turn();
    expect(scheduler.lingering).toBe(0);
    expect([...worker.sent.slice(1), ...back.sent]).toHaveLength(1);
    expect(permits.running('a')).toBe(1);
  });

  test.each(ways)('%s: or until the longest time that a step may take has passed', async (_, giveUp) => {
    const { scheduler, permits, worker, sent, ...rest } = await dispatched();
    giveUp({ scheduler, permits, worker, sent, ...rest });
    scheduler.join(workerNamed('two').stream);
    jest.advanceTimersByTime(STRICT_HOLD_MS - 200);
    await turn();
    expect([permits.running('a'), scheduler.outstanding]).toEqual([1, 0]);
    jest.advanceTimersByTime(300);
    await turn();
    expect([permits.running('a'), scheduler.lingering, scheduler.outstanding]).toEqual([1, 0, 1]);
  });

  test('a step that comes back to the worker that has it takes one permit', async () => {
    const { scheduler, permits, queue, worker, step } = await dispatched();
    if (permits.entitle('a', { concurrency: 2, startsPerSecond: Infinity })) queue.wake('a');
    scheduler.dropLane(1, 1);
    scheduler.dropLane(0, 1);
    scheduler.schedule({ ...step, epoch: 2 });
    await turn();
    expect(worker.sent).toHaveLength(2);
    expect([permits.running('a'), scheduler.lingering, scheduler.outstanding]).toEqual([1, 0, 1]);
  });

  test('a process that stops waits for it', async () => {
    const { scheduler, worker, sent } = await dispatched();
    scheduler.dropLane(0, 1);
    const over = jest.fn();
    void scheduler.nothingLingers(new AbortController().signal).then(over);
    await turn();
    expect(over).not.toHaveBeenCalled();
    scheduler.settle(resultOf(sent), worker.stream);
    await turn();
    expect(over).toHaveBeenCalled();
    await scheduler.nothingLingers(AbortSignal.abort());
  });
});

test('steps leave in messages that the worker accepts', async () => {
  const { scheduler } = bed(100);
  const worker = workerNamed('one', 100);
  scheduler.join(worker.stream);
  for (let index = 0; index < 5; index++) scheduler.schedule(stepOf('a', 0, 1, 'x'.repeat(200_000)));
  await turn();
  await turn();
  const sizes = worker.messages.map((message) => JSON.stringify(message).length);
  expect(worker.sent).toHaveLength(5);
  expect(Math.max(...sizes)).toBeLessThan(1_200_000);
});

test('an organisation whose decisions take long gets fewer steps under way, not more of the lane (T2)', async () => {
  const { scheduler } = bed(Infinity);
  for (let count = 0; count < 200; count++) scheduler.spent('a', 3_000);
  const worker = workerNamed('w', 10_000);
  scheduler.join(worker.stream);
  for (let count = 0; count < 2_000; count++) scheduler.schedule(stepOf('a'));
  for (let count = 0; count < 100; count++) scheduler.schedule(stepOf('b'));
  await turn();
  await turn();
  const heavy = worker.sent.filter((step) => step.organisation === 'a').length;
  // What is under way stands before everybody: some tens of milliseconds of it.
  expect(heavy * 3).toBeLessThanOrEqual(120);
  // Light ones are not kept from going by it: some results, and all of them have gone.
  for (const step of worker.sent.slice(0, 40)) scheduler.applied(resultOf(step), scheduler.settle(resultOf(step), worker.stream));
  await turn();
  await turn();
  expect(worker.sent.filter((step) => step.organisation === 'b')).toHaveLength(100);
});

test('however many steps are ready, a bounded amount of work is under way, results that are not durable included (T2)', async () => {
  const { scheduler } = bed(Infinity);
  const worker = workerNamed('w', 1_000_000);
  scheduler.join(worker.stream);
  for (let count = 0; count < 10_000; count++) scheduler.schedule(stepOf('a'));
  await turn();
  await turn();
  const first = worker.sent.length;
  expect(first).toBeLessThan(4_000);
  const costs = worker.sent.map((step) => scheduler.settle(resultOf(step), worker.stream));
  await turn();
  await turn();
  // Nothing is in a worker's hands: one step goes, so that results nobody tells of hold up nothing.
  expect(worker.sent.length).toBeLessThanOrEqual(first + 1);
  worker.sent.slice(0, first).forEach((step, index) => scheduler.applied(resultOf(step), costs[index] as number));
  await turn();
  await turn();
  expect(worker.sent.length).toBeGreaterThan(first + 100);
});

test('a step of a paused execution stays out of workers’ hands, and one that is in them is not sent twice', async () => {
  const { scheduler, permits } = bed(2);
  const worker = workerNamed('w');
  scheduler.join(worker.stream);
  const step = stepOf('a');
  step.execution.paused = { atMs: 0, by: 'acme/k1' };
  scheduler.schedule(step);
  await turn();
  expect(worker.sent).toHaveLength(0);
  expect(permits.running('a')).toBe(0);
  step.execution.paused = undefined;
  scheduler.schedule(step);
  scheduler.schedule(step);
  await turn();
  expect(worker.sent).toHaveLength(1);
  expect(permits.running('a')).toBe(1);
  expect(scheduler.placeOf(step.execution, step.activation)).toEqual({ kind: 'worker', worker: 'w', sinceMs: 0 });
  const second = stepOf('b');
  expect(scheduler.placeOf(second.execution, second.activation)).toEqual({ kind: 'queued' });
  scheduler.leave(worker.stream);
  expect(scheduler.placeOf(second.execution, second.activation)).toEqual({ kind: 'no-worker' });
});
