/** Lifecycle events of tasks, on a real NATS. */
import { startNats, type NatsServer } from '@millrace/servers';
import { eventually, temporaryFolder, type TemporaryFolder } from '@millrace/testkit';
import { fault } from '@millrace/engine';
import type { Lane } from '@millrace/lane';
import { CHAIN, echoOf, openBench, programOf, startIn, type Bench } from '../testing/lane-bench.ts';

let folder: TemporaryFolder;
let nats: NatsServer;
let bench: Bench;
let number = 0;

beforeAll(async () => {
  folder = await temporaryFolder('lane-task-events');
  nats = await startNats({ dataDir: folder.path });
});
beforeEach(async () => {
  bench = await openBench(nats.url);
});
afterEach(() => bench.close());
afterAll(async () => {
  await nats.stop();
  await folder.remove();
});

/** What was told, as `change task`, without what stands before the task's name. */
const told = (): readonly string[] => bench.taskEvents.map(({ fact }) => `${fact.change} ${fact.reference.slice(fact.reference.lastIndexOf('/') + 1)}`);
const answering = (lane: () => Lane, failures = 0): void => {
  let left = failures;
  bench.onStep = (step) => {
    const result = echoOf(step);
    const outcome = left-- > 0 ? ({ kind: 'failure', problem: fault('communication', 'away').problem } as const) : result.outcome;
    lane().post({ kind: 'result', execution: step.execution.id, result: { ...result, outcome }, durable: () => undefined });
  };
};

test('every task is told to be created, started and completed, in order, with its output', async () => {
  const program = programOf('  - one: { set: { n: 1 } }\n  - two: { do: [ { three: { call: "millrace.echo:1.0.0@default", with: { n: 2 } } } ] }\n  - no: { if: "false", set: { n: 3 } }\n');
  const lane: Lane = await bench.take(number++, 1, [program]);
  answering(() => lane);
  const { id, ended } = startIn(lane, program, {});
  await ended;
  expect(told()).toEqual(['created one', 'started one', 'completed one', 'created two', 'started two', 'created three', 'started three', 'completed three', 'completed two']);
  expect(bench.taskEvents.find(({ fact }) => fact.change === 'completed' && fact.reference.endsWith('three'))).toMatchObject({ execution: id, organisation: 'acme', fact: { reference: '/do/1/two/do/0/three', output: { value: { n: 2 } } } });
  expect(new Set(bench.taskEvents.map(({ fact, sequence }) => `${sequence}/${fact.index}`)).size).toBe(bench.taskEvents.length);
});

test('a failure, its retry and the attempt behind it are told, with the error', async () => {
  const program = programOf('  - guard:\n      try: [ { ask: { call: "millrace.echo:1.0.0@default", with: { n: 2 } } } ]\n      catch: { retry: { delay: PT0S, limit: { attempt: { count: 2 } } } }\n');
  const lane: Lane = await bench.take(number++, 1, [program]);
  answering(() => lane, 1);
  await startIn(lane, program, {}).ended;
  expect(told()).toEqual(['created guard', 'started guard', 'created ask', 'started ask', 'faulted ask', 'retried guard', 'created ask', 'started ask', 'completed ask', 'completed guard']);
  expect(bench.taskEvents.find(({ fact }) => fact.change === 'faulted')).toMatchObject({ fact: { error: { type: expect.stringContaining('communication') as never, instance: '/do/0/guard/try/0/ask' } } });
});

test('branches that lose a race, and all that runs when somebody cancels, are told to be cancelled', async () => {
  const program = programOf('  - race: { fork: { compete: true, branches: [ { slow: { wait: PT1H } }, { fast: { set: { n: 1 } } } ] } }\n  - rest: { wait: PT1H }\n');
  const lane: Lane = await bench.take(number++, 1, [program]);
  const { id } = startIn(lane, program, {});
  await eventually(() => told().includes('started rest'));
  expect(told()).toEqual(expect.arrayContaining(['cancelled slow', 'completed fast', 'completed race']));
  expect(told()).not.toContain('cancelled rest');
  await new Promise((answer) => lane.post({ kind: 'operate', act: 'cancel', operator: { by: 'acme/k1', reason: 'enough' }, organisation: 'acme', execution: id, answer, refused: answer }));
  await eventually(() => told().includes('cancelled rest'));
});

test('a pause suspends the tasks that run, and a resume is told of them', async () => {
  const lane = await bench.take(number++, 1, [CHAIN]);
  const { id } = startIn(lane, CHAIN, { n: 0 });
  await eventually(() => told().includes('started a'));
  for (const act of ['pause', 'resume'] as const) await new Promise((answer) => lane.post({ kind: 'operate', act, operator: { by: 'acme/k1', reason: 'wait' }, organisation: 'acme', execution: id, answer, refused: answer }));
  await eventually(() => told().includes('resumed a'));
  expect(told()).toEqual(['created a', 'started a', 'suspended a', 'resumed a']);
});
