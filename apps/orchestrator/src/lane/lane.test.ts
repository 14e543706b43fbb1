import { startNats, type NatsServer } from '@millrace/servers';
import { eventually, startTcpProxy, temporaryFolder, type TcpProxy, type TemporaryFolder } from '@millrace/testkit';
import { answerAll, CHAIN, digest, echoOf, openBench, programOf, startIn, type Bench } from '../testing/lane-bench.ts';
import { createFrameWriter, payloadOf } from '@millrace/engine';
import type { ReadyStep } from '@millrace/lane';

let folder: TemporaryFolder;
let nats: NatsServer;
let bench: Bench;
let lanes = 0;
const fresh = (): number => lanes++;

beforeAll(async () => {
  folder = await temporaryFolder('lane');
  nats = await startNats({ dataDir: folder.path });
  bench = await openBench(nats.url);
}, 60_000);

afterAll(async () => {
  await bench.close();
  await nats.stop();
  await folder.remove();
});

beforeEach(() => {
  bench.onStep = () => undefined;
  bench.leaseHolds = true;
  bench.onStored = () => undefined;
  bench.storesAtOnce = false;
  for (const list of [bench.steps, bench.finished, bench.events, bench.replies]) list.length = 0;
});

test('an execution runs to its end and its end is told once', async () => {
  const lane = await bench.take(fresh(), 1, [CHAIN]);
  answerAll(bench, () => lane);
  const started = startIn(lane, CHAIN, { n: 0 });
  expect(await started.accepted).toEqual({ existing: false });
  expect(await started.ended).toMatchObject({ status: 'completed', outputText: '{"n":3}' });
  expect(bench.events.map((event) => event.kind)).toEqual(['started', 'completed']);
  expect(bench.finished).toHaveLength(1);
});

test('no effect is performed before its frame is in the log (E1)', async () => {
  const number = fresh();
  const lane = await bench.take(number, 1, [CHAIN]);
  const sequences: Promise<number>[] = [];
  const log = await bench.log(number);
  bench.onStep = (step) => {
    sequences.push(log.tail().then((tail) => tail.sequence));
    lane.post({ kind: 'result', execution: step.execution.id, result: echoOf(step), durable: () => undefined });
  };
  await startIn(lane, CHAIN, { n: 0 }).ended;
  // The fence is frame 1; the start's frame 2 caused the first step, and so on.
  expect((await Promise.all(sequences)).map((sequence, index) => sequence >= index + 2)).toEqual([true, true, true]);
});

test('a new owner has the same state, and outstanding steps again with the same key and attempt (E3, E5)', async () => {
  const number = fresh();
  const first = await bench.take(number, 1, [CHAIN]);
  const started = Array.from({ length: 20 }, (_, index) => startIn(first, CHAIN, { n: index }));
  await Promise.all(started.map((each) => each.accepted));
  await eventually(() => bench.steps.length === 20);
  const half = bench.steps.slice(0, 10);
  for (const step of half) first.post({ kind: 'result', execution: step.execution.id, result: echoOf(step), durable: () => undefined });
  await eventually(() => bench.steps.length === 30);
  const before = digest(first);
  const keys = (steps: readonly ReadyStep[]): string[] => steps.map((step) => `${step.execution.id}/${step.activation.number}/${step.activation.attempt}`).sort();
  const outstanding = keys([...bench.steps.slice(10, 20), ...bench.steps.slice(20)]);
  bench.steps.length = 0;

  const second = await bench.take(number, 2, [CHAIN]);
  expect(digest(second)).toEqual(before);
  expect(keys(bench.steps)).toEqual(outstanding);
  const steps = [...bench.steps];
  answerAll(bench, () => second);
  for (const step of steps) bench.onStep(step);
  await eventually(() => second.finished.size === 20);
  expect([...second.finished.values()].map((finished) => finished.end.status)).toEqual(Array(20).fill('completed'));
});

