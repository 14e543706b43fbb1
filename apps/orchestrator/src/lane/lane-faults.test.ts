/** What goes wrong around a lane: owners that vanish, links that stop, clocks that jump, executions that cannot go on. */
import { startNats, type NatsServer } from '@millrace/servers';
import { eventually, startTcpProxy, temporaryFolder, type TemporaryFolder } from '@millrace/testkit';
import { systemClock } from '@millrace/clock';
import { newExecutionId } from '@millrace/bus';
import { answerAll, CHAIN, echoOf, logger, openBench, programOf, startIn, type Bench } from '../testing/lane-bench.ts';
import { payloadOf } from '@millrace/engine';
import { readInputs, type Cancelled, type InputPorts, type LifecycleEvent, type ReadyStep } from '@millrace/lane';

let folder: TemporaryFolder;
let nats: NatsServer;
let bench: Bench;
let lanes = 0;
const fresh = (): number => lanes++;

beforeAll(async () => {
  folder = await temporaryFolder('lane-faults');
  nats = await startNats({ dataDir: folder.path });
}, 60_000);

afterAll(async () => {
  await nats.stop();
  await folder.remove();
});

beforeEach(async () => {
  bench = await openBench(nats.url);
});

afterEach(() => bench.close());

const identity = ({ kind, lane, sequence, execution, index }: LifecycleEvent): string => `${kind} ${lane}/${sequence}/${execution}/${index}`;

test.each([
  ['nests deeper than can be written', '.', 'nested deeper than 512 levels'],
  ['is longer than a value may be', '{a: (reduce range(21) as $i ("x"; . + .))}', 'the most is 1048576'],
])('an execution whose value %s ends alone, and its lane goes on, also with the next owner (E6)', async (_, expression, detail) => {
  const number = fresh();
  const poison = programOf(`  - ask:\n      call: millrace.echo:1.0.0@default\n      with: {}\n  - make:\n      set: '\${ ${expression} }'\n`);
  const first = await bench.take(number, 1, [CHAIN, poison]);
  const deep = '['.repeat(20_000) + ']'.repeat(20_000);
  bench.onStep = (step) => {
    const outcome = step.execution.program === poison && expression === '.' ? ({ kind: 'output', payload: payloadOf(JSON.parse(deep) as [], deep) } as const) : echoOf(step).outcome;
    first.post({ kind: 'result', execution: step.execution.id, result: { ...echoOf(step), outcome }, durable: () => undefined });
  };
  const [bad, good] = [startIn(first, poison, null), startIn(first, CHAIN, { n: 0 })];
  const end = await bad.ended;
  expect(end.status).toBe('faulted');
  expect(end.error?.detail).toContain(detail);
  expect(await good.ended).toMatchObject({ status: 'completed' });
  const second = await bench.take(number, 2, [CHAIN, poison]);
  expect(second.finished.get(bad.id)?.end).toEqual(end);
  expect(second.finished.get(good.id)?.end.status).toBe('completed');
});

test('an error with an endless text is cut and caught like any other', async () => {
  const raising = programOf(`  - guarded:\n      try:\n        - fail:\n            raise:\n              error:\n                type: https://example.com/long\n                status: 500\n                detail: '\${ reduce range(20) as $i ("x"; . + .) }'\n      catch:\n        as: problem\n        do:\n          - keep:\n              set:\n                length: '\${ $problem.detail | length }'\n`);
  const lane = await bench.take(fresh(), 1, [raising]);
  expect(await startIn(lane, raising, null).ended).toMatchObject({ status: 'completed', outputText: '{"length":8192}' });
});

test('many values of one transition leave the frame for the object bucket and come back', async () => {
  const wide = programOf(Array.from({ length: 20 }, (_, index) => `  - s${index}:\n      set: '\${ {n: ${index}, text: (reduce range(15) as $i ("ü"; . + .))} }'\n`).join('') + '  - rest:\n      wait: PT60S\n');
  const number = fresh();
  const first = await bench.take(number, 1, [wide]);
  const started = startIn(first, wide, null);
  await started.accepted;
  expect(bench.payloads.size).toBeGreaterThan(5);
  expect(first.counts.framedBytes).toBeLessThan(600 * 1024);
  const second = await bench.take(number, 2, [wide]);
  expect(second.actors.get(started.id)?.execution.lastActivation).toBe(22);
});

test('stopping takes a second at most though the log does not answer, and whoever waits is told', async () => {
  const proxy = await startTcpProxy({ targetPort: nats.port });
  const behind = await openBench(`nats://${proxy.host}:${proxy.port}`);
  const lane = await behind.take(fresh(), 1, [CHAIN]);
  proxy.hold();
  const started = startIn(lane, CHAIN, { n: 0 });
  let found: Cancelled | undefined;
  lane.post({ kind: 'cancel', organisation: 'acme', execution: started.id, answer: (answer) => { found = answer; } });
  await eventually(() => lane.waiting === 0);
  const since = performance.now();
  await lane.stop();
  expect(performance.now() - since).toBeLessThan(1_500);
  expect(await started.refused).toBe('lane-displaced');
  expect(found).toBe('elsewhere');
  proxy.restore();
  await behind.close();
  await proxy.close();
}, 30_000);

