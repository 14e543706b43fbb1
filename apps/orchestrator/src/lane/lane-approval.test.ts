/** Executions that wait for a person, on a real log: away from memory, over a change of owner, and against each other. */
import { approvalsOf, type ApprovalAct } from '@millrace/engine';
import { startNats, type NatsServer } from '@millrace/servers';
import { eventually, temporaryFolder, type TemporaryFolder } from '@millrace/testkit';
import type { Lane } from '@millrace/lane';
import { openBench, programOf, startIn, type Bench } from '../testing/lane-bench.ts';

const ASKS = programOf("  - ask:\n      call: approval:1.0.0@default\n      with: { title: '${ \"Pay \\(.n)?\" }', assignee: ada }\n");

let folder: TemporaryFolder;
let nats: NatsServer;
let bench: Bench;
let lane: Lane;
let number = 0;

beforeAll(async () => {
  folder = await temporaryFolder('lane-approval');
  nats = await startNats({ dataDir: folder.path });
}, 60_000);

afterAll(async () => {
  await nats.stop();
  await folder.remove();
});

beforeEach(async () => {
  bench = await openBench(nats.url);
  bench.storeAway = false;
  lane = await bench.take(number++, 1, [ASKS]);
});

afterEach(() => bench.close());

const act = (execution: string, what: ApprovalAct, by = 'acme/k1', organisation = 'acme'): Promise<string> =>
  new Promise((answer) => lane.post({ kind: 'approval', act: what, operator: { by, reason: 'fine' }, order: { task: 'ask', ...(what === 'delegate' ? { to: 'bob' } : {}) }, organisation, execution, answer, refused: answer }));

test('one that waits for a person leaves memory, events do not wake it, and a decision does, once', async () => {
  const started = Array.from({ length: 20 }, (_, n) => startIn(lane, ASKS, { n }));
  await Promise.all(started.map(({ accepted }) => accepted));
  await eventually(() => lane.sleeping === 20, { timeoutMs: 10_000 });
  lane.post({ kind: 'event', organisation: 'acme', event: { specversion: '1.0', id: '1', source: 's', type: 'any' } });
  const [first, second] = started;
  if (first === undefined || second === undefined) throw new Error('none');
  expect(await act(first.id, 'approve', 'x', 'globex')).toBe('unknown');
  expect(await Promise.all([act(first.id, 'approve', 'acme/k1'), act(first.id, 'reject', 'acme/k2')])).toEqual(['found', 'approval-unknown']);
  expect(await first.ended).toMatchObject({ status: 'completed', outputText: expect.stringContaining('"decision":"approved","by":"acme/k1"') });
  await eventually(() => lane.sleeping === 19, { timeoutMs: 10_000 });
  expect(bench.steps).toEqual([]);
}, 30_000);

test('a delegation is there for the next owner, and its decision too', async () => {
  const started = startIn(lane, ASKS, { n: 1 });
  await started.accepted;
  await eventually(() => lane.sleeping === 1, { timeoutMs: 10_000 });
  expect(await act(started.id, 'delegate')).toBe('found');
  lane = await bench.take(lane.number, 2, [ASKS]);
  // Back asleep, or in memory as the log has it.
  const assignee = (): string | undefined => {
    const execution = lane.actors.get(started.id)?.execution;
    return execution === undefined ? undefined : approvalsOf(execution)[0]?.assignee;
  };
  await eventually(() => lane.sleeps(started.id) || assignee() === 'bob', { timeoutMs: 10_000 });
  expect(await act(started.id, 'delegate')).toBe('found');
  expect(await act(started.id, 'reject')).toBe('found');
  await eventually(() => bench.finished.length === 1);
  expect(bench.finished[0]?.end).toMatchObject({ status: 'completed' });
  expect(bench.finished[0]?.journal.texts().join('').match(/"act":"delegate"/g)).toHaveLength(2);
}, 30_000);