test('after a new owner\'s fence the older one appends nothing more and performs nothing (E2)', async () => {
  const number = fresh();
  const older = await bench.take(number, 1, [CHAIN]);
  const started = startIn(older, CHAIN, { n: 0 });
  await started.accepted;
  await eventually(() => bench.steps.length === 1);
  const step = bench.steps[0] as ReadyStep;
  const newer = await bench.take(number, 2, [CHAIN]);
  let told = false;
  older.post({ kind: 'result', execution: started.id, result: echoOf(step), durable: () => { told = true; } });
  expect(await older.ended).toEqual({ kind: 'displaced' });
  expect(told).toBe(false);
  expect(newer.actors.get(started.id)?.execution.activations.get(2)?.arguments).toBeDefined();
  await expect(bench.take(number, 2, [CHAIN])).rejects.toMatchObject({ reason: 'lane-displaced' });
});

test('an owner whose lease has run out looks for a higher epoch before its effects (E2)', async () => {
  const lane = await bench.take(fresh(), 1, [CHAIN]);
  bench.leaseHolds = false;
  answerAll(bench, () => lane);
  // Nobody else has come: the end of the log is still its own, so it goes on.
  expect(await startIn(lane, CHAIN, { n: 0 }).ended).toMatchObject({ status: 'completed' });
});

test('the same start again is one execution; with another input it is refused', async () => {
  const lane = await bench.take(fresh(), 1, [CHAIN]);
  const first = startIn(lane, CHAIN, { n: 0 }, { key: 'k' });
  await first.accepted;
  const again = startIn(lane, CHAIN, { n: 0 }, { id: first.id, key: 'k' });
  expect(await again.accepted).toEqual({ existing: true });
  expect(await startIn(lane, CHAIN, { n: 1 }, { id: first.id, key: 'k' }).refused).toBe('idempotency-conflict');
  answerAll(bench, () => lane);
  for (const step of [...bench.steps]) bench.onStep(step);
  expect(await first.ended).toMatchObject({ status: 'completed' });
  expect(await again.ended).toMatchObject({ status: 'completed' });
  // It has ended and is remembered.
  expect(await startIn(lane, CHAIN, { n: 0 }, { id: first.id, key: 'k' }).accepted).toEqual({ existing: true });
  expect(await startIn(lane, CHAIN, { n: 5 }, { id: first.id, key: 'k' }).refused).toBe('idempotency-conflict');
  expect(bench.finished).toHaveLength(1);
});

test('a result that comes twice, late or for another attempt changes nothing (E5)', async () => {
  const lane = await bench.take(fresh(), 1, [CHAIN]);
  const started = startIn(lane, CHAIN, { n: 0 });
  await started.accepted;
  await eventually(() => bench.steps.length === 1);
  const step = bench.steps[0] as ReadyStep;
  let acknowledged = 0;
  const post = (attempt: number): void => lane.post({ kind: 'result', execution: started.id, result: { ...echoOf(step), attempt }, durable: () => acknowledged++ });
  const result = echoOf(step);
  lane.post({ kind: 'result', execution: started.id, result, durable: () => acknowledged++ });
  lane.post({ kind: 'result', execution: started.id, result, durable: () => acknowledged++ });
  post(7);
  await eventually(() => acknowledged === 3);
  expect(bench.steps).toHaveLength(2);
  expect(lane.counts.steps).toBe(1);
});

test('a wait survives its owner and ends on time', async () => {
  const waiting = programOf("  - w:\n      wait: PT0.4S\n");
  const number = fresh();
  const first = await bench.take(number, 1, [waiting]);
  const started = startIn(first, waiting, { n: 1 });
  await started.accepted;
  await first.stop();
  const second = await bench.take(number, 2, [waiting]);
  await eventually(() => second.finished.has(started.id));
  const finished = second.finished.get(started.id);
  expect(finished?.end.status).toBe('completed');
});

test('a payload too large for a frame stands by reference and comes back', async () => {
  const number = fresh();
  const first = await bench.take(number, 1, [CHAIN]);
  const started = startIn(first, CHAIN, { n: 0, large: 'x'.repeat(200_000) });
  await started.accepted;
  expect(bench.payloads.size).toBeGreaterThan(0);
  const before = digest(first);
  const second = await bench.take(number, 2, [CHAIN]);
  expect(digest(second)).toEqual(before);
});

test('a frame of a version that is not known stops the taking and is never skipped', async () => {
  const number = fresh();
  const lane = await bench.take(number, 1, [CHAIN]);
  await lane.stop();
  const log = await bench.log(number);
  log.expectAfter((await log.tail()).sequence);
  await log.append(Buffer.from('{"v":1,"codec":"plain","lane":0,"epoch":1,"in":0,"t":[["acme","x",1,[{"k":"later.9"}]]]}'), 1);
  await expect(bench.take(number, 2, [CHAIN])).rejects.toThrow('later.9');
});