test('who started, cancelled or sent a result into a frame that lost against a new owner is told', async () => {
  const number = fresh();
  const older = await bench.take(number, 1, [CHAIN]);
  const running = startIn(older, CHAIN, { n: 0 });
  await running.accepted;
  await eventually(() => bench.steps.length === 1);
  await bench.take(number, 2, [CHAIN]);
  let moved = false;
  const late = startIn(older, CHAIN, { n: 1 });
  older.post({ kind: 'result', execution: running.id, result: echoOf(bench.steps[0] as ReadyStep), durable: () => undefined, moved: () => { moved = true; } });
  expect(await older.ended).toEqual({ kind: 'displaced' });
  expect(await late.refused).toBe('lane-displaced');
  expect(await running.refused).toBe('lane-displaced');
  expect(moved).toBe(true);
});

test('a result that changes nothing is called durable by the owner alone: a former one does not know what is waited for', async () => {
  const number = fresh();
  const former = await bench.take(number, 1, [CHAIN]);
  const { id } = startIn(former, CHAIN, { n: 0 });
  await eventually(() => bench.steps.length === 1);
  const step = bench.steps[0] as ReadyStep;
  const told: string[] = [];
  const later = { ...echoOf(step), activation: step.activation.number + 1 };
  const offer = (lane: typeof former, who: string): void => lane.post({ kind: 'result', execution: id, result: later, durable: () => void told.push(`${who} durable`), moved: () => void told.push(`${who} moved`) });
  offer(former, 'owner');
  await eventually(() => told.length === 1);
  const present = await bench.take(number, 2, [CHAIN]);
  offer(former, 'former');
  expect(await former.ended).toEqual({ kind: 'displaced' });
  offer(present, 'present');
  await eventually(() => told.length === 3);
  expect(told).toEqual(['owner durable', 'former moved', 'present durable']);
});

test('the next owner makes the same events and replies again, until a frame says that they are out (E9)', async () => {
  const number = fresh();
  const first = await bench.take(number, 1, [CHAIN]);
  answerAll(bench, () => first);
  const started = startIn(first, CHAIN, { n: 0 }, { replyTo: 'inbox' });
  await started.ended;
  const before = bench.events.map(identity);
  expect(before).toHaveLength(2);
  await first.stop();
  bench.events.length = 0;
  bench.replies.length = 0;
  const second = await bench.take(number, 2, [CHAIN]);
  expect(bench.events.map(identity)).toEqual(before);
  expect(bench.replies).toEqual([{ subject: 'inbox', reply: { execution: started.id, status: 'completed', output: { n: 3 } } }]);
  // The bench's outbox is always empty: once the upkeep has looked, the next frame says so.
  answerAll(bench, () => second);
  await eventually(async () => {
    await startIn(second, CHAIN, { n: 1 }).ended;
    const { head } = await (await bench.log(number)).tail();
    return (head?.announcedBelow ?? 0) > 5;
  }, { timeoutMs: 5_000 });
  await second.stop();
  bench.events.length = 0;
  await bench.take(number, 3, [CHAIN]);
  expect(bench.events.filter(({ execution }) => execution === started.id)).toEqual([]);
});

test('a clock that goes back between a timer and its turn delays the execution and does not lose it', async () => {
  const waiting = programOf('  - w:\n      wait: PT0.2S\n');
  const lane = await bench.take(fresh(), 1, [waiting]);
  const started = startIn(lane, waiting, null);
  await started.accepted;
  const dueMs = lane.actors.get(started.id)?.execution.activations.get(2)?.dueMs ?? 0;
  const real = bench.nowMs;
  let backMs = 0;
  let jumps = 0;
  bench.nowMs = () => {
    const now = real() - backMs;
    if (jumps === 0 && now >= dueMs) {
      jumps++;
      backMs = 300;
    }
    return now;
  };
  expect(await started.ended).toMatchObject({ status: 'completed' });
  expect(jumps).toBe(1);
  expect(real() - dueMs).toBeGreaterThan(250);
});

test('a start of an input that is read again after a crash does not begin again once history has it', async () => {
  const number = fresh();
  const quick = programOf('  - s:\n      set:\n        done: true\n');
  const first = await bench.take(number, 1, [quick]);
  // The start is in the log, the position behind it is not.
  const started = startIn(first, quick, { n: 1 }, { acceptedBy: 'trigger' });
  await started.ended;
  await first.stop();
  const second = await bench.take(number, 2, [quick]);
  second.executions.ended.finished.delete(started.id);
  expect(await startIn(second, quick, { n: 1 }, { id: started.id, acceptedBy: 'trigger' }).accepted).toEqual({ existing: true });
  expect(second.counts.started).toBe(0);
});

