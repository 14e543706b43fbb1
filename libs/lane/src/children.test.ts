import { systemClock } from '@millrace/clock';
import { NO_NODE, payloadOf, start, type Activation, type ChildInput, type JsonValue, type LaneInput, type Program, type StartInput, type StepResult, WORKFLOW_OPERATION } from '@millrace/engine';
import { parseId } from '@millrace/identity';
import { createLogger } from '@millrace/telemetry';
import { createChildren, RUN_DEPTH_MAX } from './children.ts';
import type { ReadyStep } from './lane/ports.ts';

const logger = createLogger({ service: 'orchestrator', instance: 'test', level: 'silent' });
const ID = 'a0000000000000000000000000000000';

function stepOf(key: string | undefined, isDetached = false): ReadyStep {
  const program = { hash: 'f'.repeat(64), namespace: 'n', name: 'parent', version: '1.0.0', document: {}, nodes: [{ kind: 'call', number: 0, name: 'c', reference: '/do', parent: NO_NODE, next: NO_NODE, then: { kind: 'continue' }, definition: null, operation: WORKFLOW_OPERATION, arguments: { kind: 'literal', value: {} }, isDetached }] } as Program;
  const execution = start('acme', ID, program, { kind: 'started', definition: program.hash, workflow: 'parent', version: '1.0.0', input: payloadOf(null), acceptedAtMs: 0, acceptedBy: 'test', ...(key === undefined ? {} : { key }) });
  const activation: Activation = { number: 3, node: 0, parent: 1, attempt: 2, enteredAtMs: 5.5, rawInput: null, input: null, flow: null, arguments: payloadOf({ workflow: 'child@1.0.0', input: { n: 1 } as JsonValue }) };
  return { lane: 0, epoch: 1, execution, activation, readyAtMs: 0 };
}

function bench(failures = 0) {
  const sent: (LaneInput | ChildInput)[] = [];
  const messages: string[] = [];
  const settled: StepResult[] = [];
  const ending = new AbortController();
  let left = failures;
  let wanted = true;
  const children = createChildren({
    clock: systemClock,
    logger,
    signal: ending.signal,
    laneOf: (slot) => slot % 4,
    forward: async (_lane, inputs, messageId) => {
      if (left-- > 0) throw new Error('away');
      messages.push(messageId);
      sent.push(...inputs);
    },
    isWanted: () => wanted,
    settle: (_step, result) => {
      wanted = false;
      settled.push(result);
    },
  });
  return { children, sent, messages, settled, end: () => ending.abort() };
}
const turn = (ms = 0): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

test('a child is started by an id that follows from its parent\'s step and attempt, and answers to it', async () => {
  const [one, other] = [bench(), bench(1)];
  one.children.begin(stepOf(undefined));
  other.children.begin(stepOf(undefined));
  await turn(120);
  expect(one.sent).toHaveLength(1);
  expect(other.sent).toEqual(one.sent);
  const [input] = one.sent as [StartInput];
  expect(input).toMatchObject({ kind: 'start', organisation: 'acme', workflow: 'child@1.0.0', input: { n: 1 }, acceptedBy: 'workflow', key: `run/1/${ID}/1/3/2` });
  expect(parseId(input.execution)).toMatchObject({ format: 'k' });
  expect(one.settled).toEqual([]);
  expect(one.children.isParent(input.replyTo ?? '')).toBe(true);
  one.children.answer(input.replyTo ?? '', { execution: input.execution, status: 'completed', output: { n: 2 } });
  one.children.answer(`${input.replyTo}/1`, { execution: input.execution, status: 'cancelled' });
  await turn();
  expect(one.sent.slice(1)).toMatchObject([{ kind: 'child', execution: ID, run: 1, activation: 3, attempt: 2, output: { n: 2 } }, { kind: 'child', execution: ID, error: { status: 500, detail: expect.stringContaining('was cancelled') } }]);
  one.end();
  other.end();
});

test('one that is not awaited is settled once its start is durable, and answers to nobody', async () => {
  const { children, sent, settled } = bench();
  children.begin(stepOf(undefined, true));
  await turn();
  expect((sent[0] as StartInput).replyTo).toBeUndefined();
  expect(settled).toMatchObject([{ activation: 3, attempt: 2, run: 1, outcome: { kind: 'output' } }]);
});

test('workflows run workflows so deep and no deeper', async () => {
  const deepest = bench();
  deepest.children.begin(stepOf(`run/${RUN_DEPTH_MAX - 1}/x`));
  const tooDeep = bench();
  tooDeep.children.begin(stepOf(`run/${RUN_DEPTH_MAX}/x`));
  await turn();
  expect(deepest.sent).toMatchObject([{ key: expect.stringMatching(new RegExp(`^run/${RUN_DEPTH_MAX}/`)) }]);
  expect(tooDeep.sent).toEqual([]);
  expect(tooDeep.settled).toMatchObject([{ outcome: { kind: 'failure', problem: { detail: expect.stringContaining('32 deep') } } }]);
  deepest.end();
});

test('one that was started is cancelled behind a start of its own, so that neither overtakes the other, until that is durable', async () => {
  const { children, sent, messages, end } = bench(1);
  const step = stepOf(undefined);
  let told = 0;
  children.begin(step);
  children.abandon(2, { ...step, sequence: 7 }, false, () => told++);
  expect(children.lowWater(2)).toBe(7);
  expect(children.lowWater(1)).toBe(Infinity);
  await turn(150);
  const { execution } = sent[0] as StartInput;
  const at = sent.findIndex(({ kind }) => kind === 'cancel');
  expect(sent[at]).toMatchObject({ organisation: 'acme', execution });
  expect(sent[at - 1]).toMatchObject({ kind: 'start', execution });
  expect((sent[at - 1] as StartInput).replyTo).toBeUndefined();
  // Its parent's own asking, which comes before or after.
  expect(sent.filter((input) => input.kind === 'start' && input.execution === execution && input.replyTo !== undefined)).toHaveLength(1);
  expect(messages).toContain(`millrace.parent/${execution}/cancel`);
  expect(told).toBe(1);
  expect(children.lowWater(2)).toBe(Infinity);
  end();
});

test('one that was never asked for is not made to be cancelled, but by a later owner, who cannot know', async () => {
  const { children, sent } = bench();
  let told = 0;
  children.abandon(2, { ...stepOf(undefined), sequence: 7 }, false, () => told++);
  await turn();
  expect([told, sent]).toEqual([1, []]);
  children.abandon(2, { ...stepOf(undefined), sequence: 7 }, true, () => told++);
  await turn();
  expect([told, sent.map(({ kind }) => kind)]).toEqual([2, ['start', 'cancel']]);
});

test('a lane that has left leaves telling to its next owner', async () => {
  const { children, sent } = bench(1);
  let told = 0;
  children.abandon(2, { ...stepOf(undefined), sequence: 7 }, true, () => told++);
  children.dropLane(2);
  await turn(120);
  expect([told, sent, children.lowWater(2)]).toEqual([0, [], Infinity]);
});