describe('lost answers', () => {
  let proxy: TcpProxy;
  let behind: Bench;

  beforeAll(async () => {
    proxy = await startTcpProxy({ targetPort: nats.port });
    behind = await openBench(`nats://${proxy.host}:${proxy.port}`);
  });
  afterAll(async () => {
    await behind.close();
    await proxy.close();
  });

  test('an append whose answer is lost is in the log once', async () => {
    const number = fresh();
    const log = await behind.log(number);
    const direct = await bench.log(number);
    for (let frame = 1; frame <= 5; frame++) {
      const before = await log.tail();
      log.expectAfter(before.sequence);
      const { text } = createFrameWriter(1).finish({ lane: number, epoch: 1, inputSequence: frame });
      // The request passes, the answer is cut off.
      const lost = proxy.resetAfter(1, 'down');
      const sequence = await log.append(Buffer.from(text), 1);
      await lost;
      expect(sequence).toBe(frame);
      expect((await direct.tail()).head?.inputSequence).toBe(frame);
    }
  }, 60_000);

  test('executions end once while the link is reset again and again', async () => {
    const lane = await behind.take(fresh(), 1, [CHAIN]);
    answerAll(behind, () => lane);
    const ended = Array.from({ length: 500 }, (_, index) => startIn(lane, CHAIN, { n: index }).ended);
    const timer = setInterval(() => proxy.reset(), 500);
    const ends = await Promise.all(ended);
    clearInterval(timer);
    expect(ends.map((end) => end.outputText)).toEqual(Array.from({ length: 500 }, (_, index) => `{"n":${index + 3}}`));
    expect(lane.counts.steps).toBe(1_500);
  }, 60_000);
});

test('an owner that was stopped while its append was under way is displaced, and the frame is there once or never', async () => {
  const number = fresh();
  const proxy = await startTcpProxy({ targetPort: nats.port });
  const behind = await openBench(`nats://${proxy.host}:${proxy.port}`);
  const older = await behind.take(number, 1, [CHAIN]);
  const started = startIn(older, CHAIN, { n: 0 });
  await started.accepted;
  await eventually(() => behind.steps.length === 1);
  proxy.hold();
  older.post({ kind: 'result', execution: started.id, result: { ...echoOf(behind.steps[0] as ReadyStep), outcome: { kind: 'output', payload: payloadOf({ n: 1 }) } }, durable: () => undefined });
  const newer = await bench.take(number, 2, [CHAIN]);
  proxy.restore();
  expect(await older.ended).toEqual({ kind: 'displaced' });
  expect(newer.actors.get(started.id)?.execution.lastActivation).toBe(2);
  await behind.close();
  await proxy.close();
}, 30_000);

test('a start that comes again is known until it was taken, however soon history has the first one (E4)', async () => {
  const lane = await bench.take(fresh(), 1, [CHAIN]);
  answerAll(bench, () => lane);
  let stored: () => void = () => undefined;
  bench.onStored = (now) => (stored = now);
  const first = startIn(lane, CHAIN, null);
  await first.ended;
  // Waits in the mailbox when history answers.
  const again = startIn(lane, CHAIN, null, { id: first.id });
  stored();
  // Whoever comes from here on asks history.
  expect(lane.knows(first.id)).toBe(false);
  expect((await again.accepted).existing).toBe(true);
  await eventually(() => lane.finished.size === 0);
  expect(lane.counts.started).toBe(1);
});

test('a start that is being looked up finds what has ended meanwhile (E4)', async () => {
  const lane = await bench.take(fresh(), 1, [CHAIN]);
  answerAll(bench, () => lane);
  bench.storesAtOnce = true;
  const first = startIn(lane, CHAIN, null);
  const over = lane.expect(first.id);
  await first.ended;
  await startIn(lane, CHAIN, null).ended;
  expect((await startIn(lane, CHAIN, null, { id: first.id }).accepted).existing).toBe(true);
  over();
  await eventually(() => lane.finished.size === 0);
  expect(lane.counts.started).toBe(2);
});