test('who comes again with a reply subject is told the end of the execution that was started first', async () => {
  const lane = await bench.take(fresh(), 1, [CHAIN]);
  const start = (replyTo: string, n: number, id?: string): string => {
    const started = startIn(lane, CHAIN, { n }, { acceptedBy: 'trigger', replyTo, key: 'k', ...(id === undefined ? {} : { id }) });
    return started.id;
  };
  const id = start('one', 0);
  await eventually(() => bench.steps.length === 1);
  const post = (replyTo: string, n: number): void => lane.post({ kind: 'start', organisation: 'acme', execution: id, program: CHAIN, input: { value: { n }, text: undefined }, key: 'k', traceparent: undefined, acceptedAtMs: 1, acceptedBy: 'trigger', replyTo, watcher: undefined });
  post('two', 0);
  post('one', 0);
  post('three', 9);
  answerAll(bench, () => lane);
  for (const step of [...bench.steps]) bench.onStep(step);
  await eventually(() => bench.replies.length === 3);
  expect(bench.replies.map(({ subject, reply }) => `${subject} ${reply.status} ${reply.reason ?? ''}`.trim()).toSorted()).toEqual(['one completed', 'three refused idempotency-conflict', 'two completed']);
});

test('an input is forgotten only once a durable frame holds it', async () => {
  const number = fresh();
  const forgotten: number[] = [];
  let release = (): void => undefined;
  const released = new Promise<void>((settle) => (release = settle));
  let truncating = false;
  bench.wrapLog = (log) => ({
    ...log,
    async truncate() {
      truncating = true;
      await released;
    },
    truncateInputs: async (sequence) => void forgotten.push(sequence),
    append: (frame, epoch) => (Buffer.from(frame).includes('"in":9,') ? new Promise(() => undefined) : log.append(frame, epoch)),
  });
  const lane = await bench.take(number, 1, [CHAIN]);
  lane.post({ kind: 'position', inputSequence: 4 });
  await eventually(() => truncating, { timeoutMs: 3_000 });
  // This one's frame never gets an answer.
  lane.post({ kind: 'position', inputSequence: 9 });
  await eventually(() => lane.inputSequence === 9);
  release();
  await eventually(() => forgotten.length > 0);
  expect(forgotten).toEqual([4]);
});

test('an owner that misses frames because an older one has forgotten them does not take the lane', async () => {
  const number = fresh();
  const lane = await bench.take(number, 1, [CHAIN]);
  const started = startIn(lane, CHAIN, { n: 0 });
  await started.accepted;
  await lane.stop();
  const log = await bench.log(number);
  const first = await log.first();
  const { sequence } = await log.tail();
  log.expectAfter(sequence);
  await log.truncate(sequence);
  const read = async (): Promise<void> => {
    for await (const _ of log.read(first, sequence)) void _;
  };
  await expect(read()).rejects.toThrow('the log jumps');
});

test('a lane is taken though its former owner, which still lives, forgets frames while they are read', async () => {
  const number = fresh();
  const first = await bench.take(number, 1, [CHAIN]);
  bench.storesAtOnce = true;
  answerAll(bench, () => first);
  for (let n = 0; n < 3; n++) await startIn(first, CHAIN, { n }).ended;
  await first.stop();
  const former = await bench.log(number);
  const { sequence } = await former.tail();
  former.expectAfter(sequence);
  const looks: number[] = [];
  bench.whileTaking = async () => {
    looks.push(await former.first());
    await former.truncate(sequence);
  };
  const second = await bench.take(number, 2, [CHAIN]);
  expect(looks).toEqual([1, sequence]);
  expect([...second.actors.keys()]).toEqual([]);
  answerAll(bench, () => second);
  expect(await startIn(second, CHAIN, { n: 0 }).ended).toMatchObject({ status: 'completed' });
});

test('an owner that stood still while a later one read and forgot inputs ends, and reads none behind the gap', async () => {
  const number = fresh();
  const older = await bench.take(number, 1, [CHAIN]);
  await bench.take(number, 2, [CHAIN]);
  const errors: string[] = [];
  const input = { kind: 'start', organisation: 'acme', execution: newExecutionId(), workflow: 'flow', input: null, acceptedAtMs: 1, acceptedBy: 'trigger' };
  const ports: InputPorts = {
    prepare: () => Promise.resolve(),
    async *read() {
      yield { sequence: 2, data: Buffer.from(JSON.stringify([input])) };
    },
    table: () => bench.table(number),
    program: () => Promise.resolve(CHAIN),
    missing: () => CHAIN,
    ended: () => Promise.resolve(new Map()),
  };
  const ending = new AbortController();
  await readInputs(older, ports, systemClock, ending.signal, { ...logger, error: (message: string) => void errors.push(message) });
  expect(await older.ended).toEqual({ kind: 'displaced' });
  expect(older.actors.size).toBe(0);
  expect(errors).toEqual([]);
});
